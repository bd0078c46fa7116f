/** Pod Security by the labels of namespaces, as kubectl shows it. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import type { TestCluster } from '../../harness/cluster.ts'
import { createKubectl, type Kubectl } from '../../harness/kubectl.ts'
import { writeTokenKubeconfig } from '../../harness/kubeconfig.ts'
import { waitFor } from '../../harness/wait.ts'
import { readEvents } from '../audit/harness.ts'

const plain = { containers: [{ name: 'c', image: 'nginx:1' }] }
const privileged = { containers: [{ name: 'c', image: 'nginx:1', securityContext: { privileged: true } }] }
const safeContext = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }
const safe = {
  securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  containers: [{ name: 'c', image: 'nginx:1', securityContext: safeContext }],
}

const aPod = (name: string, spec: object): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec })

const aDeployment = (name: string, spec: object): string =>
  JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec },
    },
  })

const missing = (container: string): string =>
  `allowPrivilegeEscalation != false (container "${container}" must set securityContext.allowPrivilegeEscalation=false), ` +
  `unrestricted capabilities (container "${container}" must set securityContext.capabilities.drop=["ALL"]), ` +
  `runAsNonRoot != true (pod or container "${container}" must set securityContext.runAsNonRoot=true), ` +
  `seccompProfile (pod or container "${container}" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")`

export const describePodSecurity = (running: () => TestCluster): void => {
  describe('Pod Security', () => {
    let kubectl: Kubectl
    const label = (namespace: string, ...labels: readonly string[]) =>
      kubectl.run([
        'label',
        '--overwrite',
        'namespace',
        namespace,
        ...labels.map((text) => (text.startsWith('--') ? text : `pod-security.kubernetes.io/${text}`)),
      ])
    const makeNamespace = async (name: string, ...labels: readonly string[]): Promise<void> => {
      await kubectl('create', 'namespace', name)
      if (labels.length > 0) assert.equal((await label(name, ...labels)).code, 0)
      // A new namespace has no account for Pods until a controller has made it.
      await waitFor(async () => (await kubectl.run(['-n', name, 'get', 'serviceaccount', 'default'])).code === 0, {
        what: 'the default account',
      })
    }
    const send = (namespace: string, verb: string, manifest: string, ...more: readonly string[]) =>
      kubectl.run(['-n', namespace, verb, '-f', '-', ...more], { input: manifest })

    before(async () => {
      ;({ kubectl } = running())
      await makeNamespace('restricted', 'enforce=restricted')
      await makeNamespace('baseline', 'enforce=baseline', 'warn=restricted', 'audit=restricted', 'warn-version=v1.20')
    })

    it('refuses a Pod that violates what is enforced, and says all that is missing', async () => {
      for (const verb of ['create', 'apply']) {
        const { code, stderr } = await send('restricted', verb, aPod('plain', plain))
        assert.equal(code, 1)
        assert.equal(
          stderr,
          `Error from server (Forbidden): error when creating "STDIN": pods "plain" is forbidden: violates PodSecurity "restricted:latest": ${missing('c')}\n`,
        )
      }
      const applied = await send('restricted', 'apply', aPod('plain', plain), '--server-side')
      assert.match(applied.stderr, /pods "plain" is forbidden: violates PodSecurity "restricted:latest"/)
      const tried = await send('restricted', 'create', aPod('plain', plain), '--dry-run=server')
      assert.match(tried.stderr, /violates PodSecurity/)
      assert.equal((await send('restricted', 'create', aPod('safe', safe))).stderr, '')
      const generated = JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { generateName: 'gen-' },
        spec: plain,
      })
      assert.match(
        (await send('restricted', 'create', generated)).stderr,
        /pods "gen-[a-z0-9]{5}" is forbidden: violates/,
      )
    })

    it('warns of what is not enforced, in the version that is asked for', async () => {
      const { code, stderr } = await send('baseline', 'create', aPod('plain', plain))
      assert.equal(code, 0)
      assert.equal(
        stderr,
        'Warning: would violate PodSecurity "restricted:v1.20": allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")\n',
      )
      const refused = await send('baseline', 'create', aPod('privileged', privileged))
      assert.equal(
        refused.stderr,
        'Error from server (Forbidden): error when creating "STDIN": pods "privileged" is forbidden: violates PodSecurity "baseline:latest": privileged (container "c" must not set securityContext.privileged=true)\n',
      )
    })

    it('only warns of workloads, and refuses their Pods', async () => {
      const { code, stderr } = await send('restricted', 'apply', aDeployment('d', plain))
      assert.equal(code, 0)
      assert.equal(stderr, `Warning: would violate PodSecurity "restricted:latest": ${missing('c')}\n`)
      await kubectl('-n', 'restricted', 'scale', 'deployment', 'd', '--replicas=1')
      const message = await waitFor(
        async () => {
          const status = ['get', 'replicasets', '-o', 'jsonpath={.items[*].status.conditions[*].message}'] as const
          const text = await kubectl('-n', 'restricted', ...status)
          return text === '' ? undefined : text
        },
        { what: 'the ReplicaSet to fail' },
      )
      assert.match(message, /^pods "d-[a-z0-9]+-[a-z0-9]{5}" is forbidden: violates PodSecurity "restricted:latest": /)
    })

    it('leaves a note of its decision in the audit log', async () => {
      const path = join(running().layout.logs, 'audit.log')
      const annotationsOf = (name: string, namespace: string) =>
        readEvents(path).find(
          ({ objectRef, verb }) =>
            objectRef?.['name'] === name && objectRef['namespace'] === namespace && verb === 'create',
        )?.annotations
      const noted = await waitFor(() => annotationsOf('plain', 'baseline'), { what: 'the audit event' })
      assert.equal(noted['pod-security.kubernetes.io/enforce-policy'], 'baseline:latest')
      assert.equal(
        noted['pod-security.kubernetes.io/audit-violations'],
        `would violate PodSecurity "restricted:latest": ${missing('c')}`,
      )
    })

    it('tells who tightens a namespace of the Pods that are there', async () => {
      await makeNamespace('legacy')
      for (const name of ['a', 'b']) assert.equal((await send('legacy', 'create', aPod(name, privileged))).stderr, '')
      await send('legacy', 'create', aPod('c', { ...plain, hostNetwork: true }))
      const tried = await label('legacy', 'enforce=baseline', '--dry-run=server')
      assert.match(tried.stderr, /existing pods in namespace "legacy" violate/)
      const { code, stderr } = await label('legacy', 'enforce=baseline')
      assert.equal(code, 0)
      assert.equal(
        stderr,
        'Warning: existing pods in namespace "legacy" violate the new PodSecurity enforce level "baseline:latest"\nWarning: a (and 1 other pod): privileged\nWarning: c: host namespaces\n',
      )
      assert.equal((await kubectl('-n', 'legacy', 'get', 'pods', '-o', 'name')).split('\n').length, 4)
    })

    it('refuses labels that nobody could read', async () => {
      const { stderr } = await label('legacy', 'enforce=strict')
      assert.match(
        stderr,
        /namespaces? "legacy" (is invalid|was not valid)[^]*metadata.labels\[pod-security.kubernetes.io\/enforce\]: Invalid value: "strict": must be one of privileged, baseline, restricted/i,
      )
    })

    it('is not got round by subresources or old objects (the class of CVE-2021-25735)', async () => {
      const pod = 'pods/safe'
      const debug = {
        ephemeralContainers: [{ name: 'debug', image: 'busybox', securityContext: { privileged: true } }],
      }
      const patch = (subresource: string, body: object, type = 'strategic') =>
        kubectl.run([
          '-n',
          'restricted',
          'patch',
          pod,
          `--subresource=${subresource}`,
          `--type=${type}`,
          '-p',
          JSON.stringify(body),
        ])
      const viaDebug = await kubectl.run([
        '-n',
        'restricted',
        'debug',
        pod,
        '--image=busybox',
        '--profile=sysadmin',
        '--quiet',
      ])
      assert.match(viaDebug.stderr, /violates PodSecurity "restricted:latest"/)
      const stored = await kubectl.json<{ spec: object }>('-n', 'restricted', 'get', pod)
      const ephemeral = await kubectl.run(
        ['replace', '--raw', '/api/v1/namespaces/restricted/pods/safe/ephemeralcontainers', '-f', '-'],
        { input: JSON.stringify({ ...stored, spec: { ...stored.spec, ...debug } }) },
      )
      assert.match(ephemeral.stderr, /violates PodSecurity "restricted:latest": privileged/)
      // Resize and status change nothing but what is theirs.
      await patch('resize', { spec: { containers: [{ name: 'c', securityContext: { privileged: true } }] } })
      await patch('status', { spec: { containers: [{ name: 'c', securityContext: { privileged: true } }] } })
      const context = await kubectl(
        '-n',
        'restricted',
        'get',
        pod,
        '-o',
        'jsonpath={.spec.containers[0].securityContext}',
      )
      assert.deepEqual(JSON.parse(context), safeContext)
      // A Pod from before the policy keeps running, but gets no new image.
      const image = (name: string) => kubectl.run(['-n', 'legacy', 'set', 'image', `pod/${name}`, 'c=nginx:2'])
      assert.match(
        (await image('a')).stderr,
        /pods "a" is forbidden: violates PodSecurity "baseline:latest": privileged/,
      )
      assert.equal((await kubectl.run(['-n', 'legacy', 'label', 'pod', 'a', 'x=y'])).code, 0)
    })

    it('keeps a Pod from making a privileged one with its account', async () => {
      await kubectl(
        '-n',
        'restricted',
        'create',
        'rolebinding',
        'admin',
        '--clusterrole=admin',
        '--serviceaccount=restricted:default',
      )
      const token = (await kubectl('-n', 'restricted', 'create', 'token', 'default')).trim()
      const thief = createKubectl(writeTokenKubeconfig(running(), token))
      const create = (): ReturnType<Kubectl['run']> =>
        thief.run(['-n', 'restricted', 'create', '-f', '-'], { input: aPod('evil', privileged) })
      await waitFor(async () => !(await create()).stderr.includes('cannot create resource'), {
        what: 'the role to count',
      })
      assert.match(
        (await create()).stderr,
        /pods "evil" is forbidden: violates PodSecurity "restricted:latest": privileged/,
      )
      const relabel = await thief.run([
        'label',
        '--overwrite',
        'namespace',
        'restricted',
        'pod-security.kubernetes.io/enforce=privileged',
      ])
      assert.match(relabel.stderr, /cannot patch resource "namespaces"/)
    })

    it('counts its decisions', async () => {
      const metrics = await kubectl('get', '--raw', '/metrics')
      const labels = 'policy_level="restricted",policy_version="latest",mode="enforce",request_operation="create"'
      assert.match(
        metrics,
        new RegExp(
          `^pod_security_evaluations_total\\{decision="deny",${labels},resource="pod",subresource=""\\} [1-9]`,
          'm',
        ),
      )
    })

    it('leaves the namespaces of the system to the system', async () => {
      const { code, stderr } = await send('kube-system', 'create', aPod('agent', { ...privileged, hostNetwork: true }))
      assert.deepEqual([code, stderr], [0, ''])
      await kubectl('-n', 'kube-system', 'delete', 'pod', 'agent', '--grace-period=0', '--force')
    })
  })
}
