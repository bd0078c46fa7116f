import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Container, Node, Pod } from '../../api/types.ts'
import { aNode, aPod } from '../testing/fixtures.ts'
import { onePlugin } from '../testing/one-plugin.ts'
import { nodeResourcesBalancedAllocation } from './node-resources-balanced-allocation.ts'
import { nodeResourcesFit } from './node-resources-fit.ts'

const container = (requests: Record<string, string>, more: Partial<Container> = {}): Container => ({
  name: 'c',
  resources: { requests },
  ...more,
})
const asking = (requests: Record<string, string>): Pod => aPod({ containers: [container(requests)] })
const offering = (name: string, allocatable: Record<string, string>): Node =>
  aNode(name, { status: { allocatable: { pods: '10', ...allocatable } } })

const node = offering('n', { cpu: '2', memory: '4Gi', 'example.com/gpu': '2', 'ephemeral-storage': '10Gi' })

describe('NodeResourcesFit', () => {
  const cases: { what: string; pod: Pod; expected?: string; running?: Pod[]; args?: unknown }[] = [
    { what: 'takes what fits exactly', pod: asking({ cpu: '2', memory: '4Gi' }) },
    { what: 'takes a Pod that asks for nothing on a full node', pod: asking({}), running: [asking({ cpu: '2' })] },
    {
      what: 'refuses what is taken, and eviction may help',
      pod: asking({ cpu: '1500m' }),
      running: [asking({ cpu: '1' })],
      expected: 'Unschedulable: Insufficient cpu',
    },
    {
      what: 'refuses for good what the node never had',
      pod: asking({ cpu: '3', memory: '1Gi' }),
      expected: 'UnschedulableAndUnresolvable: Insufficient cpu',
    },
    {
      what: 'names all that is short',
      pod: asking({ 'example.com/gpu': '2', memory: '4Gi', 'ephemeral-storage': '10Gi', cpu: '2' }),
      running: [asking({ cpu: '1', memory: '1', 'ephemeral-storage': '1', 'example.com/gpu': '1' })],
      expected:
        'Unschedulable: Insufficient cpu, Insufficient memory, Insufficient ephemeral-storage, Insufficient example.com/gpu',
    },
    {
      what: 'refuses a resource that the node does not have',
      pod: asking({ 'example.com/fpga': '1' }),
      expected: 'UnschedulableAndUnresolvable: Insufficient example.com/fpga',
    },
    {
      what: 'passes over ignored resources',
      pod: asking({ 'example.com/fpga': '1' }),
      args: { ignoredResources: ['example.com/fpga'] },
    },
    {
      what: 'passes over ignored groups',
      pod: asking({ 'example.com/fpga': '1' }),
      args: { ignoredResourceGroups: ['example.com'] },
    },
    {
      what: 'never ignores what Kubernetes itself counts',
      pod: asking({ cpu: '3' }),
      args: { ignoredResources: ['cpu'] },
      expected: 'UnschedulableAndUnresolvable: Insufficient cpu',
    },
    {
      what: 'counts Pods',
      pod: asking({}),
      running: Array.from({ length: 10 }, () => asking({})),
      expected: 'Unschedulable: Too many pods',
    },
    {
      what: 'takes the largest init container where it is more than the rest',
      pod: aPod({ containers: [container({ cpu: '1' })], initContainers: [container({ cpu: '3' })] }),
      expected: 'UnschedulableAndUnresolvable: Insufficient cpu',
    },
    {
      what: 'adds sidecars to the containers',
      pod: aPod({
        containers: [container({ cpu: '1500m' })],
        initContainers: [container({ cpu: '1' }, { restartPolicy: 'Always' })],
      }),
      expected: 'UnschedulableAndUnresolvable: Insufficient cpu',
    },
    {
      what: 'adds overhead',
      pod: aPod({ containers: [container({ cpu: '1500m' })], overhead: { cpu: '1' } }),
      expected: 'UnschedulableAndUnresolvable: Insufficient cpu',
    },
    {
      what: 'takes what the Pod asks for as a whole instead of its containers',
      pod: aPod({ containers: [container({ cpu: '3' })], resources: { requests: { cpu: '1' } } }),
    },
    {
      what: 'counts a Pod that is being made smaller with what it still has',
      pod: asking({ cpu: '1500m' }),
      running: [
        {
          ...asking({ cpu: '100m' }),
          status: {
            containerStatuses: [
              {
                name: 'c',
                resources: { requests: { cpu: '1' } },
                image: '',
                imageID: '',
                ready: true,
                restartCount: 0,
              },
            ],
          },
        },
      ],
      expected: 'Unschedulable: Insufficient cpu',
    },
  ]
  for (const { what, pod, expected, running = [], args } of cases) {
    it(what, () => {
      const tested = onePlugin(nodeResourcesFit, { nodes: [node], running: { n: running }, args })
      assert.equal(tested.rejection(pod, 'n'), expected)
    })
  }

  it('wakes Pods for room that they need and no other', () => {
    const { hint } = onePlugin(nodeResourcesFit)
    const pod = asking({ cpu: '2' })
    const small = offering('a', { cpu: '1' })
    const big = offering('a', { cpu: '2' })
    const added = { resource: 'Node', action: 'Add' } as const
    const grown = { resource: 'Node', action: 'UpdateNodeAllocatable' } as const
    assert.equal(hint(pod, added, { current: small }), 'Skip')
    assert.equal(hint(pod, added, { current: big }), 'Queue')
    assert.equal(hint(pod, grown, { old: small, current: big }), 'Queue')
    const moreMemory = offering('a', { cpu: '2', memory: '1Gi' })
    assert.equal(hint(pod, grown, { old: big, current: moreMemory }), 'Skip')
    const freed = { resource: 'AssignedPod', action: 'UpdatePodScaleDown' } as const
    assert.equal(hint(pod, freed, { old: asking({ cpu: '2' }), current: asking({ cpu: '1' }) }), 'Queue')
    assert.equal(hint(pod, freed, { old: asking({ memory: '2' }), current: asking({ memory: '1' }) }), 'Skip')
    assert.equal(hint(pod, { resource: 'AssignedPod', action: 'Delete' }, { old: asking({}) }), 'Queue')
  })

  const nodes = [offering('busy', { cpu: '4', memory: '4Gi' }), offering('idle', { cpu: '4', memory: '4Gi' })]
  const running = { busy: [asking({ cpu: '2', memory: '2Gi' })] }
  const pod = asking({ cpu: '1', memory: '1Gi' })
  const strategies = [
    { type: 'LeastAllocated', scores: { busy: 25, idle: 75 } },
    { type: 'MostAllocated', scores: { busy: 75, idle: 25 } },
  ]
  for (const { type, scores } of strategies) {
    it(`scores by ${type}`, () => {
      const tested = onePlugin(nodeResourcesFit, { nodes, running, args: { scoringStrategy: { type } } })
      assert.deepEqual(tested.scores(pod), scores)
    })
  }

  it('scores by RequestedToCapacityRatio, by the resources and the shape that it is given', () => {
    const shape = [
      { utilization: 0, score: 0 },
      { utilization: 100, score: 10 },
    ]
    const scoringStrategy = {
      type: 'RequestedToCapacityRatio',
      resources: [{ name: 'example.com/gpu', weight: 3 }, { name: 'cpu' }],
      requestedToCapacityRatio: { shape },
    }
    const withGpu = [
      offering('busy', { cpu: '4', 'example.com/gpu': '4' }),
      offering('idle', { cpu: '4', 'example.com/gpu': '4' }),
    ]
    const tested = onePlugin(nodeResourcesFit, { nodes: withGpu, running, args: { scoringStrategy } })
    assert.deepEqual(tested.scores(asking({ cpu: '1', 'example.com/gpu': '2' })), { busy: 56, idle: 44 })
    assert.deepEqual(tested.scores(asking({ cpu: '1' })), { busy: 75, idle: 25 }, 'without a GPU only cpu counts')
  })

  it('counts containers that ask for nothing when it scores', () => {
    const tested = onePlugin(nodeResourcesFit, { nodes, running: { busy: [asking({})] } })
    const { busy = 0, idle = 0 } = tested.scores(asking({}))
    assert.ok(busy < idle)
  })
})

describe('NodeResourcesBalancedAllocation', () => {
  it('prefers the node that the Pod balances', () => {
    const nodes = [offering('a', { cpu: '4', memory: '4Gi' }), offering('b', { cpu: '4', memory: '4Gi' })]
    const running = { a: [asking({ memory: '2Gi' })], b: [asking({ cpu: '2' })] }
    const tested = onePlugin(nodeResourcesBalancedAllocation, { nodes, running })
    const { a = 0, b = 0 } = tested.scores(asking({ cpu: '1' }))
    assert.ok(a > b)
    assert.deepEqual(tested.scores(asking({})), { a: 0, b: 0 }, 'a Pod that asks for nothing is not scored')
  })
})
