import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { StatusError } from '../../../api/meta/status-error.ts'
import type { KubeObject } from '../../../api/types.ts'
import { realClock } from '../../../component-base/clock.ts'
import { createMetrics } from '../../../component-base/metrics/metrics.ts'
import { type Admitted, type AdmissionFixture, createAdmissionFixture, type TestRequest } from '../admission-fixture.ts'
import { ConfigError } from '../config/decode-config.ts'
import { parsePodSecurityConfiguration } from './configuration.ts'
import { createPodSecurityMetrics } from './metrics.ts'
import { podSecurity } from './pod-security.ts'

const labels = (of: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(of).map(([name, value]) => [`pod-security.kubernetes.io/${name}`, value]))

const aNamespace = (name: string, policy: Record<string, string>): KubeObject => ({
  kind: 'Namespace',
  apiVersion: 'v1',
  metadata: { name, labels: labels(policy) },
})

const aPod = (namespace: string, spec: object = {}, metadata: object = {}): KubeObject => ({
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { name: 'p', namespace, ...metadata },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
})

const aDeployment = (namespace: string, spec: object = {}): KubeObject => ({
  kind: 'Deployment',
  apiVersion: 'apps/v1',
  metadata: { name: 'd', namespace },
  spec: { template: { spec: { containers: [{ name: 'c', image: 'i' }], ...spec } } },
})

const configuration = {
  apiVersion: 'pod-security.admission.config.k8s.io/v1',
  kind: 'PodSecurityConfiguration',
  exemptions: { usernames: ['boss'], namespaces: ['free'], runtimeClasses: ['vm'] },
}

let fixture: AdmissionFixture
const metrics = createPodSecurityMetrics(createMetrics('test'))

const admit = (request: TestRequest, config: object | undefined = configuration): Promise<Admitted> => {
  const plugin = podSecurity({
    namespaces: fixture.resource('namespaces'),
    pods: fixture.resource('pods'),
    configuration: parsePodSecurityConfiguration(config === undefined ? undefined : { value: config, duplicates: [] }),
    metrics,
    clock: realClock,
  })
  return fixture.admit(plugin, request)
}

const refused = async (request: TestRequest): Promise<StatusError> => {
  try {
    await admit(request)
  } catch (error) {
    assert.ok(error instanceof StatusError)
    return error
  }
  throw new Error('it was admitted')
}

const hostNetwork = { hostNetwork: true }
const violation = 'host namespaces (hostNetwork=true)'

before(async () => {
  fixture = await createAdmissionFixture()
  await fixture.put('namespaces', aNamespace('open', {}))
  await fixture.put('namespaces', aNamespace('free', { enforce: 'restricted' }))
  await fixture.put('namespaces', aNamespace('base', { enforce: 'baseline' }))
  await fixture.put('namespaces', aNamespace('noted', { audit: 'baseline', 'audit-version': 'v1.30' }))
  await fixture.put('namespaces', aNamespace('broken', { enforce: 'nonsense' }))
})
after(() => fixture[Symbol.dispose]())

