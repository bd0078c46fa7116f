import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Container, Service } from '../../api/types.ts'
import { aContainer, aPod } from '../testing.ts'
import { formatResolvConf, parseResolvConf, podDns } from './dns.ts'
import { makeEnvironment } from './environment.ts'
import { expand } from './expansion.ts'
import { resourceValue } from './field-ref.ts'
import { podHostsFile } from './hosts-file.ts'
import { noObjects, type ObjectSource } from './objects.ts'
import { cgroupSettings, cpuQuota, cpuShares, oomScoreAdj } from './resources.ts'
import { securityConfig } from './security.ts'

describe('expand', () => {
  const lookup = (name: string): string | undefined => ({ A: '1', B: '$(A)' })[name]
  it('replaces known names once and leaves the rest as it is written', () => {
    const cases = [
      ['$(A)-$(B)', '1-$(A)'],
      ['$$(A)', '$(A)'],
      ['$$$(A)', '$1'],
      ['$(MISSING)', '$(MISSING)'],
      ['$A ${A} $', '$A ${A} $'],
      ['$(A', '$(A'],
    ]
    for (const [input = '', output] of cases) assert.equal(expand(input, lookup), output)
  })
})

const objects: ObjectSource = {
  ...noObjects,
  configMap: async (_namespace, name) => (name === 'cm' ? { data: { key: 'v', '1odd.name': 'w' } } : undefined),
  secret: async (_namespace, name) =>
    name === 'sec' ? { data: { pass: Buffer.from('x').toString('base64') } } : undefined,
  services: async () => [
    {
      metadata: { name: 'my-db', namespace: 'shop' },
      spec: { clusterIP: '10.96.0.9', ports: [{ port: 5432, name: 'sql' }] },
    } as Service,
    {
      metadata: { name: 'kubernetes', namespace: 'default' },
      spec: { clusterIP: '10.96.0.1', ports: [{ port: 443 }] },
    } as Service,
    { metadata: { name: 'headless', namespace: 'shop' }, spec: { clusterIP: 'None', ports: [{ port: 1 }] } } as Service,
  ],
}
const addresses = { podIPs: ['10.0.0.2'], hostIPs: ['172.30.0.11'] }
const environment = async (container: ReturnType<typeof aContainer>, enableServiceLinks = true) =>
  new Map(
    (
      await makeEnvironment({
        pod: aPod({ containers: [container], enableServiceLinks }),
        container,
        addresses,
        objects,
      })
    ).map(({ name, value }) => [name, value]),
  )

describe('makeEnvironment', () => {
  it('lets env win over envFrom, and expands what came before', async () => {
    const env = await environment(
      aContainer('c', {
        envFrom: [{ prefix: 'P_', configMapRef: { name: 'cm' } }, { secretRef: { name: 'sec' } }],
        env: [
          { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          { name: 'URL', value: 'http://$(IP):$(MY_DB_SERVICE_PORT)/$(LATER)' },
          { name: 'LATER', value: 'x' },
          { name: 'pass', value: 'mine' },
        ],
      }),
    )
    assert.equal(env.get('P_key'), 'v')
    assert.equal(env.get('P_1odd.name'), 'w')
    assert.equal(env.get('URL'), 'http://10.0.0.2:5432/$(LATER)')
    assert.equal(env.get('pass'), 'mine')
  })

  it('tells of Services of the namespace, or of the API server alone', async () => {
    const linked = await environment(aContainer('c'))
    assert.equal(linked.get('MY_DB_SERVICE_HOST'), '10.96.0.9')
    assert.equal(linked.get('MY_DB_PORT_5432_TCP'), 'tcp://10.96.0.9:5432')
    assert.equal(linked.get('MY_DB_SERVICE_PORT_SQL'), '5432')
    assert.equal(linked.has('HEADLESS_SERVICE_HOST'), false)
    const bare = await environment(aContainer('c'), false)
    assert.equal(bare.has('MY_DB_SERVICE_HOST'), false)
    assert.equal(bare.get('KUBERNETES_SERVICE_PORT'), '443')
  })

  it('refuses a missing key, unless it is optional', async () => {
    const ref = (optional?: boolean) =>
      aContainer('c', {
        env: [
          {
            name: 'A',
            valueFrom: { configMapKeyRef: { name: 'cm', key: 'no', ...(optional === undefined ? {} : { optional }) } },
          },
        ],
      })
    await assert.rejects(environment(ref()), { message: "couldn't find key no in ConfigMap shop/cm" })
    assert.equal((await environment(ref(true))).has('A'), false)
    const none = aContainer('c', { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'gone', key: 'k' } } }] })
    await assert.rejects(environment(none), { message: 'secret "gone" not found' })
  })
})

