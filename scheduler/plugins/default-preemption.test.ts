import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { podDisruptionBudgets, pods as podsRef } from '../../api/resources.ts'
import type { Node, Pod, PodDisruptionBudget } from '../../api/types.ts'
import type { Extender } from '../framework/extender.ts'
import { settle } from '../../client/testing/fake-clock.ts'
import { aNode, aPod, aScheduler, informersOf, requesting, type TestScheduler } from '../testing/fixtures.ts'
import { candidatesWanted } from './default-preemption.ts'

const at = (priority: number, cpu: string, labels: Record<string, string> = {}): Pod =>
  aPod({ priority, ...requesting(cpu) }, labels)

interface World {
  readonly nodes: readonly Node[]
  readonly running: readonly (readonly [node: string, pod: Pod])[]
  readonly pdbs?: readonly PodDisruptionBudget[]
  readonly extenders?: readonly Extender[]
  readonly refuseDeletes?: boolean
}

interface Run {
  readonly scheduler: TestScheduler
  readonly deleted: string[]
  readonly statuses: unknown[]
  readonly activated: string[]
  /** Runs a cycle that fails, and PostFilter. */
  readonly preempt: () => Promise<{ nominated: string | undefined; message: string }>
}

const worldOf = (pod: Pod, world: World): Run => {
  const deleted: string[] = []
  const statuses: unknown[] = []
  const activated: string[] = []
  const all = [pod, ...world.running.map(([, running]) => running)]
  const scheduler = aScheduler({
    nodes: world.nodes,
    random: () => 0,
    extenders: world.extenders ?? [],
    informers: informersOf([podsRef, all], [podDisruptionBudgets, world.pdbs ?? []]),
    onActivate: (pods) => activated.push(...pods.map(({ metadata }) => metadata?.name ?? '')),
    change: {
      delete: async (_ref, name) => {
        if (world.refuseDeletes === true) throw new Error('no')
        deleted.push(name)
      },
      patch: async (_ref, _name, _namespace, body) => {
        statuses.push((body as { status: unknown }).status)
        return {} as never
      },
    },
  })
  for (const [node, running] of world.running) scheduler.cache.assume(running, node)
  const preempt = async () => {
    const result = scheduler.schedule(pod)
    if (result.type !== 'unschedulable') throw new Error(`the Pod is ${result.type}`)
    const answer = await scheduler.framework.postFilter(result.cycle, pod, result.diagnosis)
    await settle()
    return { nominated: answer.nominatedNodeName, message: answer.rejection?.reasons.join(', ') ?? '' }
  }
  return { scheduler, deleted, statuses, activated, preempt }
}

const nameOf = (pod: Pod): string => pod.metadata?.name ?? ''

