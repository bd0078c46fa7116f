/** A cluster of two families, end to end: nodes, Pods, Services, names and routes in IPv4 and IPv6. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { endpointSlices, nodes as nodesRef, pods as podsRef, services as servicesRef } from '../../api/resources.ts'
import type { Pod, Service } from '../../api/types.ts'
import { namespaceOf } from '../../deploy/network.ts'
import { ensureTestImages, webImage } from '../harness/images.ts'
import { boxIn, startBox } from '../harness/pods.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

describe('a cluster of IPv4 and IPv6', () => {
  const running = useCluster({ nodes: 2, families: ['IPv4', 'IPv6'] }, async (cluster) => {
    ensureTestImages()
    const kubectl = cluster.kubectl
    await kubectl('create', 'deployment', 'web', `--image=${webImage(1)}`, '--replicas=4')
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=90s')
    await startBox(kubectl)
  })
  const familiesOf = (addresses: readonly (string | undefined)[]): string[] =>
    addresses.map((address) => (address?.includes(':') === true ? 'IPv6' : 'IPv4'))
  const both = ['IPv4', 'IPv6']
  const { run: inBox, fetch } = boxIn(running)
  const listPods = async (): Promise<Pod[]> =>
    (await running().client.list(podsRef, { namespace: 'default', labelSelector: 'app=web' })).items
  const service = async (name: string, spec: object): Promise<Service> => {
    const ports = [{ name: 'http', port: 80, targetPort: 80, protocol: 'TCP' }]
    const object = { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default' } }
    return running().client.create(servicesRef, { ...object, spec: { selector: { app: 'web' }, ports, ...spec } })
  }

  it('gives nodes and Pods addresses of both, the first of them the primary one', async () => {
    const nodes = (await running().client.list(nodesRef, {})).items
    for (const { spec, status } of nodes) {
      assert.deepEqual(familiesOf(spec?.podCIDRs ?? []), both)
      const internal = (status?.addresses ?? []).filter(({ type }) => type === 'InternalIP')
      assert.deepEqual(familiesOf(internal.map(({ address }) => address)), both)
    }
    const pods = await listPods()
    assert.equal(pods.length, 4)
    for (const { status } of pods) {
      assert.deepEqual(familiesOf((status?.podIPs ?? []).map(({ ip }) => ip)), both)
      assert.deepEqual(familiesOf((status?.hostIPs ?? []).map(({ ip }) => ip)), both)
      assert.equal(status?.podIP, status?.podIPs?.[0]?.ip)
    }
  })

  it('has a way between Pods of different nodes, and from the machine, in both', async () => {
    for (const { status, metadata } of await listPods()) {
      for (const { ip = '' } of status?.podIPs ?? []) {
        assert.match(await fetch(ip), new RegExp(metadata?.name ?? ''))
        const host = ip.includes(':') ? `[${ip}]` : ip
        assert.match(execFileSync('curl', ['-s', '-m', '5', `http://${host}/`], { encoding: 'utf8' }), /v1/)
      }
    }
  })

  it('has Services of both families, with slices, names and endpoints of each', async () => {
    const { spec } = await service('both', { ipFamilyPolicy: 'RequireDualStack' })
    assert.deepEqual(familiesOf(spec?.clusterIPs ?? []), both)
    const slices = await waitFor(
      async () => {
        const labelSelector = 'kubernetes.io/service-name=both'
        const { items } = await running().client.list(endpointSlices, { namespace: 'default', labelSelector })
        return items.length === 2 && items.every(({ endpoints }) => endpoints?.length === 4) && items
      },
      { what: 'a slice of each family' },
    )
    assert.deepEqual(slices.map(({ addressType }) => addressType).toSorted(), both)
    for (const ip of spec?.clusterIPs ?? []) {
      const answers = new Set<string>()
      await waitFor(async () => answers.add(await fetch(ip)).size === 4, { what: `all Pods at ${ip}` })
    }
    const records = async (type: string): Promise<string> =>
      inBox('nslookup', `-type=${type}`, 'both.default.svc.cluster.local')
    const [v4 = '', v6 = ''] = spec?.clusterIPs ?? []
    assert.ok((await records('a')).includes(v4))
    assert.ok((await records('aaaa')).includes(v6))
  })

  it('has Services of IPv6 alone', async () => {
    const { spec } = await service('six', { ipFamilies: ['IPv6'] })
    assert.deepEqual(familiesOf(spec?.clusterIPs ?? []), ['IPv6'])
    await waitFor(async () => /v1/.test(await fetch(spec?.clusterIP ?? '')), { what: 'an answer over IPv6' })
  })

  it('has cluster DNS at an address of each family', async () => {
    const { spec } = await running().client.get(servicesRef, 'kube-dns', 'kube-system')
    assert.deepEqual(familiesOf(spec?.clusterIPs ?? []), both)
    for (const address of spec?.clusterIPs ?? [])
      assert.match(await inBox('nslookup', 'kubernetes.default.svc.cluster.local', address), /10\.97\.0\.1/)
  })

  it('serves node ports on both addresses of a node, and host ports', async () => {
    const { spec } = await service('ports', { type: 'NodePort', ipFamilyPolicy: 'PreferDualStack' })
    for (const node of running().nodes()) {
      for (const address of node.addresses) {
        const host = address.includes(':') ? `[${address}]` : address
        const url = `http://${host}:${spec?.ports?.[0]?.nodePort}/`
        await waitFor(() => /v1/.test(execFileSync('curl', ['-s', '-m', '3', url], { encoding: 'utf8' })), {
          what: url,
        })
      }
    }
    const [node] = running().nodes()
    assert.ok(node !== undefined)
    const container = { name: 'web', image: webImage(1), ports: [{ containerPort: 80, hostPort: 8088 }] }
    await running().client.create(podsRef, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'host-port', namespace: 'default' },
      spec: { nodeName: node.name, containers: [container], terminationGracePeriodSeconds: 1 },
    } as Pod)
    const ask = (address: string): string =>
      execFileSync('curl', ['-s', '-m', '3', `http://${address.includes(':') ? `[${address}]` : address}:8088/`], {
        encoding: 'utf8',
      })
    for (const address of node.addresses)
      await waitFor(() => ask(address).includes('host-port'), { what: `the host port at ${address}` })
    await running().client.delete(podsRef, 'host-port', 'default')
    for (const address of node.addresses)
      await waitFor(
        () => {
          try {
            ask(address)
            return false
          } catch {
            return true
          }
        },
        { what: `no host port at ${address}` },
      )
  })

  it('has rules and routes of both on every node', () => {
    for (const node of running().nodes()) {
      const inNode = (...args: readonly string[]): string =>
        execFileSync('ip', ['netns', 'exec', namespaceOf(running().config(), node.name), ...args], { encoding: 'utf8' })
      for (const table of ['ip kube-proxy', 'ip6 kube-proxy'])
        assert.match(inNode('nft', 'list', 'tables'), new RegExp(table))
      for (const family of ['-4', '-6']) assert.match(inNode('ip', family, 'route', 'show', 'proto', '172'), /via/)
    }
  })
})