describe('resourceValue', () => {
  it('rounds up to the divisor and falls back to the node', () => {
    const container = aContainer('c', { resources: { limits: { cpu: '250m', memory: '64Mi' } } })
    assert.equal(resourceValue(container, { resource: 'limits.cpu' }, undefined), '1')
    assert.equal(resourceValue(container, { resource: 'limits.cpu', divisor: '1m' }, undefined), '250')
    assert.equal(resourceValue(container, { resource: 'limits.memory', divisor: '1Mi' }, undefined), '64')
    const node = { status: { allocatable: { cpu: '4' } } }
    assert.equal(resourceValue(aContainer('c'), { resource: 'limits.cpu' }, node), '4')
    assert.equal(resourceValue(aContainer('c'), { resource: 'requests.cpu' }, node), '0')
  })
})

describe('podDns', () => {
  const settings = {
    clusterDNS: ['10.96.0.10'],
    clusterDomain: 'cluster.local',
    node: parseResolvConf('nameserver 1.1.1.1\nsearch corp.example.\n# x\noptions timeout:1'),
  }
  it('searches the cluster first', () => {
    assert.equal(
      formatResolvConf(podDns(aPod(), settings)),
      'search shop.svc.cluster.local svc.cluster.local cluster.local corp.example\nnameserver 10.96.0.10\noptions ndots:5\n',
    )
  })
  it("takes the node's own for Default and for the host's network", () => {
    assert.deepEqual(podDns(aPod({ dnsPolicy: 'Default' }), settings).servers, ['1.1.1.1'])
    assert.deepEqual(podDns(aPod({ hostNetwork: true }), settings).servers, ['1.1.1.1'])
    assert.deepEqual(podDns(aPod({ hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }), settings).servers, [
      '10.96.0.10',
    ])
  })
  it("merges the Pod's own", () => {
    const pod = aPod({
      dnsPolicy: 'None',
      dnsConfig: {
        nameservers: ['9.9.9.9'],
        searches: ['a.b'],
        options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
      },
    })
    assert.equal(formatResolvConf(podDns(pod, settings)), 'search a.b\nnameserver 9.9.9.9\noptions ndots:2 edns0\n')
    const merged = podDns(aPod({ dnsConfig: { options: [{ name: 'ndots', value: '1' }] } }), settings)
    assert.deepEqual(merged.options, ['ndots:1'])
  })
})

