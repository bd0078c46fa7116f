import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { EndpointSlice, Service } from '../../api/types.ts'
import { answerFromZone } from './answer.ts'
import { Zone } from './zone.ts'

const aService = (name: string, spec: Partial<NonNullable<Service['spec']>>): Service => ({
  metadata: { name, namespace: 'default' },
  spec: { ports: [{ name: 'http', port: 80, protocol: 'TCP' }], ...spec },
})

const aSlice = (endpoints: EndpointSlice['endpoints']): EndpointSlice => ({
  addressType: 'IPv4',
  metadata: {},
  endpoints,
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
})

const aZone = (): Zone => new Zone('cluster.local', (name) => name === 'default')
const ask = (zone: Zone, name: string, type = 'A') => answerFromZone(zone, { name, type: type as 'A' }, () => 0)
const dataOf = (zone: Zone, name: string, type = 'A'): unknown[] =>
  (ask(zone, name, type)?.answers ?? []).map((answer) => ('data' in answer ? answer.data : undefined))

describe('Zone', () => {
  it('answers for a cluster IP in all its forms', () => {
    const zone = aZone()
    zone.set('default/web', aService('web', { clusterIP: '10.96.3.4' }), [])
    assert.deepEqual(dataOf(zone, 'WEB.default.svc.cluster.local'), ['10.96.3.4'])
    assert.deepEqual(dataOf(zone, '4.3.96.10.in-addr.arpa', 'PTR'), ['web.default.svc.cluster.local'])
    assert.deepEqual(dataOf(zone, '_http._tcp.web.default.svc.cluster.local', 'SRV'), [
      { port: 80, target: 'web.default.svc.cluster.local', priority: 0, weight: 100 },
    ])
  })

  it('answers for both families of a Service', () => {
    const zone = aZone()
    const clusterIPs = ['fd00::a:1', '10.96.3.4']
    zone.set('default/both', aService('both', { clusterIP: 'fd00::a:1', clusterIPs }), [])
    assert.deepEqual(dataOf(zone, 'both.default.svc.cluster.local'), ['10.96.3.4'])
    assert.deepEqual(dataOf(zone, 'both.default.svc.cluster.local', 'AAAA'), ['fd00::a:1'])
    const reverse = '1.0.0.0.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa'
    assert.deepEqual(dataOf(zone, reverse, 'PTR'), ['both.default.svc.cluster.local'])
    const slice: EndpointSlice = { ...aSlice([{ addresses: ['fd00::5'] }]), addressType: 'IPv6' }
    zone.set('default/headless', aService('headless', { clusterIP: 'None', clusterIPs: ['None'] }), [slice])
    assert.deepEqual(dataOf(zone, 'headless.default.svc.cluster.local', 'AAAA'), ['fd00::5'])
    assert.deepEqual(dataOf(zone, 'fd00--5.headless.default.svc.cluster.local', 'AAAA'), ['fd00::5'])
  })

  it('answers for a Pod by its address in dashes, in both families', () => {
    const zone = aZone()
    assert.deepEqual(dataOf(zone, '10-244-1-5.default.pod.cluster.local'), ['10.244.1.5'])
    assert.deepEqual(dataOf(zone, 'fd00-10-244--5.default.pod.cluster.local', 'AAAA'), ['fd00:10:244::5'])
    assert.equal(ask(zone, '10-244-1-5.elsewhere.pod.cluster.local')?.rcode, 'NXDOMAIN')
    assert.equal(ask(zone, '10-244-1.default.pod.cluster.local')?.rcode, 'NXDOMAIN')
  })

  it('tells a name without such records from a name that does not exist', () => {
    const zone = aZone()
    zone.set('default/web', aService('web', { clusterIP: '10.96.3.4' }), [])
    assert.equal(ask(zone, 'web.default.svc.cluster.local', 'AAAA')?.rcode, 'NOERROR')
    assert.equal(ask(zone, '_tcp.web.default.svc.cluster.local')?.rcode, 'NOERROR')
    assert.equal(ask(zone, 'default.svc.cluster.local')?.rcode, 'NOERROR')
    assert.equal(ask(zone, 'nope.default.svc.cluster.local')?.rcode, 'NXDOMAIN')
    assert.equal(ask(zone, 'nope.default.svc.cluster.local')?.authorities[0]?.type, 'SOA')
    assert.equal(ask(zone, 'example.com'), undefined)
  })

  it('lists ready endpoints of a headless Service, by hostname or address', () => {
    const zone = aZone()
    const slices = [
      aSlice([
        { addresses: ['10.244.1.5'], hostname: 'db-0', conditions: { ready: true } },
        { addresses: ['10.244.1.6'], conditions: { ready: true } },
        { addresses: ['10.244.1.7'], conditions: { ready: false } },
      ]),
    ]
    zone.set('default/db', aService('db', { clusterIP: 'None' }), slices)
    assert.deepEqual(dataOf(zone, 'db.default.svc.cluster.local'), ['10.244.1.5', '10.244.1.6'])
    assert.deepEqual(dataOf(zone, 'db-0.db.default.svc.cluster.local'), ['10.244.1.5'])
    assert.deepEqual(dataOf(zone, '10-244-1-6.db.default.svc.cluster.local'), ['10.244.1.6'])
    assert.equal(dataOf(zone, '_http._tcp.db.default.svc.cluster.local', 'SRV').length, 2)
  })

  it('forgets a Service with all its names', () => {
    const zone = aZone()
    zone.set('default/web', aService('web', { clusterIP: '10.96.3.4' }), [])
    zone.delete('default/web')
    for (const name of ['web.default.svc.cluster.local', '_tcp.web.default.svc.cluster.local']) {
      assert.equal(ask(zone, name)?.rcode, 'NXDOMAIN', name)
    }
  })

  it('knows Pods by their dashed address, and nothing that is no address', () => {
    const zone = aZone()
    assert.deepEqual(dataOf(zone, '10-244-1-5.default.pod.cluster.local'), ['10.244.1.5'])
    assert.equal(ask(zone, '10-244-1-555.default.pod.cluster.local')?.rcode, 'NXDOMAIN')
    assert.equal(ask(zone, '10-244-1-5.nowhere.pod.cluster.local')?.rcode, 'NXDOMAIN')
  })
})
