import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger } from '../../component-base/logging/logger.ts'
import { realClock } from '../../component-base/clock.ts'
import { createMetrics } from '../../component-base/metrics/metrics.ts'
import { UsageError } from '../../component-base/process/run.ts'
import { createRbacAuthorizer } from '../authorization/rbac.ts'
import { type AdmissionFixture, createAdmissionFixture } from './admission-fixture.ts'
import { readPluginConfigurations } from './config/admission-configuration.ts'
import { createPodSecurityMetrics } from './pod-security/metrics.ts'
import { createWebhookMetrics } from './webhook/metrics.ts'
import { admissionPlugins, type PluginSelection } from './plugins.ts'

let fixture: AdmissionFixture
let folder: string
before(async () => {
  fixture = await createAdmissionFixture()
  folder = mkdtempSync(join(tmpdir(), 'kubets-admission-'))
})
after(() => {
  fixture[Symbol.dispose]()
  rmSync(folder, { recursive: true })
})

const file = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const select = (selection: Partial<PluginSelection> & { configFile?: string }) => {
  const rbac = createRbacAuthorizer(fixture.resources)
  const { configFile = '', ...rest } = selection
  const all = admissionPlugins(
    {
      authorizer: rbac,
      rbac,
      resources: fixture.resources,
      tolerations: { notReadySeconds: 300, unreachableSeconds: 300 },
      allowPrivileged: true,
      podSecurityMetrics: createPodSecurityMetrics(createMetrics('test')),
      webhookMetrics: createWebhookMetrics(createMetrics('test')),
      callReview: () => Promise.reject(new Error('no webhook is called')),
      log: createLogger('test'),
      clock: realClock,
    },
    { only: [], enabled: [], disabled: [], configurations: readPluginConfigurations(configFile), ...rest },
  )
  return all.map(({ name }) => name)
}
const always = ['CertificateRequester', 'AllowPrivileged', 'RBACEscalation']

describe('the admission plugins', () => {
  it('are by default those of v1.36, in upstream’s order', () => {
    assert.deepEqual(select({}), [
      ...always,
      'NamespaceLifecycle',
      'LimitRanger',
      'ServiceAccount',
      'TaintNodesByCondition',
      'PodSecurity',
      'Priority',
      'DefaultTolerationSeconds',
      'DefaultStorageClass',
      'StorageObjectInUseProtection',
      'PersistentVolumeClaimResize',
      'RuntimeClass',
      'CertificateApproval',
      'CertificateSigning',
      'ClusterTrustBundleAttest',
      'CertificateSubjectRestriction',
      'DefaultIngressClass',
      'PodTopologyLabels',
      'NodeDeclaredFeatureValidator',
      'PodResizeValidator',
      'MutatingAdmissionPolicy',
      'MutatingAdmissionWebhook',
      'ValidatingAdmissionPolicy',
      'ValidatingAdmissionWebhook',
      'ResourceQuota',
    ])
  })

  it('are switched on and off by name, and keep their order', () => {
    const names = select({
      enabled: ['AlwaysDeny', 'NodeRestriction', 'NamespaceAutoProvision'],
      disabled: ['PodSecurity', 'AlwaysAdmit'],
    })
    assert.deepEqual(names.slice(3, 7), [
      'NamespaceAutoProvision',
      'NamespaceLifecycle',
      'LimitRanger',
      'ServiceAccount',
    ])
    assert.equal(names.at(-1), 'AlwaysDeny')
    assert.ok(!names.includes('PodSecurity'))
    // Behind feature gates that are off: known, and without effect.
    assert.deepEqual(select({ enabled: ['JobValidation'] }), select({}))
    assert.deepEqual(select({ disabled: ['PodGroupWorkloadExists'] }), select({}))
  })

  it('are those of the older flag and no others', () => {
    assert.deepEqual(select({ only: ['ResourceQuota', 'NamespaceLifecycle'] }), [
      ...always,
      'NamespaceLifecycle',
      'ResourceQuota',
    ])
    assert.throws(() => select({ only: ['Nope'] }), /^UsageError: admission-control plugin "Nope" is unknown$/)
    assert.throws(() => select({ only: ['AlwaysAdmit'], disabled: ['PodSecurity'] }), /are mutually exclusive$/)
  })

  it('are refused by name', () => {
    const refused = (selection: Parameters<typeof select>[0], message: string) =>
      assert.throws(
        () => select(selection),
        (error) => error instanceof UsageError && error.message === message,
      )
    refused({ enabled: ['Nope'] }, 'enable-admission-plugins plugin "Nope" is unknown')
    refused({ disabled: ['podsecurity'] }, 'disable-admission-plugins plugin "podsecurity" is unknown')
    refused({ disabled: ['RBACEscalation'] }, 'disable-admission-plugins plugin "RBACEscalation" is unknown')
    refused(
      { enabled: ['PodSecurity', 'LimitRanger'], disabled: ['LimitRanger', 'PodSecurity'] },
      '[LimitRanger PodSecurity] in enable-admission-plugins and disable-admission-plugins overlapped',
    )
    refused(
      { enabled: ['ImagePolicyWebhook'] },
      'couldn\'t init admission plugin "ImagePolicyWebhook": no config specified',
    )
    refused(
      { enabled: ['EventRateLimit'] },
      'couldn\'t init admission plugin "EventRateLimit": limits: Invalid value: []: must not be empty',
    )
  })
})