describe('podHostsFile', () => {
  it('has the Pod, its domain and its aliases, tab separated', () => {
    const text = podHostsFile(['10.0.0.2'], { hostname: 'web', domain: 'sub.shop.svc.cluster.local' }, [
      { ip: '1.2.3.4', hostnames: ['x', 'y'] },
    ])
    assert.match(text, /^# Kubernetes-managed hosts file\.\n127\.0\.0\.1\tlocalhost\n/)
    assert.match(text, /10\.0\.0\.2\tweb\.sub\.shop\.svc\.cluster\.local\tweb\n/)
    assert.match(text, /\n# Entries added by HostAliases\.\n1\.2\.3\.4\tx\ty\n$/)
  })
})

describe('resources', () => {
  it('say who dies first', () => {
    const asks = (memory: string, fields: object = {}) =>
      aContainer('c', { resources: { requests: { memory } }, ...fields })
    const score = (spec: Parameters<typeof aPod>[0], container = spec?.containers?.[0] ?? aContainer('c')): number =>
      oomScoreAdj(aPod(spec), container, 4 * 2 ** 30)
    assert.equal(score({ containers: [asks('1Ki')] }), 999)
    assert.equal(
      score({ containers: [asks('1Ki')], priority: 2_000_001_000, priorityClassName: 'system-node-critical' }),
      -997,
    )
    assert.equal(
      score({ containers: [asks('1Ki')], priority: 2_000_000_000, priorityClassName: 'system-cluster-critical' }),
      999,
    )
    // What the Pod asks for beyond its containers is shared among them.
    const resources = { requests: { memory: '3Gi' } }
    assert.equal(score({ containers: [asks('1Gi'), aContainer('d')], resources }), 500)
    // A sidecar stays as long as what it serves.
    const sidecar = { ...asks('1Ki', { restartPolicy: 'Always' }), name: 'side' }
    assert.equal(score({ initContainers: [sidecar], containers: [asks('1Gi')] }, sidecar), 750)
  })

  it('are those of the Pod where a container has none', () => {
    const podLimits = { cpu: '500m', memory: '64Mi' }
    const { cpuQuota: quota, memoryLimitBytes } = cgroupSettings(aContainer('c'), podLimits)
    assert.deepEqual([quota, memoryLimitBytes], [50_000, 64 * 2 ** 20])
    const own = aContainer('c', { resources: { limits: { memory: '32Mi' } } })
    assert.equal(cgroupSettings(own, podLimits).memoryLimitBytes, 32 * 2 ** 20)
  })

  it("are the cgroup's numbers", () => {
    assert.deepEqual([0, 1, 100, 2000].map(cpuShares), [2, 2, 102, 2048])
    assert.deepEqual([0, 5, 250].map(cpuQuota), [0, 1000, 25_000])
    const container = aContainer('c', { resources: { requests: { memory: '1Gi' } } })
    assert.equal(oomScoreAdj(aPod({ containers: [container] }), container, 4 * 2 ** 30), 750)
    assert.equal(oomScoreAdj(aPod(), aContainer('c'), 1), 1000)
  })
})

describe('securityConfig', () => {
  const request = (container: ReturnType<typeof aContainer>, imageUser = '') => ({
    pod: aPod(),
    container,
    imageUser,
    seccompRoot: '/s',
    seccompDefault: false,
    procMount: { maskedPaths: ['/proc/kcore'], readonlyPaths: ['/proc/sys'] },
  })
  it('refuses root where the Pod must not be root', () => {
    const nonRoot = { runAsNonRoot: true }
    assert.throws(
      () => securityConfig(request(aContainer('c', { securityContext: nonRoot }))),
      /image will run as root/,
    )
    assert.throws(
      () => securityConfig(request(aContainer('c', { securityContext: nonRoot }), 'app')),
      /non-numeric user \(app\)/,
    )
    assert.equal(securityConfig(request(aContainer('c', { securityContext: nonRoot }), '1000')).user, '')
    assert.equal(
      securityConfig(request(aContainer('c', { securityContext: { ...nonRoot, runAsUser: 5, runAsGroup: 6 } }))).user,
      '5:6',
    )
  })

  it('masks /proc, unless it is asked for as it is', () => {
    const of = (securityContext: NonNullable<Container['securityContext']>) =>
      securityConfig(request(aContainer('c', { securityContext })))
    assert.deepEqual(of({}).maskedPaths, ['/proc/kcore'])
    assert.deepEqual(of({ procMount: 'Default' }).readonlyPaths, ['/proc/sys'])
    assert.deepEqual(of({ procMount: 'Unmasked' }).maskedPaths, [])
    assert.deepEqual(of({ privileged: true }).readonlyPaths, [])
  })
})
