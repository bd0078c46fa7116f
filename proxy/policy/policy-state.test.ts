import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { NetworkPolicy, Pod } from '../../api/types.ts'
import { diffFragments, type Fragment } from '../nftables/table.ts'
import { compilePolicy } from './compile.ts'
import { planPolicies } from './plan.ts'
import { factsOf } from './pod-facts.ts'
import { PolicyState } from './policy-state.ts'
import { policyTable } from './ruleset.ts'

const node = { podRanges: ['10.0.0.0/24'], clusterDns: ['10.96.0.10'] }

const pod = (namespace: string, name: string, labels: Record<string, string>, status: Pod['status'] = {}): Pod => ({
  metadata: { namespace, name, uid: `${namespace}-${name}`, labels },
  spec: { nodeName: name.startsWith('far') ? 'there' : 'here', containers: [{ name: 'c' }] },
  status: { phase: 'Running', ...status },
})

/** Everything that is written, in an order that does not tell how it came about. */
const plain = ({ chains, sets, elements }: Fragment): object => ({
  chains: Object.fromEntries(chains),
  sets: Object.fromEntries(sets),
  elements: Object.fromEntries(Array.from(elements, ([name, items]) => [name, Object.fromEntries(items)])),
})

/** What became of a table: the changes alone, one after the other. */
const applied = (table: Fragment, { before, after }: { before: Fragment; after: Fragment }): Fragment => {
  const chains = new Map(table.chains)
  const sets = new Map(table.sets)
  const elements = new Map(Array.from(table.elements, ([name, items]) => [name, new Map(items)]))
  for (const name of before.chains.keys()) chains.delete(name)
  for (const name of before.sets.keys()) sets.delete(name)
  for (const [name, items] of before.elements) for (const key of items.keys()) elements.get(name)?.delete(key)
  for (const [name, rules] of after.chains) chains.set(name, rules)
  for (const [name, body] of after.sets) sets.set(name, body)
  for (const [name, items] of after.elements) {
    const own = elements.get(name) ?? new Map<string, string>()
    for (const [key, value] of items) own.set(key, value)
    elements.set(name, own)
  }
  for (const [name, items] of elements) if (items.size === 0) elements.delete(name)
  return { chains, sets, elements }
}

const selector = fc.constantFrom({}, { matchLabels: { app: 'a' } }, { matchLabels: { app: 'b' } })
const peer = fc.oneof(
  selector.map((podSelector) => ({ podSelector })),
  selector.map((namespaceSelector) => ({ namespaceSelector })),
  fc.constant({ ipBlock: { cidr: '10.0.0.0/8' } }),
)
const namespaces = fc.constantFrom('x', 'y')
const labels = fc.constantFrom<Record<string, string>[]>({}, { app: 'a' }, { app: 'b' })
const name = fc.constantFrom('p1', 'p2', 'far1')

type Event =
  | { readonly type: 'pod'; readonly object: Pod; readonly gone: boolean }
  | { readonly type: 'policy'; readonly object: NetworkPolicy; readonly gone: boolean }
  | { readonly type: 'namespace'; readonly name: string; readonly labels: Record<string, string> | undefined }
  | { readonly type: 'flush' }

const event: fc.Arbitrary<Event> = fc.oneof(
  // Few addresses, so that Pods come to have the same.
  fc
    .record({ namespace: namespaces, name, labels, ip: fc.nat(3), gone: fc.boolean(), http: fc.constantFrom(80, 81) })
    .map(({ namespace, name: podName, labels: own, ip, gone, http }): Event => {
      const object = pod(namespace, podName, own, { podIP: `10.0.0.${ip}` })
      const containers = [{ name: 'c', ports: [{ name: 'http', containerPort: http }] }]
      return { type: 'pod', object: { ...object, spec: { ...object.spec, containers } }, gone }
    }),
  fc
    .record({
      namespace: namespaces,
      name: fc.constantFrom('n1', 'n2'),
      podSelector: selector,
      from: fc.array(peer, { maxLength: 2 }),
      ports: fc.constantFrom<{ port: number | string }[][]>([], [{ port: 80 }], [{ port: 'http' }]),
      gone: fc.boolean(),
    })
    .map(({ namespace, name: policyName, podSelector, from, ports, gone }): Event => {
      const spec = {
        podSelector,
        policyTypes: ['Ingress', 'Egress'],
        ingress: [{ from, ports }],
        egress: [{ to: from }],
      }
      return { type: 'policy', object: { metadata: { namespace, name: policyName }, spec }, gone }
    }),
  fc
    .record({ name: namespaces, labels: fc.option(labels, { nil: undefined }) })
    .map((namespace): Event => ({ type: 'namespace', ...namespace })),
  fc.constant<Event>({ type: 'flush' }),
)