describe('--admission-control-config-file', () => {
  const head = 'apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\n'
  const limits =
    '{apiVersion: eventratelimit.admission.k8s.io/v1alpha1, kind: Configuration, limits: [{type: Server, qps: 1, burst: 1}]}'

  it('configures plugins in place, and by files beside it', () => {
    const enabled = ['EventRateLimit']
    const inline = file('inline.yaml', `${head}plugins: [{name: EventRateLimit, configuration: ${limits}}]`)
    assert.ok(select({ enabled, configFile: inline }).includes('EventRateLimit'))
    file('limits.yaml', limits)
    const byPath = file('path.yaml', `${head}plugins: [{name: EventRateLimit, path: limits.yaml}]`)
    assert.ok(select({ enabled, configFile: byPath }).includes('EventRateLimit'))
    const old = file(
      'old.yaml',
      `apiVersion: apiserver.k8s.io/v1alpha1\nkind: AdmissionConfiguration\nplugins: [{name: EventRateLimit, configuration: ${limits}}]`,
    )
    assert.ok(select({ enabled, configFile: old }).includes('EventRateLimit'))
  })

  it('takes the first of two entries, and ignores plugins that are not on', () => {
    const entry = (level: string) =>
      `{name: PodSecurity, configuration: {apiVersion: pod-security.admission.config.k8s.io/v1, kind: PodSecurityConfiguration, defaults: {enforce: ${level}}}}`
    select({
      configFile: file(
        'twice.yaml',
        `${head}plugins: [${entry('baseline')}, ${entry('nonsense')}, {name: Unknown, configuration: {a: 1}}]`,
      ),
    })
    assert.throws(
      () => select({ configFile: file('bad.yaml', `${head}plugins: [${entry('nonsense')}]`) }),
      /couldn't init admission plugin "PodSecurity": defaults\.enforce: Invalid value: "nonsense"/,
    )
  })

  it('may be the file of a plugin that has no version', () => {
    const configFile = file('selectors.yaml', 'podNodeSelectorPluginConfig: {clusterDefaultNodeSelector: "a=b"}')
    assert.ok(select({ enabled: ['PodNodeSelector'], configFile }).includes('PodNodeSelector'))
  })

  it('is strict', () => {
    const refused = (text: string, message: RegExp) =>
      assert.throws(
        () => select({ configFile: file('x.yaml', text) }),
        (error) => error instanceof UsageError && message.test(error.message),
      )
    refused(`${head}plugin: []`, /^failed to read plugin config: strict decoding error: unknown field "plugin"$/)
    refused('kind: AdmissionConfiguration', /Object 'apiVersion' is missing/)
    refused('apiVersion: v1\nkind: Pod', /no kind "Pod" is registered for version "v1"/)
    refused('a: [', /^unable to read admission control configuration from ".*x\.yaml"/)
    refused(
      `${head}plugins: [{name: EventRateLimit, path: missing.yaml}]`,
      /^unable to read admission plugin configuration from ".*missing\.yaml"/,
    )
  })
})
