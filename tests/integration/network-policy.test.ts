/**
 * The truth table of NetworkPolicies: generated policies and Pods, what a model says of every connection between them,
 * and what real connections between network namespaces with the real rules do. Over one bridge and over two nodes.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { diffFragments, emptyFragment } from '../../proxy/nftables/table.ts'
import { compilePolicy } from '../../proxy/policy/compile.ts'
import { planPolicies } from '../../proxy/policy/plan.ts'
import { factsOf } from '../../proxy/policy/pod-facts.ts'
import { PolicyState } from '../../proxy/policy/policy-state.ts'
import { policyBaseRules, policyTable } from '../../proxy/policy/ruleset.ts'
import { waitFor } from '../harness/wait.ts'
import { isAllowed, type Packet, type World } from './network-policy/model.ts'
import {
  gateways,
  makePolicyNetwork,
  outsideAddresses,
  podAddresses,
  podRanges,
  type PolicyNetwork,
} from './network-policy/network.ts'
import { podsPerNode, servedPorts, worldArbitrary } from './network-policy/worlds.ts'

/** What is allowed comes at once, if the machine has time; what is not is given up. */
const patienceMs = { allowed: 15_000, denied: 600 }

const nodes = [1, 2] as const

let network: PolicyNetwork
before(async () => {
  network = await makePolicyNetwork(podsPerNode, servedPorts)
})
after(async () => {
  await network?.[Symbol.asyncDispose]()
})

const writeRules = async (world: World, isKnown: (name: string) => boolean = () => true): Promise<void> => {
  for (const node of nodes) {
    const wanted = planPolicies({
      nodeName: `node-${node}`,
      node: { podRanges: podRanges(node), clusterDns: [] },
      policies: world.policies,
      pods: world.pods.filter(({ metadata }) => isKnown(metadata?.name ?? '')),
      namespaces: Object.entries(world.namespaces).map(([name, labels]) => ({ metadata: { name, labels } })),
    })
    await network.nft(node, [...policyBaseRules(), ...diffFragments(policyTable, emptyFragment, wanted)])
    await network.forgetConnections(node)
  }
}

/** Brings a state from whatever it was to a world. */
const put = (state: PolicyState, world: World): void => {
  for (const [name, labels] of Object.entries(world.namespaces)) state.setNamespace(name, labels)
  for (const one of world.pods) {
    // Names are the same in every world, and namespaces are not.
    for (const namespace of Object.keys(world.namespaces)) {
      const facts = one.metadata?.namespace === namespace ? factsOf(one, 'node-1', new Map()) : undefined
      state.setPod(`${namespace}/${one.metadata?.name}`, facts)
    }
  }
  for (let index = 0; index < 4; index += 1) {
    for (const namespace of Object.keys(world.namespaces)) {
      const policy = world.policies[index]
      const isHere = policy?.metadata?.namespace === namespace
      state.setPolicy(`${namespace}/p${index}`, isHere ? compilePolicy(policy) : undefined)
    }
  }
}

interface Attempt extends Packet {
  readonly who: string
}

const places = nodes.flatMap((node) =>
  Array.from({ length: podsPerNode }, (_, index) => ({
    who: `pod ${node} ${index}`,
    addresses: podAddresses(node, index),
  })),
)

/** Every connection between two Pods, and between a Pod and the world outside, in both families. */
const attempts = (world: World): Attempt[] => {
  const ended = new Set(
    world.pods
      .filter(({ status }) => status?.phase === 'Failed')
      .flatMap(({ status }) => status?.podIPs ?? [])
      .map(({ ip }) => ip),
  )
  const everybody = [...places, { who: 'outside', addresses: outsideAddresses }]
  return everybody.flatMap(({ who, addresses }) =>
    everybody.flatMap((target) =>
      [0, 1].flatMap((family) =>
        servedPorts.flatMap((port) =>
          (['TCP', 'UDP'] as const).flatMap((protocol) => {
            const [from = '', to = ''] = [addresses[family], target.addresses[family]]
            // Who ended has no network; here only its name did.
            if (from === to || ended.has(from) || ended.has(to)) return []
            return [{ who, from, to, protocol, port }]
          }),
        ),
      ),
    ),
  )
}

