import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Node, PersistentVolume, PersistentVolumeClaim } from '../../api/types.ts'
import { aNode, aPod, testNowMs } from '../testing/builders.ts'
import { multiAttachMessage } from './controller.ts'
import { isExclusive, maxUnmountMs, type NodeView, planNode } from './plan.ts'
import { attachableOf, attachmentFor, type AttachableVolume, wantedVolumes } from './volumes.ts'

const aVolume = (name: string, modes = ['ReadWriteOnce']): PersistentVolume => ({
  metadata: { name, uid: `uid-${name}` },
  spec: {
    accessModes: modes,
    csi: { driver: 'd.example.com', volumeHandle: `h-${name}` },
    claimRef: { namespace: 'default', name: `claim-${name}`, uid: `uid-claim-${name}` },
  },
})
const attachable = (name: string, modes?: string[]): AttachableVolume => {
  const volume = attachableOf(aVolume(name, modes), () => undefined)
  assert.ok(volume)
  return volume
}
const wanted = (...names: string[]) =>
  new Map(names.map((name) => [attachable(name).uniqueName, { ...attachable(name), pods: [aPod('p')] }]))
const attached = (name: string, status = true) => {
  const volume = attachable(name)
  return { volume, object: { ...attachmentFor(volume, 'n'), status: { attached: status } } }
}
const view = (more: Partial<NodeView> = {}): NodeView => ({
  node: aNode('n'),
  inUse: new Set(),
  wanted: new Map(),
  attachments: [],
  isElsewhere: () => false,
  unwantedSince: new Map(),
  forceDetach: true,
  nowMs: testNowMs,
  ...more,
})
const unwell: Node = aNode('n', 'Unknown')
const mounted = new Set([attachable('v').uniqueName])

describe('planNode', () => {
  it('attaches what is wanted and missing, and says what is attached', () => {
    const plan = planNode(view({ wanted: wanted('v', 'w'), attachments: [attached('v')] }))
    assert.deepEqual(
      plan.attach.map(({ handle }) => handle),
      ['h-w'],
    )
    assert.deepEqual(plan.attached, ['kubernetes.io/csi/d.example.com^h-v'])
  })

  it('does not say attached what the attacher has not finished', () => {
    assert.deepEqual(planNode(view({ wanted: wanted('v'), attachments: [attached('v', false)] })).attached, [])
  })

  it('refuses a volume that another Node holds, unless it may be on several', () => {
    const plan = planNode(view({ wanted: wanted('v'), isElsewhere: () => true }))
    assert.deepEqual([plan.attach.length, plan.refused.length], [0, 1])
    assert.ok(isExclusive(aVolume('v', ['ReadWriteOncePod'])))
    assert.ok(!isExclusive(aVolume('v', ['ReadWriteOnce', 'ReadOnlyMany'])))
    assert.ok(!isExclusive(aVolume('v', [])))
  })

  const detaching: readonly (readonly [string, Partial<NodeView>, 'now' | 'waits' | 'waits for ever'])[] = [
    ['not mounted', {}, 'now'],
    ['mounted on a healthy Node', { inUse: mounted }, 'waits for ever'],
    ['mounted on a Node that is not well', { inUse: mounted, node: unwell }, 'waits'],
    [
      'mounted for too long there',
      {
        inUse: mounted,
        node: unwell,
        unwantedSince: new Map([[attachable('v').uniqueName, testNowMs - maxUnmountMs]]),
      },
      'now',
    ],
    [
      'mounted for too long, where force is off',
      {
        inUse: mounted,
        node: unwell,
        forceDetach: false,
        unwantedSince: new Map([[attachable('v').uniqueName, testNowMs - maxUnmountMs]]),
      },
      'waits for ever',
    ],
    [
      'mounted on a Node that is out of service',
      {
        inUse: mounted,
        node: { ...unwell, spec: { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] } },
      },
      'now',
    ],
    ['on a Node that is gone, and nobody knows', { inUse: undefined, node: undefined }, 'waits'],
    ['not mounted when its Node went', { node: undefined }, 'now'],
  ]
  for (const [what, more, expected] of detaching) {
    it(`detaches what is ${what}: ${expected}`, () => {
      const plan = planNode(view({ attachments: [attached('v')], ...more }))
      assert.equal(plan.detach.length, expected === 'now' ? 1 : 0)
      assert.equal(plan.attached.length, expected === 'now' ? 0 : 1)
      assert.equal(plan.nextAtMs, expected === 'waits' ? testNowMs + maxUnmountMs : undefined)
    })
  }
})

describe('wantedVolumes', () => {
  const claim: PersistentVolumeClaim = {
    metadata: { name: 'claim-v', namespace: 'default', uid: 'uid-claim-v' },
    spec: { volumeName: 'v' },
  }
  const sources = {
    claimOf: (key: string) => (key === 'default/claim-v' ? claim : undefined),
    volumeOf: (name: string) => (name === 'v' ? aVolume('v') : undefined),
    driverOf: () => undefined,
  }
  const pod = (name: string, more: Parameters<typeof aPod>[1] = {}) => {
    const base = aPod(name, { node: 'n', ...more })
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'claim-v' } }]
    return { ...base, spec: { ...base.spec, containers: [], volumes } }
  }

  it('are those of the Pods that still run', () => {
    const found = wantedVolumes([pod('b'), pod('a'), pod('c', { phase: 'Failed' })], sources)
    assert.deepEqual(
      [...found.values()].flatMap(({ pods }) => pods.map((one) => one.metadata?.name)),
      ['a', 'b'],
    )
  })

  it('are not those that need no attaching, or are bound to another claim', () => {
    const driverOf = () => ({ spec: { attachRequired: false } })
    assert.equal(wantedVolumes([pod('a')], { ...sources, driverOf }).size, 0)
    const claimOf = () => ({ ...claim, metadata: { ...claim.metadata, uid: 'another' } })
    assert.equal(wantedVolumes([pod('a')], { ...sources, claimOf }).size, 0)
  })
})

describe('multiAttachMessage', () => {
  const other = aPod('away', { metadata: { namespace: 'elsewhere' } })
  const cases = [
    [[], `Volume is already exclusively attached to one node and can't be attached to another`],
    [[aPod('a'), aPod('b')], 'Volume is already used by pod(s) a, b'],
    [[aPod('a'), other], 'Volume is already used by pod(s) a and 1 pod(s) in different namespaces'],
    [[other], 'Volume is already used by 1 pod(s) in different namespaces'],
  ] as const
  for (const [users, text] of cases) {
    it(text, () => assert.equal(multiAttachMessage('v', aPod('p'), users), `Multi-Attach error for volume "v" ${text}`))
  }
})
