import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createMemoryKeyValue } from '../../storage/memory-key-value.ts'
import { addressAt, offsetOf, parseIpRange, staticBandEnd } from './ip-range.ts'
import { NodePortAllocator } from './node-port-allocator.ts'
import { dropTypeDependent, inheritAllocated, type ServiceSpec } from './service-spec.ts'

describe('the Service range', () => {
  it('knows its addresses', () => {
    const range = parseIpRange('10.96.0.0/16')
    assert.equal(addressAt(range, 1), '10.96.0.1')
    assert.equal(addressAt(range, 300), '10.96.1.44')
    assert.equal(offsetOf(range, '10.96.255.254'), 65534)
    for (const ip of ['10.96.0.0', '10.96.255.255', '10.97.0.1', 'x', '10.96.0.300'])
      assert.equal(offsetOf(range, ip), undefined, ip)
  })

  it('keeps its lower part for people', () => {
    assert.equal(staticBandEnd(parseIpRange('10.96.0.0/16')), 256)
    assert.equal(staticBandEnd(parseIpRange('10.96.0.0/24')), 16)
    assert.equal(staticBandEnd(parseIpRange('10.96.0.0/29')), 0)
  })
})

describe('node ports', () => {
  it('are given once, given back, and remembered by the next server', async () => {
    const store = createMemoryKeyValue()
    const first = new NodePortAllocator({ first: 30000, last: 30003 }, store, '/registry')
    assert.deepEqual(await first.allocate(30001), { type: 'allocated', port: 30001 })
    const second = new NodePortAllocator({ first: 30000, last: 30003 }, store, '/registry')
    assert.deepEqual(await second.allocate(30001), { type: 'taken' })
    assert.deepEqual(await second.allocate(29999), { type: 'out-of-range' })
    const rest = await Promise.all([first.allocateNext(), second.allocateNext(), first.allocateNext()])
    assert.deepEqual(
      rest.map((result) => (result.type === 'allocated' ? result.port : 0)).toSorted((a, b) => a - b),
      [30000, 30002, 30003],
    )
    assert.deepEqual(await first.allocateNext(), { type: 'full' })
    await second.release([30002])
    assert.deepEqual(await first.allocateNext(), { type: 'allocated', port: 30002 })
    await first.repair(() => new Set([30000]))
    assert.deepEqual(await second.allocate(30001), { type: 'allocated', port: 30001 })
  })
})

describe('an update of a Service', () => {
  const old: ServiceSpec = {
    type: 'NodePort',
    clusterIP: '10.96.0.9',
    clusterIPs: ['10.96.0.9'],
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
    ports: [{ port: 80, protocol: 'TCP', nodePort: 30001 }],
  }

  it('keeps what the server chose', () => {
    const spec: ServiceSpec = {
      type: 'NodePort',
      ports: [
        { port: 80, protocol: 'TCP' },
        { port: 81, protocol: 'TCP' },
      ],
    }
    inheritAllocated(spec, old)
    assert.equal(spec.clusterIP, '10.96.0.9')
    assert.deepEqual(
      spec.ports?.map(({ nodePort }) => nodePort),
      [30001, undefined],
    )
  })

  it('drops what the new type does not have', () => {
    const toClusterIp = structuredClone(old)
    toClusterIp.type = 'ClusterIP'
    dropTypeDependent(toClusterIp, old)
    assert.equal(toClusterIp.ports?.[0]?.nodePort, undefined)
    assert.equal(toClusterIp.clusterIP, '10.96.0.9')
    const toExternalName = { ...structuredClone(old), type: 'ExternalName' }
    dropTypeDependent(toExternalName, old)
    assert.equal(toExternalName.clusterIP, undefined)
    assert.equal(toExternalName.clusterIPs, undefined)
  })
})