const outcome = async ({ who, from, to, protocol, port }: Attempt, expected: boolean): Promise<string> => {
  const timeoutMs = expected ? patienceMs.allowed : patienceMs.denied
  const probe = { from, to, protocol: protocol as 'TCP' | 'UDP', port, timeoutMs }
  const isThrough = await network.agent(who).probe(probe)
  return `${from} → ${to} ${protocol} ${port}: ${isThrough ? 'open' : 'closed'}`
}

const tableOf = async (world: World): Promise<void> => {
  const all = attempts(world)
  const expected = all.map((attempt) => isAllowed(world, attempt))
  const got = await Promise.all(all.map((attempt, index) => outcome(attempt, expected[index] ?? false)))
  const wanted = all.map(
    ({ from, to, protocol, port }, index) =>
      `${from} → ${to} ${protocol} ${port}: ${expected[index] ? 'open' : 'closed'}`,
  )
  assert.deepEqual(
    got.filter((line, index) => line !== wanted[index]),
    [],
  )
}

describe('network policies', () => {
  it('let through what they allow and nothing else', { timeout: 300_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(worldArbitrary, async (world) => {
        await writeRules(world)
        await tableOf(world)
      }),
      { numRuns: 20, endOnFailure: true },
    )
  })

  const pod = (node: number, index: number): World['pods'][number] => ({
    metadata: { namespace: 'red', name: `pod-${node}-${index}`, uid: `${node}-${index}`, labels: { app: 'web' } },
    spec: { nodeName: `node-${node}`, containers: [{ name: 'main' }] },
    status: { phase: 'Running', podIPs: podAddresses(node, index).map((ip) => ({ ip })) },
  })
  const closed: World = {
    namespaces: { red: {} },
    pods: [pod(1, 0), pod(1, 1), pod(2, 0)],
    policies: [{ metadata: { namespace: 'red', name: 'deny' }, spec: { podSelector: {}, policyTypes: ['Ingress'] } }],
  }

  it('never keep a node from its own Pods', async () => {
    await writeRules(closed)
    for (const [family, from] of gateways(1).entries()) {
      const to = podAddresses(1, 0)[family] ?? ''
      assert.ok(await network.agent('node 1').probe({ from, to, protocol: 'TCP', port: 8001, timeoutMs: 15_000 }))
      // Another node is somebody else.
      const remote = podAddresses(2, 0)[family] ?? ''
      assert.ok(
        !(await network.agent('node 1').probe({ from, to: remote, protocol: 'TCP', port: 8001, timeoutMs: 300 })),
      )
    }
  })

  it('are not gone around by addresses of the link', async () => {
    const to = await network.linkLocalOf('pod 1 0')
    const probe = { from: '', to, protocol: 'TCP' as const, port: 8001 }
    await network.nft(1, [`add table ${policyTable}`, `delete table ${policyTable}`])
    await waitFor(() => network.agent('pod 1 1').probe({ ...probe, timeoutMs: 2_000 }), {
      what: 'neighbours without policies',
    })
    await writeRules(closed)
    assert.ok(!(await network.agent('pod 1 1').probe({ ...probe, timeoutMs: patienceMs.denied })))
  })

  it('hold a Pod that nobody knows yet, in both directions, and let it go when it is known', async () => {
    const open: World = {
      ...closed,
      policies: [{ ...closed.policies[0], spec: { podSelector: { matchLabels: { app: 'none' } } } }],
    }
    const [[newcomer], [neighbour], [remote]] = [podAddresses(1, 0), podAddresses(1, 1), podAddresses(2, 0)]
    const probes = [
      { who: 'pod 1 0', from: newcomer, to: neighbour },
      { who: 'pod 1 0', from: newcomer, to: remote },
      { who: 'pod 1 0', from: newcomer, to: outsideAddresses[0] },
      { who: 'pod 1 1', from: neighbour, to: newcomer },
      { who: 'pod 2 0', from: remote, to: newcomer },
    ].map((probe) => ({ ...probe, protocol: 'TCP' as const, port: 8001 }))
    const outcomes = (expected: boolean): Promise<string[]> =>
      Promise.all(probes.map((probe) => outcome(probe, expected)))
    await writeRules(open, (name) => name !== 'pod-1-0')
    assert.deepEqual(
      (await outcomes(false)).filter((line) => line.endsWith('open')),
      [],
    )
    await writeRules(open)
    assert.deepEqual(
      (await outcomes(true)).filter((line) => line.endsWith('closed')),
      [],
    )
  })

  it('change by differences that the kernel takes, and come to what they would be from scratch', {
    timeout: 120_000,
  }, async () => {
    const listed = (): Promise<string> => network.listTable(1, policyTable)
    await fc.assert(
      fc.asyncProperty(fc.array(worldArbitrary, { minLength: 2, maxLength: 5 }), async (worlds) => {
        const state = new PolicyState()
        await network.nft(1, policyBaseRules())
        state.setNode({ podRanges: podRanges(1), clusterDns: ['10.96.0.10'] })
        for (const world of worlds) {
          put(state, world)
          const { before: was, after: is } = state.flush()
          const commands = diffFragments(policyTable, was, is)
          if (commands.length > 0) await network.nft(1, commands)
        }
        const stepwise = await listed()
        await network.nft(1, [...policyBaseRules(), ...diffFragments(policyTable, emptyFragment, state.whole())])
        assert.deepEqual(stepwise.split('\n').sort(), (await listed()).split('\n').sort())
      }),
      { numRuns: 15, endOnFailure: true },
    )
  })

  it('are written in seconds where there are many', { timeout: 120_000 }, async () => {
    const state = new PolicyState()
    state.setNode({ podRanges: podRanges(1), clusterDns: [] })
    for (let index = 0; index < 100; index += 1) state.setNamespace(`ns-${index}`, { team: String(index % 10) })
    for (let index = 0; index < 5_000; index += 1) {
      const labels = { app: String(((index / 100) % 5) | 0), tier: index % 3 === 0 ? 'front' : 'back' }
      const metadata = { namespace: `ns-${index % 100}`, name: `p-${index}`, uid: String(index), labels }
      const podIPs = [{ ip: `10.${201 + (index >> 14)}.${(index >> 8) & 255}.${index & 255}` }]
      const containers = [{ name: 'c', ports: [{ name: 'http', containerPort: 8080 }] }]
      const nodeName = index % 50 === 0 ? 'node-1' : 'far'
      const one = { metadata, spec: { nodeName, containers }, status: { phase: 'Running', podIPs } }
      state.setPod(`${metadata.namespace}/${metadata.name}`, factsOf(one, 'node-1', new Map()))
    }
    for (let index = 0; index < 1_000; index += 1) {
      const metadata = { namespace: `ns-${index % 100}`, name: `n-${index}` }
      const app = { matchLabels: { app: String(((index / 100) % 5) | 0) } }
      const spec = {
        podSelector: app,
        policyTypes: ['Ingress', 'Egress'],
        ingress: [
          {
            from: [{ podSelector: app }, { namespaceSelector: { matchLabels: { team: '3' } } }],
            ports: [{ port: 'http' }],
          },
        ],
        egress: [
          {
            to: [
              { namespaceSelector: {}, podSelector: app },
              { ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } },
            ],
          },
        ],
      }
      state.setPolicy(`${metadata.namespace}/${metadata.name}`, compilePolicy({ metadata, spec }))
    }
    const startedAt = performance.now()
    state.flush()
    await network.nft(1, [...policyBaseRules(), ...diffFragments(policyTable, emptyFragment, state.whole())])
    const loadedMs = performance.now() - startedAt
    const labels = { app: '1', tier: 'front' }
    const late = {
      metadata: { namespace: 'ns-1', name: 'late', uid: 'late', labels },
      spec: { nodeName: 'far', containers: [] },
      status: { podIPs: [{ ip: '10.250.0.1' }] },
    }
    const changedAt = performance.now()
    state.setPod('ns-1/late', factsOf(late, 'node-1', new Map()))
    const { before: was, after: is } = state.flush()
    await network.nft(1, diffFragments(policyTable, was, is))
    const changedMs = performance.now() - changedAt
    console.log(`1,000 policies and 5,000 Pods: ${loadedMs.toFixed(0)} ms, one more Pod: ${changedMs.toFixed(0)} ms`)
    // Far from what is measured, so that a busy machine does not fail: it tells of another order of growth.
    assert.ok(loadedMs < 30_000 && changedMs < 5_000, `${loadedMs} ms, ${changedMs} ms`)
  })
})
