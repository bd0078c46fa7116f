/** Hints of EndpointSlices: whom an endpoint is meant for. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { endpointSlices, nodes, pods, services } from '../../../api/resources.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { waitFor } from '../../harness/wait.ts'
import { makeNamespace } from '../api-machinery/fixtures.ts'

const namespace = 'hints'
const zones = ['zone-a', 'zone-b'] as const

export const describeTrafficHints = (running: Running): void => {
  describe('hints of a Service', () => {
    let client: RestClient
    before(async () => {
      client = running().client
      await makeNamespace(client, namespace)
      for (const [index, zone] of zones.entries()) {
        const name = `hints-${zone}`
        await client.create(nodes, { metadata: { name, labels: { 'topology.kubernetes.io/zone': zone } } })
        const nodeStatus = { allocatable: { cpu: '4' }, conditions: [{ type: 'Ready', status: 'True' }] }
        const asStatus = { type: 'merge', subresource: 'status' } as const
        await client.patch(nodes, name, undefined, { status: nodeStatus }, asStatus)
        await client.create(pods, {
          metadata: { name: `pod-${zone}`, namespace, labels: { app: 'web' } },
          spec: { nodeName: name, containers: [{ name: 'c', image: 'none:1' }] },
        })
        const podIP = `10.9.9.${index + 1}`
        const status = {
          phase: 'Running',
          podIP,
          podIPs: [{ ip: podIP }],
          conditions: [{ type: 'Ready', status: 'True' }],
        }
        await client.patch(pods, `pod-${zone}`, namespace, { status }, asStatus)
      }
      await client.create(services, {
        metadata: { name: 'web', namespace },
        spec: { selector: { app: 'web' }, ports: [{ port: 80 }], trafficDistribution: 'PreferSameNode' },
      })
    })

    /** By zone: the hints as text. */
    const hints = async (): Promise<string> => {
      const { items } = await client.list(endpointSlices, { namespace })
      const endpoints = items.flatMap((slice) => slice.endpoints ?? [])
      return endpoints
        .map(({ zone, hints: own }) => {
          const names = [...(own?.forZones ?? []), ...(own?.forNodes ?? [])].map(({ name }) => name)
          return `${zone}: ${names.join(' ')}`
        })
        .sort()
        .join(', ')
    }
    const become = (wanted: string): Promise<unknown> =>
      waitFor(async () => (await hints()) === wanted, { what: `hints ${wanted}` })
    const patch = (body: object) => client.patch(services, 'web', namespace, body, { type: 'merge' })

    it('follow trafficDistribution, and go with it', async () => {
      await become('zone-a: zone-a hints-zone-a, zone-b: zone-b hints-zone-b')
      await patch({ spec: { trafficDistribution: 'PreferClose' } })
      await become('zone-a: zone-a, zone-b: zone-b')
      await patch({ spec: { trafficDistribution: null } })
      await become('zone-a: , zone-b: ')
    })

    it('follow the topology of Nodes where the annotation asks for it', async () => {
      await patch({ metadata: { annotations: { 'service.kubernetes.io/topology-mode': 'Auto' } } })
      await become('zone-a: zone-a, zone-b: zone-b')
      // Without its CPU a zone's share cannot be known.
      const status = { allocatable: { cpu: '0' } }
      await client.patch(nodes, 'hints-zone-b', undefined, { status }, { type: 'merge', subresource: 'status' })
      await become('zone-a: , zone-b: ')
    })

    it('are the same after they were looked at again', async () => {
      const read = async () => (await client.list(endpointSlices, { namespace })).items.map((slice) => slice.metadata)
      const before_ = await read()
      await patch({ metadata: { annotations: { other: 'x' } } })
      await become('zone-a: , zone-b: ')
      assert.deepEqual(await read(), before_)
    })
  })
}
