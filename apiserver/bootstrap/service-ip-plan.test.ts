import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addressFor } from '../registry/services/cluster-ip-allocator.ts'
import type { IPAddress, Service, ServiceCIDR } from '../../api/types.ts'
import { planIpRepairs } from './service-ip-plan.ts'

const now = Date.parse('2026-01-01T00:10:00Z')
const cidrs: ServiceCIDR[] = [{ spec: { cidrs: ['10.0.0.0/16', 'fd00::/108'] } }]

const aService = (name: string, ...clusterIPs: string[]): Service => ({
  metadata: { name, namespace: 'default' },
  spec: { type: 'ClusterIP', clusterIP: clusterIPs[0] ?? '', clusterIPs },
})

/** An IPAddress of the Service, made so many seconds ago. */
const anAddress = (ip: string, service: string, secondsAgo = 600, more: Partial<IPAddress> = {}): IPAddress => {
  const address = addressFor(ip, aService(service))
  const creationTimestamp = new Date(now - secondsAgo * 1000).toISOString()
  return { ...address, metadata: { ...address.metadata, creationTimestamp }, ...more }
}

/** `type reason: message` of each repair. */
const repairs = (services: Service[], addresses: IPAddress[]): string[] =>
  planIpRepairs({
    services: new Map(services.map((service) => [`default/${service.metadata?.name}`, service])),
    serviceCidrs: cidrs,
    addressOf: (ip) => addresses.find(({ metadata }) => metadata?.name === ip),
    addresses,
    nowMs: now,
    graceMs: 60_000,
  }).map(({ type, warning }) => `${type} ${warning === undefined ? '' : `${warning.reason}: ${warning.message}`}`)

describe('Services and their IPAddresses', () => {
  it('are fine as the allocator made them, however the address is written', () => {
    assert.deepEqual(
      repairs(
        [aService('a', '10.0.0.1', 'FD00:0::1'), aService('none', 'None')],
        [anAddress('10.0.0.1', 'a'), anAddress('fd00::1', 'a')],
      ),
      [],
    )
  })

  it('lack one', () => {
    assert.deepEqual(repairs([aService('a', 'fd00::1')], []), [
      'claim ClusterIPNotAllocated: Cluster IP [IPv6]: fd00::1 is not allocated; repairing',
    ])
  })

  it('lie outside', () => {
    assert.deepEqual(repairs([aService('a', '11.0.0.1')], []), [
      'tell ClusterIPOutOfRange: Cluster IP [IPv4]: 11.0.0.1 is not within any configured Service CIDR; please recreate service',
    ])
  })

  it('share one', () => {
    assert.deepEqual(repairs([aService('a', '10.0.0.1'), aService('b', '10.0.0.1')], [anAddress('10.0.0.1', 'a')]), [
      'tell ClusterIPAlreadyAllocated: Cluster IP [IPv4]:10.0.0.1 was assigned to multiple services; please recreate service',
    ])
  })

  const wrongReference =
    'ClusterIPNotAllocated: the ClusterIP [IPv4]: 10.0.0.1 for Service default/a has a wrong reference; repairing'
  it('have one of somebody else', () => {
    const gateway = { parentRef: { group: 'gateway.networking.k8s.io', resource: 'gateways', name: 'g' } }
    for (const address of [anAddress('10.0.0.1', 'gone'), anAddress('10.0.0.1', 'a', 1, { spec: gateway })]) {
      assert.deepEqual(repairs([aService('a', '10.0.0.1')], [address]), [`replace ${wrongReference}`])
    }
  })

  it('have one with other labels', () => {
    const address = anAddress('10.0.0.1', 'a')
    const bare = { ...address, metadata: { name: '10.0.0.1' } }
    assert.deepEqual(repairs([aService('a', '10.0.0.1')], [bare]), ['replace '])
  })

  it('left one behind, which is only told from a new one by its age', () => {
    assert.deepEqual(repairs([], [anAddress('10.0.0.1', 'gone', 59)]), [])
    assert.deepEqual(repairs([], [anAddress('10.0.0.1', 'gone', 61)]), [
      'release IPAddressNotAllocated: IPAddress: 10.0.0.1 for Service default/gone appears to have leaked: cleaning up',
    ])
    assert.deepEqual(repairs([aService('a', '10.0.0.2')], [anAddress('10.0.0.2', 'a'), anAddress('10.0.0.1', 'a')]), [
      'release IPAddressWrongReference: IPAddress: 10.0.0.1 for Service default/a has a wrong reference; cleaning up',
    ])
  })

  it('have nothing to do with addresses that people keep', () => {
    assert.deepEqual(
      repairs([], [{ metadata: { name: '10.0.0.9' }, spec: { parentRef: { resource: 'x', name: 'y' } } }]),
      [],
    )
  })
})
