/** What a Pod and a node say of each other: affinity, taints, ports, gates, images. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Node, Pod } from '../../api/types.ts'
import { aNode, aPod } from '../testing/fixtures.ts'
import { labelled, onePlugin } from '../testing/one-plugin.ts'
import { imageLocality } from './image-locality.ts'
import { nodeAffinity } from './node-affinity.ts'
import { nodePorts } from './node-ports.ts'
import { nodeUnschedulable } from './node-unschedulable.ts'
import { schedulingGates } from './scheduling-gates.ts'
import { taintToleration } from './taint-toleration.ts'

const onNodes = (...terms: readonly (readonly string[])[]): Pod =>
  aPod({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: terms.map((values) => ({
            matchFields: [{ key: 'metadata.name', operator: 'In', values: [...values] }],
          })),
        },
      },
    },
  })

const nodeAdded = { resource: 'Node', action: 'Add' } as const

describe('NodeAffinity', () => {
  const nodes = [labelled('a', { disk: 'ssd' }), labelled('b', { disk: 'hdd' })]
  const mismatch = "UnschedulableAndUnresolvable: node(s) didn't match Pod's node affinity/selector"

  it('matches nodeSelector', () => {
    const { rejection } = onePlugin(nodeAffinity, { nodes })
    assert.equal(rejection(aPod({ nodeSelector: { disk: 'ssd' } }), 'a'), undefined)
    assert.equal(rejection(aPod({ nodeSelector: { disk: 'ssd' } }), 'b'), mismatch)
    assert.equal(rejection(aPod(), 'b'), undefined)
  })

  it('looks at the named nodes alone', () => {
    const { rejection } = onePlugin(nodeAffinity, { nodes })
    assert.equal(rejection(onNodes(['a']), 'a'), undefined)
    assert.equal(rejection(onNodes(['a', 'gone']), 'b'), mismatch)
    assert.equal(rejection(onNodes(['a'], ['b']), 'b'), undefined)
    const both = onNodes(['a'])
    const [term] =
      both.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
    term?.matchFields?.push({ key: 'metadata.name', operator: 'In', values: ['b'] })
    assert.equal(rejection(both, 'a'), 'UnschedulableAndUnresolvable: pod affinity terms conflict')
  })

  it('enforces the affinity of the profile', () => {
    const addedAffinity = {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] }],
      },
    }
    const { rejection, hint } = onePlugin(nodeAffinity, { nodes, args: { addedAffinity } })
    const enforced = "UnschedulableAndUnresolvable: node(s) didn't match scheduler-enforced node affinity"
    assert.equal(rejection(aPod(), 'a'), undefined)
    assert.equal(rejection(aPod(), 'b'), enforced)
    assert.equal(hint(aPod(), nodeAdded, { current: labelled('c', { disk: 'hdd' }) }), 'Skip')
    assert.equal(hint(aPod(), nodeAdded, { current: labelled('c', { disk: 'ssd' }) }), 'Queue')
  })

  it('sums the weights of what is preferred', () => {
    const term = (weight: number, value: string) => ({
      weight,
      preference: { matchExpressions: [{ key: 'disk', operator: 'In', values: [value] }] },
    })
    const preferring = aPod({
      affinity: {
        nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [term(3, 'ssd'), term(1, 'hdd')] },
      },
    })
    assert.deepEqual(onePlugin(nodeAffinity, { nodes }).scores(preferring), { a: 100, b: 33 })
    const addedAffinity = { preferredDuringSchedulingIgnoredDuringExecution: [term(5, 'hdd')] }
    assert.deepEqual(onePlugin(nodeAffinity, { nodes, args: { addedAffinity } }).scores(preferring), { a: 50, b: 100 })
  })

  it('wakes a Pod when a node comes to match', () => {
    const { hint } = onePlugin(nodeAffinity)
    const pod = aPod({ nodeSelector: { disk: 'ssd' } })
    const relabelled = { resource: 'Node', action: 'UpdateNodeLabel' } as const
    const [ssd, hdd] = [labelled('a', { disk: 'ssd' }), labelled('a', { disk: 'hdd' })]
    assert.equal(hint(pod, relabelled, { old: hdd, current: ssd }), 'Queue')
    assert.equal(hint(pod, relabelled, { old: ssd, current: ssd }), 'Skip')
    assert.equal(hint(pod, relabelled, { old: ssd, current: hdd }), 'Skip')
  })
})

describe('TaintToleration', () => {
  const tainted = (name: string, ...taints: { key: string; effect: string; value?: string }[]): Node =>
    aNode(name, { spec: { taints } })
  const noSchedule = { key: 'dedicated', value: 'db', effect: 'NoSchedule' }
  const tolerant = aPod({ tolerations: [{ key: 'dedicated', operator: 'Equal', value: 'db' }] })

  it('keeps Pods off that do not tolerate', () => {
    const { rejection } = onePlugin(taintToleration, { nodes: [tainted('n', noSchedule)] })
    assert.equal(rejection(aPod(), 'n'), 'UnschedulableAndUnresolvable: node(s) had untolerated taint(s)')
    assert.equal(rejection(tolerant, 'n'), undefined)
  })

  it('prefers nodes with fewer taints that are only to be avoided', () => {
    const soft = (key: string) => ({ key, effect: 'PreferNoSchedule' })
    const nodes = [tainted('none'), tainted('one', soft('x')), tainted('two', soft('x'), soft('y'))]
    const { scores } = onePlugin(taintToleration, { nodes })
    assert.deepEqual(scores(aPod()), { none: 100, one: 50, two: 0 })
    assert.deepEqual(scores(aPod({ tolerations: [{ key: 'y' }] })), { none: 100, one: 0, two: 0 })
  })

  it('wakes a Pod when the taint goes', () => {
    const { hint } = onePlugin(taintToleration)
    const changed = { resource: 'Node', action: 'UpdateNodeTaint' } as const
    assert.equal(hint(aPod(), changed, { old: tainted('n', noSchedule), current: tainted('n') }), 'Queue')
    assert.equal(hint(tolerant, changed, { old: tainted('n', noSchedule), current: tainted('n') }), 'Skip')
    assert.equal(hint(aPod(), nodeAdded, { current: tainted('n', noSchedule) }), 'Skip')
  })
})

describe('NodeUnschedulable', () => {
  const cordoned = aNode('n', { spec: { unschedulable: true } })
  it('keeps Pods off cordoned nodes', () => {
    const { rejection, hint } = onePlugin(nodeUnschedulable, { nodes: [cordoned] })
    assert.equal(rejection(aPod(), 'n'), 'UnschedulableAndUnresolvable: node(s) were unschedulable')
    const tolerations = [{ key: 'node.kubernetes.io/unschedulable', operator: 'Exists' }]
    assert.equal(rejection(aPod({ tolerations }), 'n'), undefined)
    const changed = { resource: 'Node', action: 'UpdateNodeTaint' } as const
    assert.equal(hint(aPod(), changed, { old: cordoned, current: aNode('n') }), 'Queue')
    assert.equal(hint(aPod(), changed, { old: aNode('n'), current: cordoned }), 'Skip')
  })
})

describe('NodePorts', () => {
  const port = (hostPort: number, hostIP?: string, protocol = 'TCP'): Pod =>
    aPod({
      containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort, protocol, ...(hostIP ? { hostIP } : {}) }] }],
    })
  const cases = [
    { used: port(80), wanted: port(80), fits: false },
    { used: port(80), wanted: port(81), fits: true },
    { used: port(80, '127.0.0.1'), wanted: port(80), fits: false },
    { used: port(80), wanted: port(80, '127.0.0.1'), fits: false },
    { used: port(80, '127.0.0.1'), wanted: port(80, '127.0.0.2'), fits: true },
    { used: port(80, undefined, 'UDP'), wanted: port(80), fits: true },
    { used: port(80), wanted: aPod(), fits: true },
  ]
  for (const [index, { used, wanted, fits }] of cases.entries()) {
    it(`case ${index}: ${JSON.stringify(wanted.spec?.containers[0]?.ports)} ${fits ? 'fits' : 'collides'}`, () => {
      const { rejection } = onePlugin(nodePorts, { nodes: [aNode('n')], running: { n: [used] } })
      const taken = "Unschedulable: node(s) didn't have free ports for the requested pod ports"
      assert.equal(rejection(wanted, 'n'), fits ? undefined : taken)
    })
  }
})

describe('SchedulingGates', () => {
  it('names the gates that are closed', () => {
    const { framework } = onePlugin(schedulingGates)
    const gated = aPod({ schedulingGates: [{ name: 'example.com/a' }, { name: 'example.com/b' }] })
    assert.deepEqual(framework.preEnqueue(gated)?.reasons, [
      'waiting for scheduling gates: [example.com/a example.com/b]',
    ])
    assert.equal(framework.preEnqueue(aPod()), undefined)
  })
})

describe('ImageLocality', () => {
  const mebibyte = 1024 * 1024
  const having = (name: string, images: Record<string, number>): Node =>
    aNode(name, {
      status: {
        allocatable: { pods: '10' },
        images: Object.entries(images).map(([image, size]) => ({ names: [image], sizeBytes: size * mebibyte })),
      },
    })
  const using = (...images: string[]): Pod =>
    aPod({ containers: images.map((image, index) => ({ name: `c${index}`, image })) })

  it('prefers nodes that have the images, by size and by how many nodes have them', () => {
    const nodes = [having('a', { 'x:1': 600, 'y:latest': 40 }), having('b', { 'y:latest': 40 }), having('c', {})]
    const { scores } = onePlugin(imageLocality, { nodes })
    // a: 600 MiB * 1/3 = 200 of 1000; (200 - 23) / (1000 - 23)
    assert.deepEqual(scores(using('x:1')), { a: 18, b: 0, c: 0 })
    // a: 200 + 40 * 2/3 = 226 of 2000
    assert.deepEqual(scores(using('x:1', 'y')), { a: 10, b: 0, c: 0 })
    assert.deepEqual(scores(using('other')), { a: 0, b: 0, c: 0 })
  })

  it('follows the nodes', () => {
    const { scores, cache } = onePlugin(imageLocality, { nodes: [having('a', { 'x:1': 2000 })] })
    assert.deepEqual(scores(using('x:1')), { a: 100 })
    cache.setNode(having('a', {}))
    cache.setNode(having('b', { 'x:1': 2000 }))
    assert.deepEqual(scores(using('x:1')), { a: 0, b: 100 })
    cache.removeNode('b')
    assert.equal(cache.nodesWithImage('x:1'), 0)
  })
})
