/** Admission plugins by flags and by configuration file, in an API server that is started with them. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { dump } from 'js-yaml'
import { projectRoot } from '../../deploy/layout.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const directory = mkdtempSync(join(tmpdir(), 'kubets-admission-'))
after(() => rmSync(directory, { recursive: true }))
const write = (name: string, content: object): string => {
  const path = join(directory, name)
  writeFileSync(path, dump(content))
  return path
}

write('pod-security.yaml', {
  apiVersion: 'pod-security.admission.config.k8s.io/v1',
  kind: 'PodSecurityConfiguration',
  defaults: { enforce: 'baseline', warn: 'restricted', 'warn-version': 'v1.20' },
  exemptions: { namespaces: ['kube-system', 'exempt'] },
})
const configFile = write('admission.yaml', {
  apiVersion: 'apiserver.config.k8s.io/v1',
  kind: 'AdmissionConfiguration',
  plugins: [
    { name: 'PodSecurity', path: 'pod-security.yaml' },
    {
      name: 'ResourceQuota',
      configuration: {
        apiVersion: 'apiserver.config.k8s.io/v1',
        kind: 'ResourceQuotaConfiguration',
        limitedResources: [
          {
            resource: 'pods',
            matchScopes: [{ scopeName: 'PriorityClass', operator: 'In', values: ['system-node-critical'] }],
          },
        ],
      },
    },
    {
      name: 'PodNodeSelector',
      configuration: { podNodeSelectorPluginConfig: { clusterDefaultNodeSelector: 'disk=ssd' } },
    },
  ],
})

const plugins = [
  'NodeRestriction',
  'NamespaceAutoProvision',
  'AlwaysPullImages',
  'DenyServiceExternalIPs',
  'PodNodeSelector',
  'OwnerReferencesPermissionEnforcement',
]
const running = useCluster({
  extraArgs: {
    'kube-apiserver': {
      'enable-admission-plugins': plugins.join(','),
      'disable-admission-plugins': 'DefaultTolerationSeconds',
      'admission-control-config-file': configFile,
    },
  },
})

const aPod = (name: string, spec: object = {}): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [{ name: 'c', image: 'i', imagePullPolicy: 'IfNotPresent' }], ...spec },
  })

describe('an API server with other admission plugins', () => {
  const create = (namespace: string, input: string) =>
    running().kubectl.run(['-n', namespace, 'create', '-f', '-'], { input })

  it('provides namespaces, and obeys the defaults and exemptions of Pod Security there', async () => {
    const { kubectl } = running()
    for (const namespace of ['fresh', 'exempt']) {
      assert.equal((await kubectl.run(['-n', namespace, 'create', 'configmap', 'first'])).code, 0)
      await waitFor(async () => (await kubectl.run(['-n', namespace, 'get', 'serviceaccount', 'default'])).code === 0, {
        what: 'the default account',
      })
    }
    const warned = await create('fresh', aPod('p'))
    assert.equal(warned.code, 0)
    assert.match(warned.stderr, /^Warning: would violate PodSecurity "restricted:v1\.20": /)
    const refused = await create('fresh', aPod('host', { hostPID: true }))
    assert.match(
      refused.stderr,
      /pods "host" is forbidden: violates PodSecurity "baseline:latest": host namespaces \(hostPID=true\)/,
    )
    const exempt = await create('exempt', aPod('host', { hostPID: true }))
    assert.deepEqual([exempt.code, exempt.stderr], [0, ''])
    const labelled = await kubectl.run([
      'label',
      'namespace',
      'exempt',
      'pod-security.kubernetes.io/enforce=restricted',
    ])
    assert.equal(
      labelled.stderr,
      'Warning: namespace "exempt" is exempt from Pod Security, and the policy (enforce=restricted:latest) will be ignored\n',
    )
  })

  it('runs the plugins that were asked for, and not those that were switched off', async () => {
    const { kubectl } = running()
    const pod = await kubectl.json<{
      spec: { tolerations?: object[]; nodeSelector?: object; containers: { imagePullPolicy: string }[] }
    }>('-n', 'fresh', 'get', 'pod', 'p')
    assert.equal(pod.spec.containers[0]?.imagePullPolicy, 'Always')
    assert.deepEqual(pod.spec.nodeSelector, { disk: 'ssd' })
    assert.equal(pod.spec.tolerations, undefined)
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 's' },
      spec: { ports: [{ port: 80 }], externalIPs: ['192.0.2.1'] },
    }
    assert.match(
      (await create('fresh', JSON.stringify(service))).stderr,
      /services "s" is forbidden: Use of external IPs is denied by admission control/,
    )
  })

  it('gives nobody a limited priority without a quota for it', async () => {
    const { stderr } = await create('fresh', aPod('critical', { priorityClassName: 'system-node-critical' }))
    assert.match(stderr, /insufficient quota to match these scopes: \[\{PriorityClass In \[system-node-critical\]\}\]/)
  })
})

describe('the flags of admission', () => {
  const start = (...flags: readonly string[]): Promise<string> =>
    new Promise((resolve) => {
      const required = [
        '--etcd-servers=http://127.0.0.1:1',
        '--service-account-issuer=x',
        '--service-account-signing-key-file=x',
      ]
      execFile(
        process.execPath,
        [join(projectRoot, 'apiserver/main.ts'), ...required, ...flags],
        { timeout: 30_000 },
        (_error, stdout, stderr) => resolve(stdout + stderr),
      )
    })

  it('are refused by name before anything is started', async () => {
    assert.match(
      await start('--enable-admission-plugins=Nope'),
      /enable-admission-plugins plugin \\?"Nope\\?" is unknown/,
    )
    assert.match(
      await start('--enable-admission-plugins=PodSecurity', '--disable-admission-plugins=PodSecurity'),
      /\[PodSecurity\] in enable-admission-plugins and disable-admission-plugins overlapped/,
    )
    assert.match(
      await start(`--admission-control-config-file=${write('bad.yaml', { apiVersion: 'v1', kind: 'Pod' })}`),
      /failed to read plugin config: no kind \\?"Pod\\?" is registered/,
    )
  })
})
