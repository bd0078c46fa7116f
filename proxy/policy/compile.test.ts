import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { NetworkPolicy } from '../../api/types.ts'
import { compilePolicy, mergeRanges, referencesOf } from './compile.ts'

type Spec = NonNullable<NetworkPolicy['spec']>

const compile = (spec: Spec, namespace = 'ns'): ReturnType<typeof compilePolicy> =>
  compilePolicy({ metadata: { namespace, name: 'p' }, spec: { podSelector: {}, ...spec } })

describe('a compiled policy', () => {
  const directions: readonly (readonly [what: string, spec: Spec, ingress: boolean, egress: boolean])[] = [
    ['isolates ingress if it names nothing', {}, true, false],
    ['isolates egress too if it has rules for it', { egress: [{}] }, true, true],
    ['isolates what it names alone', { policyTypes: ['Egress'], ingress: [{}] }, false, true],
    ['isolates both', { policyTypes: ['Ingress', 'Egress'] }, true, true],
  ]
  for (const [what, spec, ingress, egress] of directions) {
    it(what, () => {
      const policy = compile(spec)
      assert.deepEqual([policy.ingress !== undefined, policy.egress !== undefined], [ingress, egress])
    })
  }

  it('knows ranges, names and protocols of ports', () => {
    const ports = [
      { port: 80 },
      { protocol: 'TCP', port: 81, endPort: 90 },
      { protocol: 'TCP', port: 'http' },
      { protocol: 'UDP' },
      { protocol: 'SCTP', port: 7777 },
    ]
    assert.deepEqual(compile({ ingress: [{ ports }] }).ingress?.[0]?.ports, [
      { protocol: 'tcp', ranges: [[80, 90]], names: ['http'] },
      { protocol: 'udp', ranges: [[0, 65_535]], names: [] },
      { protocol: 'sctp', ranges: [[7777, 7777]], names: [] },
    ])
  })

  it('names every exception once, without host bits', () => {
    const ipBlock = { cidr: '10.1.2.3/8', except: ['10.0.1.0/24', '10.0.0.0/16', '10.9.9.9/32', '10.0.1.0/24'] }
    assert.deepEqual(compile({ ingress: [{ from: [{ ipBlock }] }] }).ingress?.[0]?.peers, [
      { type: 'block', family: 4, cidr: '10.0.0.0/8', except: ['10.0.0.0/16', '10.9.9.9/32'] },
    ])
  })

  it('shares a group with all who say the same in other words', () => {
    const groupsOf = (peer: object, namespace = 'ns'): string[] =>
      referencesOf(compile({ ingress: [{ from: [peer] }] }, namespace)).groups.map(({ key }) => key)
    const labels = groupsOf({ podSelector: { matchLabels: { a: 'b' } } })
    assert.notDeepEqual(labels, groupsOf({ podSelector: { matchLabels: { a: 'b' } } }, 'other'), 'its own namespace')
    assert.deepEqual(
      groupsOf({ namespaceSelector: {} }),
      groupsOf({ namespaceSelector: {}, podSelector: {} }, 'other'),
      'all Pods of all namespaces',
    )
    assert.notDeepEqual(labels, groupsOf({ podSelector: { matchLabels: { a: 'c' } } }))
  })
})

it('merged ranges hold the same ports, apart from each other', () => {
  const range = fc.tuple(fc.nat(40), fc.nat(8)).map(([first, length]): [number, number] => [first, first + length])
  fc.assert(
    fc.property(fc.array(range), (ranges) => {
      const holds = (all: readonly (readonly [number, number])[], port: number): boolean =>
        all.some(([first, last]) => port >= first && port <= last)
      const merged = mergeRanges(ranges)
      for (let port = 0; port < 60; port += 1) assert.equal(holds(merged, port), holds(ranges, port))
      for (const [index, [first]] of merged.entries()) assert.ok(first > (merged[index - 1]?.[1] ?? -2) + 1)
    }),
  )
})