describe('the state of policies', () => {
  it('comes to the same table whichever way it went', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const state = new PolicyState()
        state.setNode(node)
        let table: Fragment = { chains: new Map(), sets: new Map(), elements: new Map() }
        const pods = new Map<string, Pod>()
        const policies = new Map<string, NetworkPolicy>()
        const known = new Map<string, Record<string, string>>()
        for (const change of [...events, { type: 'flush' } as const]) {
          if (change.type === 'flush') table = applied(table, state.flush())
          else if (change.type === 'namespace') {
            state.setNamespace(change.name, change.labels)
            if (change.labels === undefined) known.delete(change.name)
            else known.set(change.name, change.labels)
          } else {
            const key = `${change.object.metadata?.namespace}/${change.object.metadata?.name}`
            if (change.type === 'pod') {
              state.setPod(key, change.gone ? undefined : factsOf(change.object, 'here', new Map()))
              if (change.gone) pods.delete(key)
              else pods.set(key, change.object)
            } else {
              state.setPolicy(key, change.gone ? undefined : compilePolicy(change.object))
              if (change.gone) policies.delete(key)
              else policies.set(key, change.object)
            }
          }
        }
        const wanted = planPolicies({
          nodeName: 'here',
          node,
          pods: [...pods.values()],
          policies: [...policies.values()],
          namespaces: Array.from(known, ([own, ownLabels]) => ({ metadata: { name: own, labels: ownLabels } })),
        })
        assert.deepEqual(plain(table), plain(wanted))
        assert.deepEqual(plain(state.whole()), plain(wanted))
      }),
      { numRuns: 300 },
    )
  })

  it('writes a few elements for a Pod that comes, however many there are', () => {
    const state = new PolicyState()
    state.setNode(node)
    state.setNamespace('x', {})
    const put = (object: Pod): void => state.setPod(`x/${object.metadata?.name}`, factsOf(object, 'here', new Map()))
    for (let index = 0; index < 500; index += 1)
      put(pod('x', `far${index}`, { app: 'a' }, { podIP: `10.1.${index >> 8}.${index & 255}` }))
    put(pod('x', 'p1', { app: 'b' }, { podIP: '10.0.0.1' }))
    const spec = { podSelector: {}, ingress: [{ from: [{ podSelector: { matchLabels: { app: 'a' } } }] }] }
    state.setPolicy('x/n', compilePolicy({ metadata: { namespace: 'x', name: 'n' }, spec }))
    state.flush()
    put(pod('x', 'far-new', { app: 'a' }, { podIP: '10.2.0.1' }))
    const { before, after } = state.flush()
    const commands = diffFragments(policyTable, before, after)
    assert.equal(commands.length, 1, commands.join('\n'))
    assert.match(commands[0] ?? '', /^add element inet kubets-policy pods-[0-9a-f]+-4 \{ 10\.2\.0\.1 \}$/)
    // What no policy sees changes nothing.
    put({
      ...pod('x', 'far-new', { app: 'a' }, { podIP: '10.2.0.1' }),
      status: { podIP: '10.2.0.1', phase: 'Running', startTime: '2026-01-01T00:00:00Z' },
    } as unknown as Pod)
    const second = state.flush()
    assert.deepEqual(diffFragments(policyTable, second.before, second.after), [])
  })
})
