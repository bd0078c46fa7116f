/** What happens at the end of the ranges, and to the default ServiceCIDR when the flag changes. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { events, serviceCIDRs, services } from '../../../api/resources.ts'
import type { Service } from '../../../api/types.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import { startApiServer } from '../../harness/api-server-process.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { waitFor } from '../../harness/wait.ts'
import { makeNamespace, refusal } from '../api-machinery/fixtures.ts'
import { allocated, aService, aServiceCidr, heldByServices, ipsOf, type ServiceSpec, specOf } from './fixtures.ts'

/** `--service-cluster-ip-range` has 14 addresses, `--service-node-port-range` five ports. */
export const smallRange = '10.97.0.0/28'
export const smallPorts = '30000-30004'

export const describeSmallRange = (running: Running): void => {
  describe('at the end of the range', () => {
    const namespace = 'small'
    let client: RestClient

    before(async () => {
      client = running().client
      await makeNamespace(client, namespace)
      // The launcher makes it when the cluster has started.
      await waitFor(() => client.get(services, 'kube-dns', 'kube-system'), { what: 'the DNS Service' })
    })

    const create = (name: string, spec: ServiceSpec = {}, at = client): Promise<Service> =>
      at.create(services, aService(namespace, name, spec))
    const remove = (name: string): Promise<void> => client.delete(services, name, namespace)
    const names = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, n) => `${prefix}-${n}`)
    const agrees = async (): Promise<void> => assert.deepEqual(await allocated(running()), await heldByServices(client))

    it('there are no more node ports, and the address that was taken before is free again', async () => {
      await Promise.all(names('port', 5).map((name) => create(name, { type: 'NodePort' })))
      const full = refusal('InternalError', /^Internal error occurred: failed to allocate a nodePort: range is full$/)
      await assert.rejects(create('port-late', { type: 'NodePort' }), full)
      await agrees()
      // One of its two ports could be had; it is given back with the refusal.
      await remove('port-0')
      const ports = [
        { name: 'a', port: 80 },
        { name: 'b', port: 81 },
      ]
      await assert.rejects(create('port-late', { type: 'NodePort', ports }), full)
      await create('port-0', { type: 'NodePort' })
      await agrees()
      await Promise.all(names('port', 5).map(remove))
      await agrees()
    })

    it('there are no more addresses, until one is given back or a range comes', async () => {
      // 14 addresses, less those of kubernetes and kube-dns.
      await Promise.all(names('ip', 12).map((name) => create(name)))
      const full = refusal('InternalError', /^Internal error occurred: failed to allocate a serviceIP: range is full$/)
      await assert.rejects(create('late', { type: 'NodePort' }), full)
      await agrees()
      const metrics = String(await client.raw('GET', '/metrics'))
      for (const line of ['allocated_ips{cidr="10.97.0.0/28"} 14', 'available_ips{cidr="10.97.0.0/28"} 0']) {
        assert.ok(metrics.includes(`\nkube_apiserver_clusterip_allocator_${line}\n`), line)
      }
      await remove('ip-3')
      await create('late')
      await assert.rejects(create('later'), full)
      await client.create(serviceCIDRs, aServiceCidr('more', '10.98.0.0/24'))
      const [ip = ''] = ipsOf(await create('later'))
      assert.match(ip, /^10\.98\.0\./)
      await agrees()
      await Promise.all([...names('ip', 12).filter((name) => name !== 'ip-3'), 'late', 'later'].map(remove))
      await agrees()
    })
  })

  describe('the default ServiceCIDR', () => {
    const namespace = 'flags'

    before(async () => {
      await makeNamespace(running().client, namespace)
    })

    const cidrs = async (): Promise<string[] | undefined> => {
      const { spec } = await running().client.get(serviceCIDRs, 'kubernetes')
      return spec?.cidrs
    }

    it('gets a second family with the flag, and Services of the old server go on', async () => {
      const { client } = running()
      const old = await client.create(services, aService(namespace, 'old', { ipFamilyPolicy: 'PreferDualStack' }))
      assert.deepEqual(specOf(old).ipFamilies, ['IPv4'])
      await using dual = await startApiServer(running(), {
        flags: { 'service-cluster-ip-range': `${smallRange},fd97::/108` },
      })
      assert.deepEqual(await cidrs(), [smallRange, 'fd97::/108'])
      const made = await dual.client.create(
        services,
        aService(namespace, 'new', { ipFamilyPolicy: 'RequireDualStack' }),
      )
      assert.match(ipsOf(made)[1] ?? '', /^fd97::/)
      // A preference is no wish to change: it stays as it was until something about families is said.
      const options = { type: 'merge' } as const
      const touched = await dual.client.patch(services, 'old', namespace, { metadata: { labels: { a: 'b' } } }, options)
      assert.deepEqual(specOf(touched).ipFamilies, ['IPv4'])
      const spec = { ipFamilyPolicy: 'RequireDualStack' }
      const grown = await dual.client.patch(services, 'old', namespace, { spec }, options)
      assert.deepEqual(specOf(grown).ipFamilies, ['IPv4', 'IPv6'])
      for (const name of ['old', 'new']) await dual.client.delete(services, name, namespace)
    })

    it('is not changed by a flag that says something else: that is told', async () => {
      const { client } = running()
      await using _other = await startApiServer(running(), { flags: { 'service-cluster-ip-range': '10.96.0.0/28' } })
      const found = await waitFor(
        async () => {
          const { items } = await client.list(events, {
            fieldSelector: 'reason=KubernetesDefaultServiceCIDRInconsistent',
          })
          return items.find(({ message }) => message?.endsWith('[10.96.0.0/28]') === true)
        },
        { what: 'the event' },
      )
      assert.equal(
        found.message,
        `The default ServiceCIDR [${smallRange} fd97::/108] does not match the controller flag configurations [10.96.0.0/28]`,
      )
      assert.equal(found.type, 'Warning')
      assert.equal(found.involvedObject?.kind, 'ServiceCIDR')
      assert.deepEqual(await cidrs(), [smallRange, 'fd97::/108'])
    })
  })
}
