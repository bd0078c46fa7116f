/** The whole scheduler against a model that looks at everything: what it binds may be there, what waits has to. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { feasibleNodes, isFeasible, type ModelNode, type ModelPod, type Topology } from './testing/model.ts'
import { openWorld, type SchedulerWorld } from './testing/scheduler-world.ts'

const zones = fc.option(fc.constantFrom('za', 'zb'), { nil: undefined })
const topologies = fc.constantFrom<Topology>('kubernetes.io/hostname', 'zone')
const apps = fc.constantFrom('a', 'b')
const terms = fc.option(fc.record({ app: apps, topology: topologies }), { nil: undefined, freq: 3 })

const someNodes = fc
  .array(
    fc.record({
      cpu: fc.integer({ min: 1, max: 4 }),
      maxPods: fc.integer({ min: 1, max: 4 }),
      zone: zones,
      isTainted: fc.boolean(),
      isCordoned: fc.boolean(),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((nodes): ModelNode[] => nodes.map((node, index) => ({ name: `n${index}`, ...node })))

const somePods = fc
  .array(
    fc.record({
      app: apps,
      cpu: fc.integer({ min: 0, max: 3 }),
      zone: zones,
      tolerates: fc.boolean(),
      hostPort: fc.option(fc.constantFrom(80, 81), { nil: undefined }),
      near: terms,
      apart: terms,
      spread: fc.option(fc.record({ topology: topologies, maxSkew: fc.integer({ min: 1, max: 2 }) }), {
        nil: undefined,
      }),
    }),
    { minLength: 1, maxLength: 10 },
  )
  .map((pods): ModelPod[] => pods.map((pod, index) => ({ name: `p${index}`, ...pod })))

/** What happens to the cluster: a Pod goes, a node changes. */
const someChanges = fc.array(
  fc.record({
    what: fc.constantFrom('delete', 'uncordon', 'untaint', 'taint', 'grow', 'move', 'join'),
    which: fc.nat(20),
    zone: zones,
  }),
  { maxLength: 8 },
)

type Change = typeof someChanges extends fc.Arbitrary<(infer One)[]> ? One : never

const apply = (cluster: SchedulerWorld, { what, which, zone }: Change): void => {
  const { nodes, placed } = cluster.world()
  const node = nodes[which % nodes.length]
  const gone = placed[which % Math.max(1, placed.length)]
  if (node === undefined) return
  switch (what) {
    case 'delete':
      return gone === undefined ? undefined : cluster.deletePod(gone.pod.name)
    case 'uncordon':
      return cluster.setNode({ ...node, isCordoned: false })
    case 'untaint':
      return cluster.setNode({ ...node, isTainted: false })
    case 'taint':
      return cluster.setNode({ ...node, isTainted: true })
    case 'grow':
      return cluster.setNode({ ...node, cpu: node.cpu + 1, maxPods: node.maxPods + 1 })
    case 'move':
      return cluster.setNode({ ...node, zone })
    case 'join':
      return cluster.setNode({ ...node, name: `n${nodes.length}`, zone, isCordoned: false })
    default:
      throw new Error(`no such change: ${what}`)
  }
}

const nobodyWaitsInVain = (cluster: SchedulerWorld, when: string): void => {
  for (const pod of cluster.waiting()) {
    const possible = feasibleNodes(pod, cluster.world())
    assert.deepEqual(possible, [], `${when}, ${pod.name} waits though it fits`)
  }
}

describe('the scheduler and the model', () => {
  it('agree on every binding, and on every Pod that waits, whatever changes', async () => {
    const property = fc.asyncProperty(
      someNodes,
      somePods,
      someChanges,
      fc.nat(),
      async (nodes, pods, changes, seed) => {
        let random = seed
        const next = (): number => (random = (random * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31
        const wrong: string[] = []
        using cluster = openWorld(next, (pod, nodeName, before) => {
          const node = before.nodes.find(({ name }) => name === nodeName)
          if (node === undefined || !isFeasible(pod, node, before)) wrong.push(`${pod.name} on ${nodeName}`)
        })
        for (const node of nodes) cluster.setNode(node)
        for (const pod of pods) cluster.addPod(pod)
        await cluster.quiet()
        nobodyWaitsInVain(cluster, 'at first')
        for (const [index, change] of changes.entries()) {
          apply(cluster, change)
          await cluster.quiet()
          nobodyWaitsInVain(cluster, `after change ${index}`)
        }
        assert.deepEqual(wrong, [])
      },
    )
    await fc.assert(property, { numRuns: Number(process.env['KUBETS_MODEL_RUNS'] ?? 60) })
  })

  it('is the same run for the same seed', async () => {
    const place = async (): Promise<unknown> => {
      let state = 7
      const next = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
      using cluster = openWorld(next, () => undefined)
      for (let index = 0; index < 8; index++) {
        const zone = index % 2 === 0 ? 'za' : 'zb'
        cluster.setNode({ name: `n${index}`, cpu: 8, maxPods: 20, zone, isTainted: false, isCordoned: false })
      }
      for (let index = 0; index < 40; index++) {
        const none = { zone: undefined, tolerates: false, hostPort: undefined, near: undefined, apart: undefined }
        cluster.addPod({ name: `p${index}`, app: 'a', cpu: 1, spread: undefined, ...none })
      }
      await cluster.quiet()
      return cluster.world().placed.map(({ pod, node }) => [pod.name, node])
    }
    const first = await place()
    assert.deepEqual(await place(), first)
    assert.equal((first as unknown[]).length, 40)
  })
})
