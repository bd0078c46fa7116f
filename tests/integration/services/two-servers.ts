/** Two API servers on one store: no address and no port twice, none lost, none leaked, also when one is killed. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { isReason } from '../../../api/meta/status-error.ts'
import { events, ipAddresses, services } from '../../../api/resources.ts'
import type { IPAddress, Service } from '../../../api/types.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import { startApiServer } from '../../harness/api-server-process.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { waitFor } from '../../harness/wait.ts'
import { makeNamespace } from '../api-machinery/fixtures.ts'
import {
  allocated,
  allocatedIps,
  allocatedPorts,
  aService,
  forgePorts,
  heldByServices,
  type Holdings,
  type ServiceSpec,
} from './fixtures.ts'

/** What the n-th Service asks for: every kind of claim in turn. */
const specs: readonly ServiceSpec[] = [
  {},
  { type: 'NodePort' },
  { type: 'NodePort', ipFamilyPolicy: 'RequireDualStack' },
  { type: 'LoadBalancer', externalTrafficPolicy: 'Local' },
]
const nth = (namespace: string, n: number): Service => aService(namespace, `s-${n}`, specs[n % specs.length])

/** Runs the work of all numbers, some at a time. */
const inParallel = async (count: number, width: number, work: (n: number) => Promise<unknown>): Promise<void> => {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: width }, worker))
}

const assertUnique = ({ ips, ports }: Holdings): void => {
  assert.equal(new Set(ips).size, ips.length, 'an address is held twice')
  assert.equal(new Set(ports).size, ports.length, 'a port is held twice')
}