describe('PodSecurity of Pods', () => {
  it('refuses what is enforced, and says so in the audit event', async () => {
    const error = await refused({ resource: 'pods', object: aPod('base', hostNetwork) })
    assert.equal(error.message, `pods "p" is forbidden: violates PodSecurity "baseline:latest": ${violation}`)
    assert.equal(error.code, 403)
    assert.deepEqual(error.details, { name: 'p', kind: 'pods' })
    const { annotations } = await admit({ resource: 'pods', object: aPod('base') })
    assert.deepEqual(annotations, { 'pod-security.kubernetes.io/enforce-policy': 'baseline:latest' })
  })

  it('only notes what is audited', async () => {
    const { annotations, warnings } = await admit({ resource: 'pods', object: aPod('noted', hostNetwork) })
    assert.deepEqual(annotations, {
      'pod-security.kubernetes.io/enforce-policy': 'privileged:latest',
      'pod-security.kubernetes.io/audit-violations': `would violate PodSecurity "baseline:v1.30": ${violation}`,
    })
    assert.deepEqual(warnings, [])
  })

  it('asks nothing in a namespace without labels', async () => {
    const { annotations } = await admit({ resource: 'pods', object: aPod('open', hostNetwork) })
    assert.deepEqual(annotations, { 'pod-security.kubernetes.io/enforce-policy': 'privileged:latest' })
  })

  it('takes the defaults of the configuration there', async () => {
    const strict = { ...configuration, defaults: { enforce: 'baseline', 'enforce-version': 'v1.34' } }
    await assert.rejects(admit({ resource: 'pods', object: aPod('open', hostNetwork) }, strict), {
      message: `pods "p" is forbidden: violates PodSecurity "baseline:v1.34": ${violation}`,
    })
  })

  it('holds a namespace with labels that nobody understands to the strictest', async () => {
    const error = await refused({ resource: 'pods', object: aPod('broken') })
    assert.match(
      error.message,
      /violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false \(container/,
    )
  })

  it('exempts namespaces, users and runtime classes, in that order', async () => {
    const exempt = async (request: TestRequest) =>
      (await admit(request)).annotations['pod-security.kubernetes.io/exempt']
    const user = { name: 'boss' }
    assert.equal(await exempt({ resource: 'pods', object: aPod('free', hostNetwork), user }), 'namespace')
    assert.equal(await exempt({ resource: 'pods', object: aPod('base', hostNetwork), user }), 'user')
    const inVm = aPod('base', { ...hostNetwork, runtimeClassName: 'vm' })
    assert.equal(await exempt({ resource: 'pods', object: inVm }), 'runtimeClass')
  })

  it('looks at updates that bring images, and at ephemeral containers and resizes', async () => {
    const update = (resource: string, spec: object, old: object): TestRequest => ({
      operation: 'UPDATE',
      resource,
      object: aPod('base', { ...hostNetwork, ...spec }),
      oldObject: aPod('base', { ...hostNetwork, ...old }),
    })
    await admit(update('pods', { activeDeadlineSeconds: 5 }, {}))
    await admit(update('pods/status', { containers: [] }, {}))
    await refused(update('pods', { containers: [{ name: 'c', image: 'other' }] }, {}))
    const debug = { ephemeralContainers: [{ name: 'debug', image: 'i' }] }
    await refused(update('pods/ephemeralcontainers', debug, {}))
    await admit(update('pods/ephemeralcontainers', debug, debug))
    await refused(update('pods/ephemeralcontainers', { ephemeralContainers: [{ name: 'debug', image: 'j' }] }, debug))
    await admit(update('pods/resize', {}, {}))
    await refused(update('pods/resize', { containers: [{ name: 'c', image: 'other' }] }, {}))
  })

  it('leaves subresources alone that have no Pod', async () => {
    await admit({ resource: 'pods/binding', object: aPod('base', hostNetwork) })
    await admit({ resource: 'pods/eviction', object: aPod('base', hostNetwork) })
  })
})

describe('PodSecurity of what makes Pods', () => {
  it('warns and notes, and never refuses', async () => {
    const { warnings } = await admit({ resource: 'deployments.apps', object: aDeployment('base', hostNetwork) })
    assert.deepEqual(warnings, [`would violate PodSecurity "baseline:latest": ${violation}`])
    const noted = await admit({ resource: 'deployments.apps', object: aDeployment('noted', hostNetwork) })
    assert.deepEqual(noted.warnings, [])
    assert.deepEqual(Object.keys(noted.annotations), ['pod-security.kubernetes.io/audit-violations'])
  })

  it('finds the template of each kind', async () => {
    const template = { spec: { ...hostNetwork, containers: [] } }
    const specs: readonly [string, object][] = [
      ['podtemplates', { template }],
      ['replicationcontrollers', { spec: { template } }],
      ['replicasets.apps', { spec: { template } }],
      ['statefulsets.apps', { spec: { template } }],
      ['daemonsets.apps', { spec: { template } }],
      ['jobs.batch', { spec: { template } }],
      ['cronjobs.batch', { spec: { jobTemplate: { spec: { template } } } }],
    ]
    for (const [resource, rest] of specs) {
      const { warnings } = await admit({ resource, object: { metadata: { name: 'x', namespace: 'base' }, ...rest } })
      assert.deepEqual(warnings, [`would violate PodSecurity "baseline:latest": ${violation}`], resource)
    }
    const empty = { metadata: { name: 'x', namespace: 'base' }, spec: {} }
    assert.deepEqual((await admit({ resource: 'replicationcontrollers', object: empty })).warnings, [])
  })

  it('does not look at scale and status', async () => {
    const scaled = await admit({ resource: 'deployments.apps/scale', object: aDeployment('base', hostNetwork) })
    assert.deepEqual(scaled.warnings, [])
  })
})

describe('PodSecurity of Namespaces', () => {
  const relabel = (name: string, from: Record<string, string>, to: Record<string, string>): TestRequest => ({
    operation: 'UPDATE',
    resource: 'namespaces',
    object: aNamespace(name, to),
    oldObject: aNamespace(name, from),
  })

  it('demands labels that can be read, on updates only where they change', async () => {
    const error = await refused({
      resource: 'namespaces',
      object: aNamespace('x', { warn: 'x', 'audit-version': '1' }),
    })
    assert.equal(error.code, 422)
    assert.equal(
      error.message,
      'Namespace "x" is invalid: [metadata.labels[pod-security.kubernetes.io/audit-version]: Invalid value: "1": must be "latest" or "v1.x", metadata.labels[pod-security.kubernetes.io/warn]: Invalid value: "x": must be one of privileged, baseline, restricted]',
    )
    await admit(relabel('x', { warn: 'x' }, { warn: 'x', enforce: 'privileged' }))
    await refused(relabel('x', { warn: 'x' }, { warn: 'y' }))
  })

  it('warns of the Pods that are there and violate the new policy, those with the same faults together', async () => {
    await fixture.put('namespaces', aNamespace('old', {}))
    const owned = {
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'r', uid: 'r', controller: true }],
    }
    for (const name of ['b', 'a', 'c']) await fixture.put('pods', aPod('old', hostNetwork, { name, ...owned }))
    await fixture.put('pods', aPod('old', { hostPID: true, volumes: [{ name: 'v', hostPath: {} }] }, { name: 'd' }))
    await fixture.put('pods', aPod('old', hostNetwork, { name: 'e', ...owned, ownerReferences: [] }))
    await fixture.put('pods', aPod('old', {}, { name: 'good' }))
    await fixture.put('pods', aPod('old', { ...hostNetwork, runtimeClassName: 'vm' }, { name: 'vm' }))
    const { warnings } = await admit(relabel('old', {}, { enforce: 'baseline' }))
    assert.deepEqual(warnings, [
      'existing pods in namespace "old" violate the new PodSecurity enforce level "baseline:latest"',
      'a (and 3 other pods): host namespaces',
      'd: host namespaces, hostPath volumes',
    ])
    for (const [from, to] of [
      [{ enforce: 'baseline' }, { enforce: 'baseline', warn: 'restricted' }],
      [{ enforce: 'restricted' }, { enforce: 'baseline' }],
      [{ enforce: 'restricted' }, { enforce: 'privileged' }],
    ] as const)
      assert.deepEqual((await admit(relabel('old', from, to))).warnings, [])
    const newer = await admit(
      relabel('old', { enforce: 'restricted' }, { enforce: 'baseline', 'enforce-version': 'v1.0' }),
    )
    assert.equal(newer.warnings.length, 3)
  })

  it('says that the labels of an exempt namespace are without effect', async () => {
    const expected = [
      'namespace "free" is exempt from Pod Security, and the policy (enforce=baseline:latest, warn=restricted:v1.30) will be ignored',
    ]
    const policy = { enforce: 'baseline', warn: 'restricted', 'warn-version': 'v1.30' }
    assert.deepEqual((await admit(relabel('free', {}, policy))).warnings, expected)
    assert.deepEqual((await admit({ resource: 'namespaces', object: aNamespace('free', policy) })).warnings, expected)
  })
})