describe('DefaultPreemption', () => {
  it('removes the least important Pods that make enough room, and no others', async () => {
    const [low, lower, big] = [at(5, '1'), at(1, '1'), at(10, '1')]
    const { preempt, deleted, statuses } = worldOf(big, {
      nodes: [aNode('a')],
      running: [
        ['a', low],
        ['a', lower],
      ],
    })
    assert.deepEqual(await preempt(), { nominated: 'a', message: '' })
    assert.deepEqual(deleted, [nameOf(lower)])
    const [status] = statuses as { conditions: Record<string, unknown>[] }[]
    assert.equal(status?.conditions[0]?.['type'], 'DisruptionTarget')
    assert.equal(status?.conditions[0]?.['reason'], 'PreemptionByScheduler')
    assert.equal(
      status?.conditions[0]?.['message'],
      'default-scheduler: preempting to accommodate a higher priority pod',
    )
  })

  it('spares a budget where another node has victims without one', async () => {
    const pdb: PodDisruptionBudget = {
      metadata: { name: 'pdb', namespace: 'default' },
      spec: { selector: { matchLabels: { app: 'db' } } },
      status: { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
    }
    const [guarded, free] = [at(1, '2', { app: 'db' }), at(5, '2')]
    const { preempt, deleted } = worldOf(at(10, '1'), {
      nodes: [aNode('a'), aNode('b')],
      running: [
        ['a', guarded],
        ['b', free],
      ],
      pdbs: [pdb],
    })
    assert.equal((await preempt()).nominated, 'b')
    assert.deepEqual(deleted, [nameOf(free)])
  })

  it('gives back Pods of a budget before others', async () => {
    const pdb: PodDisruptionBudget = {
      metadata: { name: 'pdb', namespace: 'default' },
      spec: { selector: { matchLabels: { app: 'db' } } },
      status: { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
    }
    const [guarded, important] = [at(1, '1', { app: 'db' }), at(5, '1')]
    const { preempt, deleted } = worldOf(at(10, '1'), {
      nodes: [aNode('a')],
      running: [
        ['a', guarded],
        ['a', important],
      ],
      pdbs: [pdb],
    })
    await preempt()
    assert.deepEqual(deleted, [nameOf(important)])
  })

  it('says why it does not help, node by node', async () => {
    const tainted = aNode('c', { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } })
    const { preempt, deleted } = worldOf(at(10, '2'), {
      nodes: [aNode('a'), aNode('b'), tainted],
      running: [
        ['a', at(10, '1')],
        ['b', at(20, '1')],
      ],
    })
    assert.deepEqual(await preempt(), {
      nominated: '',
      message:
        'no new claims to deallocate, preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod.',
    })
    assert.deepEqual(deleted, [])
  })

  it('lets a Pod with preemptionPolicy Never wait', async () => {
    const polite = aPod({ priority: 10, preemptionPolicy: 'Never', ...requesting('1') })
    const { preempt } = worldOf(polite, { nodes: [aNode('a')], running: [['a', at(1, '2')]] })
    assert.deepEqual(await preempt(), {
      nominated: undefined,
      message: 'no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.',
    })
  })

  it('waits for victims that still go from the nominated node', async () => {
    const leaving = at(1, '2')
    const victim: Pod = {
      ...leaving,
      metadata: { ...leaving.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
      status: { conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }] },
    }
    const nominated: Pod = { ...at(10, '1'), status: { nominatedNodeName: 'a' } }
    const { preempt } = worldOf(nominated, { nodes: [aNode('a')], running: [['a', victim]] })
    assert.deepEqual(await preempt(), {
      nominated: undefined,
      message: 'no new claims to deallocate, preemption: not eligible due to a terminating pod on the nominated node.',
    })
  })

  it('ends anti-affinity by removing whom it is against', async () => {
    const spec = {
      priority: 10,
      affinity: {
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'noisy' } } },
          ],
        },
      },
    }
    const [noisy, quiet] = [at(1, '100m', { app: 'noisy' }), at(1, '100m')]
    const { preempt, deleted } = worldOf(aPod(spec), {
      nodes: [aNode('a')],
      running: [
        ['a', quiet],
        ['a', noisy],
      ],
    })
    assert.equal((await preempt()).nominated, 'a')
    assert.deepEqual(deleted, [nameOf(noisy)])
  })

  it('keeps the Pod out of the queue until its victims were told, and brings it back if that fails', async () => {
    const pod = at(10, '1')
    const run = worldOf(pod, { nodes: [aNode('a')], running: [['a', at(1, '2')]], refuseDeletes: true })
    const result = run.scheduler.schedule(pod)
    assert.ok(result.type === 'unschedulable')
    await run.scheduler.framework.postFilter(result.cycle, pod, result.diagnosis)
    assert.equal(
      run.scheduler.framework.preEnqueue(pod)?.reasons[0],
      'waiting for the preemption for this pod to be finished',
    )
    await settle()
    assert.equal(run.scheduler.framework.preEnqueue(pod), undefined)
    assert.deepEqual(run.activated, [nameOf(pod)])
  })

  it('counts Pods that were promised a node', () => {
    const { scheduler } = worldOf(at(1, '1'), { nodes: [aNode('a')], running: [] })
    scheduler.nominator.nominate(at(10, '2'), 'a')
    assert.match(scheduler.nodeOf(at(1, '1')), /1 Insufficient cpu/)
    assert.equal(scheduler.nodeOf(at(20, '1')), 'a', 'a more important Pod need not care')
  })

  it('lets extenders strike out nodes', async () => {
    const strict: Extender = {
      name: 'strict',
      ignorable: false,
      weight: 1,
      ignoredResources: new Set(),
      isInterested: () => true,
      preempt: async (_pod, victims) => new Map([...victims].filter(([nodeName]) => nodeName === 'b')),
    }
    const { preempt } = worldOf(at(10, '1'), {
      nodes: [aNode('a'), aNode('b')],
      running: [
        ['a', at(1, '2')],
        ['b', at(5, '2')],
      ],
      extenders: [strict],
    })
    assert.equal((await preempt()).nominated, 'b')
  })

  it('tries a tenth of the nodes, but at least a hundred', () => {
    const args = { minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 100 }
    assert.deepEqual(
      [3, 500, 5000].map((nodes) => candidatesWanted(nodes, args)),
      [3, 100, 500],
    )
  })
})
