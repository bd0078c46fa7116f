/** Names of a cluster as its Pods ask for them, and the networks that CNI's folder names. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { pods as podsRef, services as servicesRef, statefulSets } from '../../api/resources.ts'
import type { Pod, Service, StatefulSet } from '../../api/types.ts'
import { dnsAddresses } from '../../deploy/components.ts'
import { namespaceOf } from '../../deploy/network.ts'
import { ensureTestImages, webImage } from '../harness/images.ts'
import { startBox } from '../harness/pods.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const execFileAsync = promisify(execFile)

describe('names and networks of Pods', () => {
  const running = useCluster({ nodes: 2 }, async ({ kubectl }) => {
    ensureTestImages()
    await startBox(kubectl)
  })
  const domain = 'svc.cluster.local'
  /** Asks the DNS of a node, from the node, by Node's own resolver. */
  const resolve = async (name: string, type: string, nodeIndex = 0): Promise<unknown> => {
    const node = running().nodes()[nodeIndex]
    const [server] = dnsAddresses(running().config())
    const program = `const { Resolver } = require('dns').promises; const r = new Resolver({ tries: 1 }); r.setServers(['${server}'])
r.resolve('${name}', '${type}').then((a) => console.log(JSON.stringify(a)), (e) => console.log(JSON.stringify(e.code)))`
    const args = ['netns', 'exec', namespaceOf(running().config(), node?.name ?? ''), process.execPath, '-e', program]
    return JSON.parse((await execFileAsync('ip', args)).stdout)
  }
  const make = (name: string, spec: object): Promise<Service> =>
    running().client.create(servicesRef, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'default' },
      spec,
    } as Service)
  const container = (image: string) => ({ name: 'main', image, ports: [{ name: 'http', containerPort: 80 }] })

  it('of a StatefulSet are its Pods’, forth and back, on every node', async () => {
    await make('web', { clusterIP: 'None', selector: { app: 'web' }, ports: [{ name: 'http', port: 80 }] })
    const labels = { app: 'web' }
    await running().client.create(statefulSets, {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'web', namespace: 'default' },
      spec: {
        serviceName: 'web',
        replicas: 2,
        podManagementPolicy: 'Parallel',
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { containers: [container(webImage(1))], terminationGracePeriodSeconds: 1 },
        },
      },
    } as StatefulSet)
    await running().kubectl('rollout', 'status', 'statefulset/web', '--timeout=90s')
    for (const [index, name] of ['web-0', 'web-1'].entries()) {
      const { status } = await running().client.get(podsRef, name, 'default')
      const ip = status?.podIP ?? ''
      await waitFor(
        async () => assert.deepEqual(await resolve(`${name}.web.default.${domain}`, 'A', index), [ip]) === undefined,
        {
          what: `${name} to have a name`,
        },
      )
      assert.deepEqual(await resolve(`${ip.split('.').reverse().join('.')}.in-addr.arpa`, 'PTR', index), [
        `${name}.web.default.${domain}`,
      ])
    }
    const services = (await resolve(`_http._tcp.web.default.${domain}`, 'SRV')) as { name: string; port: number }[]
    assert.deepEqual(
      services.map(({ name, port }) => `${name}:${port}`).toSorted((a, b) => a.localeCompare(b)),
      [`web-0.web.default.${domain}:80`, `web-1.web.default.${domain}:80`],
    )
    const inPod = await running().kubectl('exec', 'box', '--', 'nslookup', '-type=a', `web-0.web.default.${domain}`)
    assert.match(inPod, /Name:\s+web-0\.web\.default\.svc/)
  })

  it('of a Pod that is not ready are there where a Service publishes them', async () => {
    const spec = {
      hostname: 'peer',
      subdomain: 'all',
      containers: [{ ...container(webImage(1)), readinessProbe: { exec: { command: ['false'] } } }],
      terminationGracePeriodSeconds: 1,
    }
    const metadata = { name: 'peer', namespace: 'default', labels: { app: 'peer' } }
    await running().client.create(podsRef, { apiVersion: 'v1', kind: 'Pod', metadata, spec } as Pod)
    await make('all', {
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: { app: 'peer' },
      ports: [{ port: 80 }],
    })
    await make('ready', { clusterIP: 'None', selector: { app: 'peer' }, ports: [{ port: 80 }] })
    const found = await waitFor(
      async () => {
        const answer = await resolve(`peer.all.default.${domain}`, 'A')
        return Array.isArray(answer) && answer
      },
      { what: 'the name of a Pod that is not ready' },
    )
    const { status } = await running().client.get(podsRef, 'peer', 'default')
    assert.deepEqual(found, [status?.podIP])
    assert.equal(await resolve(`ready.default.${domain}`, 'A'), 'ENOTFOUND')
    assert.deepEqual(await resolve(`${status?.podIP?.replaceAll('.', '-')}.default.pod.cluster.local`, 'A'), [
      status?.podIP,
    ])
  })

  it('of ExternalName Services lead on, and follow a change of type', async () => {
    await make('alias', { type: 'ExternalName', externalName: `kubernetes.default.${domain}` })
    await waitFor(
      async () =>
        assert.deepEqual(await resolve(`alias.default.${domain}`, 'CNAME'), [`kubernetes.default.${domain}`]) ===
        undefined,
      {
        what: 'the alias',
      },
    )
    assert.deepEqual(await resolve(`alias.default.${domain}`, 'A'), ['10.97.0.1'])
    const change = { spec: { type: 'ClusterIP', externalName: null, ports: [{ port: 80 }] } }
    const { spec } = await running().client.patch(servicesRef, 'alias', 'default', change, { type: 'merge' })
    await waitFor(
      async () => assert.deepEqual(await resolve(`alias.default.${domain}`, 'A'), [spec?.clusterIP]) === undefined,
      {
        what: 'the address of what was an alias',
      },
    )
  })

  it('come from another network when CNI’s folder has one, and go as they came', async () => {
    const [node] = running().nodes()
    assert.ok(node !== undefined)
    const file = join(running().layout.node(node.name).cniConf, '10-other.conflist')
    const ipam = { type: 'host-local', ranges: [[{ subnet: '10.99.77.0/24' }]], dataDir: `${file}.leases` }
    const bridge = { type: 'bridge', bridge: 'other0', isGateway: true, ipam }
    const loopback = { type: 'tuning', sysctl: { 'net.core.somaxconn': '500' } }
    const text = JSON.stringify({ cniVersion: '1.0.0', name: 'other', plugins: [bridge, loopback] })
    const start = async (name: string): Promise<string> => {
      const spec = { nodeName: node.name, containers: [container(webImage(1))], terminationGracePeriodSeconds: 1 }
      await running().client.create(podsRef, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'default' },
        spec,
      } as Pod)
      await running().kubectl('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=60s')
      return (await running().client.get(podsRef, name, 'default')).status?.podIP ?? ''
    }
    const leases = async (): Promise<string> =>
      (await execFileAsync('sh', ['-c', `ls ${file}.leases/other 2>/dev/null || true`])).stdout
    writeFileSync(file, text)
    try {
      const ip = await start('on-other')
      assert.match(ip, /^10\.99\.77\./)
      assert.equal(
        (await running().kubectl('exec', 'on-other', '--', 'cat', '/proc/sys/net/core/somaxconn')).trim(),
        '500',
      )
      assert.match(await leases(), new RegExp(ip))
      await rm(file)
      assert.match(await start('on-own'), /^10\.1/)
      // DEL is by the network that the Pod was added to, though its file is gone.
      await running().client.delete(podsRef, 'on-other', 'default')
      await waitFor(async () => !(await leases()).includes(ip), { what: 'the lease to be given back' })
    } finally {
      await rm(file, { force: true })
    }
  })
})
