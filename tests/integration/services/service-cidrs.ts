/** ServiceCIDRs: the default one, others that come and go, and what of them can be allocated. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { findCondition } from '../../../api/meta/conditions.ts'
import { isReason } from '../../../api/meta/status-error.ts'
import { ipAddresses, serviceCIDRs, services } from '../../../api/resources.ts'
import type { ServiceCIDR } from '../../../api/types.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { waitFor } from '../../harness/wait.ts'
import { makeNamespace, refusal } from '../api-machinery/fixtures.ts'
import { aService, aServiceCidr } from './fixtures.ts'

const readyOf = ({ status }: ServiceCIDR) => findCondition(status?.conditions, 'Ready')

export const describeServiceCidrs = (running: Running): void => {
  describe('ServiceCIDRs', () => {
    const namespace = 'cidrs'
    let client: RestClient

    before(async () => {
      client = running().client
      await makeNamespace(client, namespace)
    })

    const get = (name: string): Promise<ServiceCIDR> => client.get(serviceCIDRs, name)
    const ready = (name: string): Promise<ServiceCIDR> =>
      waitFor(
        async () => {
          const cidr = await get(name)
          return readyOf(cidr)?.status === 'True' && cidr.metadata?.finalizers !== undefined ? cidr : undefined
        },
        { what: `${name} to be ready` },
      )
    const isGone = async (name: string): Promise<boolean> => {
      try {
        await get(name)
        return false
      } catch (error) {
        return isReason(error, 'NotFound')
      }
    }
    const create = async (name: string, ...cidrs: string[]): Promise<ServiceCIDR> => {
      await client.create(serviceCIDRs, aServiceCidr(name, ...cidrs))
      return ready(name)
    }
    const withIp = (name: string, clusterIP: string) =>
      client.create(services, aService(namespace, name, { clusterIP }))

    it('have a default one of the flag, with the finalizer and the condition of its controller', async () => {
      await waitFor(async () => readyOf(await get('kubernetes'))?.message === 'Kubernetes Service CIDR is ready', {
        what: 'the controller to say that it is ready',
      })
      const cidr = await get('kubernetes')
      assert.deepEqual(cidr.spec?.cidrs, ['10.97.0.0/16', 'fd97::/108'])
      assert.deepEqual(cidr.metadata?.finalizers, ['networking.k8s.io/service-cidr-finalizer'])
      const { lastTransitionTime, ...rest } = readyOf(cidr) ?? { type: '', status: '', lastTransitionTime: '' }
      assert.match(lastTransitionTime ?? '', /^\d{4}-/)
      assert.deepEqual(rest, { type: 'Ready', status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready' })
    })

    it('refuse addresses that lie in none of them', async () => {
      const message =
        /spec\.clusterIPs: Invalid value: \["10\.98\.0\.7"\]: failed to allocate IP 10\.98\.0\.7: the provided network does not match the current range/
      await assert.rejects(withIp('outside', '10.98.0.7'), refusal('Invalid', message))
      for (const ip of ['10.97.0.0', '10.97.255.255', 'fd97::']) {
        await assert.rejects(withIp('edge', ip), refusal('Invalid', /does not match the current range/), ip)
      }
    })

    it('say what is not free', async () => {
      await withIp('fixed', '10.97.0.77')
      const message = /failed to allocate IP 10\.97\.0\.77: provided IP is already allocated/
      await assert.rejects(withIp('second', '10.97.0.77'), refusal('Invalid', message))
      const address = await client.get(ipAddresses, '10.97.0.77')
      assert.deepEqual(address.metadata?.labels, {
        'ipaddress.kubernetes.io/ip-family': 'IPv4',
        'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
      })
      assert.deepEqual(address.spec.parentRef, { resource: 'services', namespace, name: 'fixed' })
      await client.delete(services, 'fixed', namespace)
      // The address is free with the answer to the deletion.
      await withIp('third', '10.97.0.77')
    })

    it('give addresses as soon as they are there, and hold their deletion while any is in use', async () => {
      await create('extra', '10.98.0.0/24')
      await withIp('inside', '10.98.0.7')
      await client.delete(serviceCIDRs, 'extra')
      const held = await waitFor(
        async () => {
          const cidr = await get('extra')
          return readyOf(cidr)?.status === 'False' ? cidr : undefined
        },
        { what: 'the deletion to be held' },
      )
      assert.equal(readyOf(held)?.reason, 'Terminating')
      assert.equal(
        readyOf(held)?.message,
        'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
      )
      await assert.rejects(withIp('late', '10.98.0.8'), refusal('Invalid', /does not match the current range/))
      await client.delete(services, 'inside', namespace)
      await waitFor(() => isGone('extra'), { what: 'the range to go' })
    })

    it('let a range go whose addresses another one holds', async () => {
      await create('small', '10.98.1.0/28')
      await withIp('shared', '10.98.1.5')
      await create('large', '10.98.0.0/16')
      await client.delete(serviceCIDRs, 'small')
      await waitFor(() => isGone('small'), { what: 'the small range to go' })
      assert.equal((await client.get(ipAddresses, '10.98.1.5')).spec.parentRef?.name, 'shared')
      await client.delete(services, 'shared', namespace)
      await client.delete(serviceCIDRs, 'large')
      await waitFor(() => isGone('large'), { what: 'the large range to go' })
    })

    it('may overlap: an address is the same in each', async () => {
      await Promise.all([create('one', '10.98.2.0/24'), create('two', '10.98.2.0/25')])
      await withIp('both', '10.98.2.9')
      await assert.rejects(withIp('again', '10.98.2.9'), refusal('Invalid', /already allocated/))
      await client.delete(services, 'both', namespace)
      await Promise.all(['one', 'two'].map((name) => client.delete(serviceCIDRs, name)))
    })

    it('may be told that they are not ready, and then give nothing', async () => {
      const cidr = await create('closed', '10.98.3.0/24')
      const condition = { ...readyOf(cidr), status: 'False', reason: 'Closed', message: 'for a while' }
      // The controller says otherwise at once: what counts is only that nothing was given meanwhile.
      const closed = await client.patch(
        serviceCIDRs,
        'closed',
        undefined,
        { status: { conditions: [condition] } },
        { type: 'merge', subresource: 'status' },
      )
      assert.equal(readyOf(closed)?.status, 'False')
      await ready('closed')
      await withIp('open', '10.98.3.3')
      await client.delete(services, 'open', namespace)
      await client.delete(serviceCIDRs, 'closed')
    })

    it('are checked', async () => {
      const bad: readonly (readonly [string[], RegExp])[] = [
        [[], /spec\.cidrs: Required value: at least one CIDR required/],
        [
          ['10.0.0.1/24'],
          /spec\.cidrs\[0\]: Invalid value: "10\.0\.0\.1\/24": must not have bits set beyond the prefix length/,
        ],
        [['10.0.0.0/24', '10.1.0.0/24'], /may specify no more than one IP for each IP family/],
      ]
      for (const [cidrs, message] of bad) {
        await assert.rejects(client.create(serviceCIDRs, aServiceCidr('bad', ...cidrs)), refusal('Invalid', message))
      }
      const cidr = await get('kubernetes')
      const changed = { ...cidr, spec: { cidrs: ['10.97.0.0/17', 'fd97::/108'] } }
      await assert.rejects(
        client.update(serviceCIDRs, changed),
        refusal('Invalid', /spec\.cidrs\[0\].*field is immutable/),
      )
    })
  })
}