describe('PodSecurityConfiguration', () => {
  const bad = (config: object, message: string | RegExp) =>
    assert.throws(
      () => parsePodSecurityConfiguration({ value: { ...configuration, ...config }, duplicates: [] }),
      (error) =>
        error instanceof ConfigError &&
        (message instanceof RegExp ? message.test(error.message) : error.message === message),
    )

  it('is strict', () => {
    bad(
      { defaults: { enforce: 'x' } },
      'defaults.enforce: Invalid value: "x": must be one of privileged, baseline, restricted',
    )
    bad({ defaults: { 'warn-version': '1' } }, 'defaults.warn-version: Invalid value: "1": must be "latest" or "v1.x"')
    bad({ defaults: { enforced: 'baseline' } }, 'strict decoding error: unknown field "defaults.enforced"')
    bad({ exemptions: { namespaces: ['a', 'a'] } }, 'exemptions.namespaces[1]: Duplicate value: "a"')
    bad({ exemptions: { usernames: [''] } }, 'exemptions.usernames[0]: Invalid value: "": username must not be empty')
    bad(
      { exemptions: { runtimeClasses: ['A'] } },
      /^exemptions\.runtimeClasses\[0\]: Invalid value: "A": a lowercase RFC 1123 subdomain/,
    )
    bad({ apiVersion: 'v1' }, 'no kind "PodSecurityConfiguration" is registered for version "v1"')
    bad({ kind: undefined }, "Object 'Kind' is missing")
  })

  it('takes older versions, and privileged where nothing is said', () => {
    for (const version of ['v1alpha1', 'v1beta1', 'v1']) {
      const value = { ...configuration, apiVersion: `pod-security.admission.config.k8s.io/${version}` }
      const { defaults } = parsePodSecurityConfiguration({ value, duplicates: [] })
      assert.deepEqual(defaults.enforce, { level: 'privileged', version: 'latest' })
    }
  })
})
