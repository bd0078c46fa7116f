import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod, ResourceClaim, ResourceSlice } from '../../api/types.ts'
import { aPod, testNowMs } from '../testing/builders.ts'
import { type DeviceTaint, evictingTaints, podEvictionMs } from './plan.ts'

const taint = (key: string, effect = 'NoExecute'): DeviceTaint =>
  ({ key, effect, timeAdded: new Date(testNowMs).toISOString() }) as unknown as DeviceTaint

const aSlice = (generation: number, taints: DeviceTaint[]): ResourceSlice => ({
  spec: {
    driver: 'd',
    pool: { name: 'p', generation, resourceSliceCount: 1 },
    devices: [{ name: 'x', taints }],
  },
})

type Tolerations = readonly {
  key?: string
  operator?: string
  value?: string
  effect?: string
  tolerationSeconds?: number
}[]

const aClaim = (tolerations: Tolerations, uid = 'uid-p'): ResourceClaim => ({
  metadata: { name: 'c' },
  spec: {},
  status: {
    reservedFor: [{ resource: 'pods', name: 'p', uid }],
    allocation: {
      devices: { results: [{ request: 'r', driver: 'd', pool: 'p', device: 'x', tolerations: [...tolerations] }] },
    },
  },
})

const pod = (node = 'n'): Pod => {
  const base = aPod('p', { node })
  return { ...base, spec: { ...base.spec, containers: [], resourceClaims: [{ name: 'c', resourceClaimName: 'c' }] } }
}

const evictionOf = (claim: ResourceClaim, slices: ResourceSlice[], of = pod()): number | undefined => {
  const taints = evictingTaints(slices)
  return podEvictionMs(
    of,
    () => claim,
    (device) => taints.get(device) ?? [],
  )
}

describe('podEvictionMs', () => {
  it('is the time of the taint where nothing tolerates it', () => {
    assert.equal(evictionOf(aClaim([]), [aSlice(1, [taint('bad')])]), testNowMs)
  })

  const tolerated: readonly (readonly [string, Tolerations, number | undefined])[] = [
    ['for ever', [{ key: 'bad', operator: 'Exists', effect: 'NoExecute' }], undefined],
    ['for a minute', [{ operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 60 }], testNowMs + 60_000],
    ['below zero', [{ operator: 'Exists', effect: 'NoExecute', tolerationSeconds: -5 }], testNowMs],
    [
      'for ever by one of two',
      [
        { operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 60 },
        { operator: 'Exists', effect: 'NoExecute' },
      ],
      undefined,
    ],
    ['by another value', [{ key: 'bad', operator: 'Equal', value: 'v', effect: 'NoExecute' }], testNowMs],
    ['for another effect', [{ key: 'bad', operator: 'Exists', effect: 'NoSchedule' }], testNowMs],
  ]
  for (const [what, tolerations, expected] of tolerated) {
    it(`goes by a toleration ${what}`, () => {
      assert.equal(evictionOf(aClaim(tolerations), [aSlice(1, [taint('bad')])]), expected)
    })
  }

  it('sees NoExecute alone, and the newest generation of a pool alone', () => {
    assert.equal(evictionOf(aClaim([]), [aSlice(1, [taint('bad', 'NoSchedule')])]), undefined)
    assert.equal(evictionOf(aClaim([]), [aSlice(1, [taint('bad')]), aSlice(2, [])]), undefined)
  })

  it('leaves Pods without a Node, and those that a claim is not reserved for', () => {
    assert.equal(evictionOf(aClaim([]), [aSlice(1, [taint('bad')])], pod('')), undefined)
    assert.equal(evictionOf(aClaim([], 'uid-of-another'), [aSlice(1, [taint('bad')])]), undefined)
  })
})
