/** Families and addresses of Services as they are created, changed and deleted. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { endpoints, endpointSlices, pods, services } from '../../../api/resources.ts'
import type { Pod, Service } from '../../../api/types.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { waitFor } from '../../harness/wait.ts'
import { makeNamespace, refusal } from '../api-machinery/fixtures.ts'
import { allocatedIps, aService, ipsOf, type ServiceSpec, specOf } from './fixtures.ts'

const familyOf = (ip: string): string => (ip === 'None' ? 'None' : ip.includes(':') ? 'IPv6' : 'IPv4')
/** `policy families / families of the addresses`. */
const shape = (service: Service): string => {
  const { ipFamilyPolicy, ipFamilies = [], clusterIPs = [], clusterIP } = specOf(service)
  assert.equal(clusterIP ?? '', clusterIPs[0] ?? '')
  return `${ipFamilyPolicy ?? '-'} ${ipFamilies.join()} / ${clusterIPs.map(familyOf).join()}`
}

export const describeDualStack = (running: Running): void => {
  describe('Services of two families', () => {
    const namespace = 'dual'
    let client: RestClient

    before(async () => {
      client = running().client
      await makeNamespace(client, namespace)
    })

    const create = (name: string, spec: ServiceSpec = {}) => client.create(services, aService(namespace, name, spec))
    const patch = (name: string, spec: Record<string, unknown>) =>
      client.patch(services, name, namespace, { spec }, { type: 'merge' })
    const isTaken = async (ip: string): Promise<boolean> => (await allocatedIps(client)).includes(ip)

    const creations: readonly (readonly [string, ServiceSpec, string])[] = [
      ['plain', {}, 'SingleStack IPv4 / IPv4'],
      ['prefers-two', { ipFamilyPolicy: 'PreferDualStack' }, 'PreferDualStack IPv4,IPv6 / IPv4,IPv6'],
      ['requires-two', { ipFamilyPolicy: 'RequireDualStack' }, 'RequireDualStack IPv4,IPv6 / IPv4,IPv6'],
      ['sixth-alone', { ipFamilies: ['IPv6'] }, 'SingleStack IPv6 / IPv6'],
      [
        'sixth-first',
        { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6', 'IPv4'] },
        'RequireDualStack IPv6,IPv4 / IPv6,IPv4',
      ],
      ['by-address', { clusterIP: 'fd97::77' }, 'SingleStack IPv6 / IPv6'],
      [
        'both-by-address',
        { clusterIP: 'fd97::78', clusterIPs: ['fd97::78', '10.97.7.8'], ipFamilyPolicy: 'PreferDualStack' },
        'PreferDualStack IPv6,IPv4 / IPv6,IPv4',
      ],
      [
        'one-by-address',
        { clusterIP: '10.97.7.9', ipFamilyPolicy: 'RequireDualStack' },
        'RequireDualStack IPv4,IPv6 / IPv4,IPv6',
      ],
      ['headless', { clusterIP: 'None' }, 'SingleStack IPv4 / None'],
      ['bare', { clusterIP: 'None', selector: {} }, 'RequireDualStack IPv4,IPv6 / None'],
      ['named', { type: 'ExternalName', externalName: 'example.com' }, '-  / '],
    ]
    for (const [name, spec, expected] of creations) {
      it(`${name}: ${expected}`, async () => {
        const service = await create(name, spec)
        assert.equal(shape(service), expected)
        const taken = await allocatedIps(client)
        for (const ip of ipsOf(service)) assert.ok(taken.includes(ip), ip)
        await client.delete(services, name, namespace)
        const left = await allocatedIps(client)
        for (const ip of ipsOf(service)) assert.ok(!left.includes(ip), ip)
      })
    }

    it('are refused with all that is wrong, and keep nothing', async () => {
      const taken = await allocatedIps(client)
      const bad: readonly (readonly [ServiceSpec, RegExp])[] = [
        [{ clusterIPs: ['10.97.1.1'] }, /spec\.clusterIPs: Invalid value: \["10\.97\.1\.1"\]: must be empty when/],
        [{ ipFamilies: ['IPv4', 'IPv6'] }, /must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families/],
        [{ clusterIP: '10.97.1.1', ipFamilies: ['IPv6'] }, /expected an IPv6 value as indicated by `ipFamilies\[0\]`/],
        [
          { type: 'ExternalName', externalName: 'a.b', clusterIP: '10.97.1.1' },
          /spec\.clusterIPs: Forbidden: may not be set for ExternalName services/,
        ],
        [{ type: 'NodePort', clusterIP: 'None' }, /may not be set to 'None' for NodePort services/],
        // Allocated, and then found wanting.
        [{ ipFamilyPolicy: 'RequireDualStack', ports: [{ port: 0 }] }, /spec\.ports\[0\]\.port: Invalid value: 0/],
        [
          { ipFamilyPolicy: 'RequireDualStack', type: 'NodePort', ports: [{ port: 80, nodePort: 7 }] },
          /spec\.ports\[0\]\.nodePort: Invalid value: 7: provided port is not in the valid range\. The range of valid ports is 30000-32767/,
        ],
      ]
      for (const [spec, message] of bad) await assert.rejects(create('bad', spec), refusal('Invalid', message))
      assert.deepEqual(await allocatedIps(client), taken)
    })

    it('keep nothing of one that exists', async () => {
      await create('exists')
      const taken = await allocatedIps(client)
      await assert.rejects(create('exists', { ipFamilyPolicy: 'RequireDualStack' }), refusal('AlreadyExists'))
      assert.deepEqual(await allocatedIps(client), taken)
    })

    it('take nothing in a dry run', async () => {
      const taken = await allocatedIps(client)
      const service = await client.create(
        services,
        aService(namespace, 'dry', { type: 'NodePort', ipFamilyPolicy: 'RequireDualStack' }),
        { dryRun: true },
      )
      assert.equal(shape(service), 'RequireDualStack IPv4,IPv6 / IPv4,IPv6')
      assert.deepEqual(ipsOf(service), ['10.97.0.0', 'fd97::'])
      assert.notEqual(specOf(service).ports?.[0]?.nodePort ?? 0, 0)
      assert.deepEqual(await allocatedIps(client), taken)
    })

    it('get a second family and give it back, by policy alone', async () => {
      const [first] = ipsOf(await create('grows'))
      const grown = await patch('grows', { ipFamilyPolicy: 'RequireDualStack' })
      assert.equal(shape(grown), 'RequireDualStack IPv4,IPv6 / IPv4,IPv6')
      assert.equal(ipsOf(grown)[0], first)
      const second = ipsOf(grown)[1] ?? ''
      assert.ok(await isTaken(second))
      await assert.rejects(
        patch('grows', { clusterIPs: [first] }),
        refusal(
          'Invalid',
          /spec\.ipFamilyPolicy: Invalid value: "RequireDualStack": must be 'SingleStack' to release the secondary cluster IP/,
        ),
      )
      const shrunk = await patch('grows', { ipFamilyPolicy: 'SingleStack' })
      assert.equal(shape(shrunk), 'SingleStack IPv4 / IPv4')
      assert.equal(await isTaken(second), false)
      assert.ok(await isTaken(first ?? ''))
    })

    it('take the second address that is asked for', async () => {
      const [first = ''] = ipsOf(await create('picks'))
      const grown = await patch('picks', { ipFamilyPolicy: 'PreferDualStack', clusterIPs: [first, 'fd97::99'] })
      assert.deepEqual(ipsOf(grown), [first, 'fd97::99'])
    })

    it('keep their address', async () => {
      const service = await create('stays')
      await assert.rejects(
        patch('stays', { clusterIP: '10.97.3.3' }),
        refusal('Invalid', /spec\.clusterIPs\[0\].*may not change once set/),
      )
      await assert.rejects(patch('stays', { clusterIP: 'None' }), refusal('Invalid', /may not change once set/))
      const { metadata } = service
      const again = await client.update(services, { ...aService(namespace, 'stays'), metadata: { ...metadata } })
      assert.deepEqual(ipsOf(again), ipsOf(service))
      const cleared = await patch('stays', { clusterIP: '' })
      assert.deepEqual(ipsOf(cleared), ipsOf(service))
    })

    it('give all back on the way to ExternalName, and get new on the way back', async () => {
      const held = ipsOf(await create('turns', { type: 'NodePort', ipFamilyPolicy: 'RequireDualStack' }))
      const named = await patch('turns', { type: 'ExternalName', externalName: 'example.com' })
      assert.equal(shape(named), '-  / ')
      for (const ip of held) assert.equal(await isTaken(ip), false)
      const back = await patch('turns', { type: 'ClusterIP', externalName: null })
      assert.equal(shape(back), 'SingleStack IPv4 / IPv4')
      for (const ip of ipsOf(back)) assert.ok(await isTaken(ip))
    })

    it('have slices of each family that their Pods have addresses of', async () => {
      const addresses = [{ ip: '10.140.0.9' }, { ip: 'fd14::9' }]
      const pod: Pod = {
        metadata: { namespace, name: 'both', labels: { app: 'sliced' } },
        spec: { nodeName: 'nowhere', containers: [{ name: 'main', image: 'none:1' }] },
      }
      await client.create(pods, pod)
      const status = {
        phase: 'Running',
        podIP: '10.140.0.9',
        podIPs: addresses,
        conditions: [{ type: 'Ready', status: 'True' }],
      }
      await client.patch(pods, 'both', namespace, { status }, { type: 'merge', subresource: 'status' })
      await create('sliced', { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6', 'IPv4'] })
      const labelSelector = 'kubernetes.io/service-name=sliced'
      const found = await waitFor(
        async () => {
          const { items } = await client.list(endpointSlices, { namespace, labelSelector })
          const lines = items.map(
            (slice) => `${slice.addressType} ${slice.endpoints?.map((e) => e.addresses.join()).join()}`,
          )
          return lines.length === 2 && lines.every((line) => line.endsWith('9')) ? lines.toSorted() : undefined
        },
        { what: 'a slice of each family' },
      )
      assert.deepEqual(found, ['IPv4 10.140.0.9', 'IPv6 fd14::9'])
      const old = await waitFor(
        async () => {
          const { subsets } = await client.get(endpoints, 'sliced', namespace)
          return subsets?.flatMap((subset) => subset.addresses?.map(({ ip }) => ip) ?? [])
        },
        { what: 'the Endpoints' },
      )
      assert.deepEqual(old, ['fd14::9'])
      await patch('sliced', { ipFamilyPolicy: 'SingleStack' })
      await waitFor(
        async () => {
          const { items } = await client.list(endpointSlices, { namespace, labelSelector })
          return items.length === 1 && items[0]?.addressType === 'IPv6'
        },
        { what: 'the second slice to go' },
      )
    })

    it('have the one that is there always', async () => {
      const kubernetes = await client.get(services, 'kubernetes', 'default')
      assert.equal(shape(kubernetes), 'SingleStack IPv4 / IPv4')
      assert.deepEqual(ipsOf(kubernetes), ['10.97.0.1'])
      await client.delete(services, 'kubernetes', 'default')
      const again = await waitFor(() => client.get(services, 'kubernetes', 'default'), { what: 'it to come back' })
      assert.deepEqual(ipsOf(again), ['10.97.0.1'])
    })
  })
}
