import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Service } from '../../api/types.ts'
import { aNode, aPod } from '../testing/builders.ts'
import { desiredGroups, type Endpoint } from './desired.ts'
import { addHints, distributionHints } from './hints.ts'
import { cpuShares, planTopologyHints } from './topology-hints.ts'

const endpoint = (zone: string | undefined, ready = true, nodeName = 'n'): Endpoint => ({
  addresses: ['10.0.0.1'],
  conditions: { ready },
  nodeName,
  ...(zone === undefined ? {} : { zone }),
})

describe('distributionHints', () => {
  const cases: readonly (readonly [string | undefined, Endpoint, unknown])[] = [
    ['PreferClose', endpoint('a'), { forZones: [{ name: 'a' }] }],
    ['PreferSameZone', endpoint('a'), { forZones: [{ name: 'a' }] }],
    ['PreferSameNode', endpoint('a'), { forZones: [{ name: 'a' }], forNodes: [{ name: 'n' }] }],
    ['PreferSameNode', endpoint(undefined), { forNodes: [{ name: 'n' }] }],
    ['PreferSameZone', endpoint(undefined), undefined],
    ['PreferSameNode', endpoint('a', false), undefined],
    [undefined, endpoint('a'), undefined],
    ['example.com/other', endpoint('a'), undefined],
  ]
  for (const [distribution, one, expected] of cases) {
    it(`gives ${JSON.stringify(expected)} for ${distribution}, zone ${one.zone}, ready ${one.conditions?.ready}`, () => {
      assert.deepEqual(distributionHints(one, distribution), expected)
    })
  }
})

describe('planTopologyHints', () => {
  const shares = new Map([
    ['a', 0.5],
    ['b', 0.5],
  ])
  const many = (zones: readonly string[]): Endpoint[] => zones.map((zone) => endpoint(zone))
  const none = (count: number): undefined[] => Array.from({ length: count }, () => undefined)

  it('leaves endpoints in their zones where they suffice', () => {
    assert.deepEqual(planTopologyHints(many(['a', 'b']), none(2), shares), { type: 'zones', zones: ['a', 'b'] })
  })

  it('has zones with more than their share serve others', () => {
    const plan = planTopologyHints(many(['a', 'a', 'a', 'a', 'a', 'b']), none(6), shares)
    assert.ok(plan.type === 'zones')
    assert.equal(plan.zones.filter((zone) => zone === 'b').length, 3)
  })

  it('keeps the zones that endpoints serve already', () => {
    const plan = planTopologyHints(many(['a', 'a', 'a', 'b']), ['a', 'b', undefined, 'b'], shares)
    assert.deepEqual(plan, { type: 'zones', zones: ['a', 'b', 'a', 'b'] })
  })

  it('says why there are none', () => {
    const message = (endpoints: Endpoint[], of: ReadonlyMap<string, number> | undefined): string => {
      const plan = planTopologyHints(endpoints, none(endpoints.length), of)
      return plan.type === 'disabled' ? plan.message : 'enabled'
    }
    assert.match(message(many(['a', 'b']), undefined), /^Insufficient Node information/)
    assert.equal(message(many(['a']), shares), 'Insufficient number of endpoints (1 endpoints, 2 zones)')
    assert.equal(
      message([endpoint(undefined), endpoint('b')], shares),
      'One or more endpoints do not have a zone specified',
    )
    assert.match(message(many(['a', 'b', 'b']), shares), /^Unable to allocate minimum required endpoints .* \(3 endp/)
  })

  it('never gives a zone less than its share by more than the threshold', () => {
    const zone = fc.constantFrom('a', 'b', 'c')
    fc.assert(
      fc.property(
        fc.array(fc.record({ zone, before: fc.option(zone, { nil: undefined }), ready: fc.boolean() }), {
          maxLength: 40,
        }),
        fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })),
        (list, [a, b, c]) => {
          const total = a + b + c
          const cpu = new Map([
            ['a', a / total],
            ['b', b / total],
            ['c', c / total],
          ])
          const plan = planTopologyHints(
            list.map((one) => endpoint(one.zone, one.ready)),
            list.map(({ before }) => before),
            cpu,
          )
          if (plan.type === 'disabled') return
          const ready = list.filter((one) => one.ready).length
          assert.equal(plan.zones.filter((one) => one !== undefined).length, ready)
          for (const [name, share] of cpu) {
            const count = plan.zones.filter((one) => one === name).length
            // Half an endpoint is the rounding of what is moved.
            assert.ok(count >= Math.floor((share * ready) / 1.2) - 1, `${name}: ${count} of ${ready}`)
          }
        },
      ),
    )
  })
})

describe('cpuShares', () => {
  const node = (name: string, zone: string, cpu: string, ready = 'True') =>
    aNode(name, ready, {
      metadata: { name, labels: { 'topology.kubernetes.io/zone': zone } },
      status: { allocatable: { cpu }, conditions: [{ type: 'Ready', status: ready }] },
    })

  it('counts the CPU of ready Nodes by zone', () => {
    const shares = cpuShares([node('1', 'a', '3'), node('2', 'b', '1000m'), node('3', 'b', '8', 'False')])
    assert.deepEqual(shares && [...shares], [
      ['a', 0.75],
      ['b', 0.25],
    ])
  })

  it('knows nothing where a Node has no zone or no CPU, or all are in one zone', () => {
    assert.equal(cpuShares([node('1', 'a', '1'), node('2', '', '1')]), undefined)
    assert.equal(cpuShares([node('1', 'a', '1'), node('2', 'b', '0')]), undefined)
    assert.equal(cpuShares([node('1', 'a', '1'), node('2', 'a', '1')]), undefined)
  })
})

describe('addHints', () => {
  const service: Service = {
    metadata: {
      name: 's',
      namespace: 'default',
      uid: 'u',
      annotations: { 'service.kubernetes.io/topology-mode': 'Auto' },
    },
    spec: { selector: { app: 'x' }, ports: [{ port: 80 }], trafficDistribution: 'PreferSameNode' },
  }
  const groups = desiredGroups(service, [aPod('p', { node: 'n1' }), aPod('q', { node: 'n2' })], (name) =>
    aNode(name, 'True', { metadata: { name, labels: { 'topology.kubernetes.io/zone': `zone-${name}` } } }),
  )

  it('has the annotation go before trafficDistribution', () => {
    const shares = new Map([
      ['zone-n1', 0.5],
      ['zone-n2', 0.5],
    ])
    const { groups: hinted, hinted: families } = addHints(service, groups, [], shares)
    assert.deepEqual(families, ['IPv4'])
    assert.deepEqual(
      [...(hinted[0]?.endpoints.values() ?? [])].map(({ hints }) => hints),
      [{ forZones: [{ name: 'zone-n1' }] }, { forZones: [{ name: 'zone-n2' }] }],
    )
  })

  it('tells by family why there are none', () => {
    const { groups: plain, disabled } = addHints(service, groups, [], undefined)
    assert.match(disabled[0] ?? '', /, addressType: IPv4$/)
    assert.ok([...(plain[0]?.endpoints.values() ?? [])].every(({ hints }) => hints === undefined))
  })
})