export const describeTwoServers = (running: Running): void => {
  describe('two API servers', () => {
    const namespace = 'races'
    let client: RestClient
    let baseline: Holdings

    before(async () => {
      client = running().client
      await makeNamespace(client, namespace)
      // The launcher makes it when the cluster has started.
      await waitFor(() => client.get(services, 'kube-dns', 'kube-system'), { what: 'the DNS Service' })
      baseline = await allocated(running())
    })

    /** The store marks what Services hold, and nothing else. */
    const agrees = async (): Promise<boolean> => {
      const [held, marked] = [await heldByServices(client), await allocated(running())]
      return JSON.stringify(held) === JSON.stringify(marked)
    }
    const deleteAll = (clients: readonly RestClient[], count: number): Promise<void> =>
      inParallel(count, 16, async (n) => {
        const chosen = clients[n % clients.length] ?? client
        await chosen.delete(services, `s-${n}`, namespace).catch((error: unknown) => {
          if (!isReason(error, 'NotFound')) throw error
        })
      })

    it('give 400 Services what each asks for, and take it back', async () => {
      await using second = await startApiServer(running())
      const clients = [client, second.client]
      await inParallel(400, 16, (n) => (clients[n % 2] ?? client).create(services, nth(namespace, n)))
      const held = await heldByServices(client)
      assertUnique(held)
      assert.deepEqual(await allocated(running()), held)
      assert.equal(held.ips.length - baseline.ips.length, 500)
      assert.equal(held.ports.length - baseline.ports.length, 400)
      await deleteAll(clients, 400)
      assert.deepEqual(await allocated(running()), baseline)
    })

    it('let one of two have what both are asked for', async () => {
      await using second = await startApiServer(running())
      const clients = [client, second.client]
      const won: string[] = []
      await inParallel(60, 12, async (n) => {
        // Two rivals for each address and port, one at each server.
        const rival = Math.floor(n / 2)
        const spec = {
          type: 'NodePort',
          clusterIP: `10.97.200.${rival + 1}`,
          ports: [{ port: 80, nodePort: 30100 + rival }],
        }
        try {
          await (clients[n % 2] ?? client).create(services, aService(namespace, `s-${n}`, spec))
          won.push(spec.clusterIP)
        } catch (error) {
          if (!isReason(error, 'Invalid')) throw error
        }
      })
      // A loser may have had one of the two for a moment, so that both lose; nobody may win twice.
      assert.equal(new Set(won).size, won.length)
      const held = await heldByServices(client)
      assertUnique(held)
      assert.deepEqual(await allocated(running()), held)
      await deleteAll(clients, 60)
      assert.deepEqual(await allocated(running()), baseline)
    })

    it('repair while they work, and disturb nobody', async () => {
      await using second = await startApiServer(running(), { repair: { intervalMs: 3_000, graceMs: 20_000 } })
      const clients = [client, second.client]
      for (let round = 0; round < 3; round++) {
        await inParallel(120, 16, (n) => (clients[n % 2] ?? client).create(services, nth(namespace, n)))
        const held = await heldByServices(client)
        assertUnique(held)
        assert.deepEqual(await allocated(running()), held)
        await deleteAll(clients, 120)
      }
      assert.deepEqual(await allocated(running()), baseline)
      const { items } = await client.list(events)
      const complaints = items.filter(({ source, reportingComponent = '' }) =>
        `${source?.component ?? ''}${reportingComponent}`.includes('allocator-repair-controller'),
      )
      assert.deepEqual(
        complaints.map(({ reason, message }) => `${reason}: ${message}`),
        [],
      )
    })

    it('lose nothing when one is killed, and the other gives back what the dead one took', async () => {
      await using second = await startApiServer(running())
      const clients = [client, second.client]
      let killed: Promise<void> | undefined
      const answered = new Set<string>()
      await inParallel(300, 24, async (n) => {
        if (n === 150) killed = second.kill()
        const chosen = killed === undefined ? (clients[n % 2] ?? client) : client
        try {
          await chosen.create(services, nth(namespace, n))
          answered.add(`s-${n}`)
        } catch (error) {
          // The dead server's requests: what became of them nobody knows.
          if (chosen === client) throw error
        }
      })
      await killed
      const held = await heldByServices(client)
      assertUnique(held)
      const { items } = await client.list(services, { namespace })
      const names = new Set(items.map(({ metadata }) => metadata?.name))
      for (const name of answered) assert.ok(names.has(name), `${name} was answered, and is lost`)
      const marked = await allocated(running())
      for (const ip of held.ips) assert.ok(marked.ips.includes(ip), `${ip} is held, and not marked`)
      for (const port of held.ports) assert.ok(marked.ports.includes(port), `${port} is held, and not marked`)
      await using _third = await startApiServer(running(), { repair: { intervalMs: 300, graceMs: 2_000 } })
      await waitFor(agrees, { what: 'the leftovers to be given back' })
      await deleteAll([client], 300)
      assert.deepEqual(await allocated(running()), baseline)
    })

    it('mend what people break, and say so', async () => {
      const told = (reason: string, message: string): Promise<unknown> =>
        waitFor(
          async () => {
            const { items } = await client.list(events, { fieldSelector: `reason=${reason}` })
            return items.some((event) => event.message === message)
          },
          { what: `the event ${reason}: ${message}` },
        )
      await client.create(
        services,
        aService(namespace, 'mended', {
          type: 'NodePort',
          clusterIP: '10.97.210.1',
          ports: [{ port: 80, nodePort: 30210 }],
        }),
      )
      await client.delete(ipAddresses, '10.97.210.1')
      const stray = (name: string, parent: string): IPAddress => ({
        metadata: {
          name,
          labels: {
            'ipaddress.kubernetes.io/ip-family': 'IPv4',
            'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
          },
        },
        spec: { parentRef: { group: '', resource: 'services', namespace, name: parent } },
      })
      await client.create(ipAddresses, stray('10.97.210.2', 'nobody'))
      await client.create(ipAddresses, stray('10.97.210.3', 'mended'))
      // Not the allocator's: it stays.
      await client.create(ipAddresses, { ...stray('10.97.210.4', 'nobody'), metadata: { name: '10.97.210.4' } })
      await forgePorts(running(), [30211])
      await using _second = await startApiServer(running(), { repair: { intervalMs: 300, graceMs: 1_000 } })
      await told('PortNotAllocated', 'Port 30210 is not allocated; repairing')
      await told('ClusterIPNotAllocated', 'Cluster IP [IPv4]: 10.97.210.1 is not allocated; repairing')
      const leaked = 'IPAddress: 10.97.210.2 for Service races/nobody appears to have leaked: cleaning up'
      await told('IPAddressNotAllocated', leaked)
      const wrong = 'IPAddress: 10.97.210.3 for Service races/mended has a wrong reference; cleaning up'
      await told('IPAddressWrongReference', wrong)
      const left = (await allocatedIps(client)).filter((ip) => ip.startsWith('10.97.210.'))
      assert.deepEqual(left, ['10.97.210.1', '10.97.210.4'])
      await waitFor(async () => !(await allocatedPorts(running())).includes(30211), {
        what: 'the leaked port to be free',
      })
      assert.deepEqual(await allocatedPorts(running()), [30210])
      await client.delete(ipAddresses, '10.97.210.4')
      await client.delete(services, 'mended', namespace)
    })
  })
}
