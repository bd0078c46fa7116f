import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ResourceSlice } from '../types.ts'
import { resourceSliceKind } from './resource-slice.ts'

type Taint = { key: string; effect: string; value?: string; timeAdded?: string }
const sliceOf = (...taints: readonly Taint[]): ResourceSlice =>
  ({
    metadata: { name: 's', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { driver: 'd', pool: { name: 'p', generation: 1, resourceSliceCount: 1 }, devices: [{ name: 'x', taints }] },
  }) as unknown as ResourceSlice
const timesOf = (slice: ResourceSlice): unknown[] =>
  (slice.spec?.devices?.[0]?.taints ?? []).map(({ timeAdded }) => timeAdded)
const broken: Taint = { key: 'health', value: 'bad', effect: 'NoExecute' }
const march = Date.UTC(2026, 2, 1)

describe('the taint of a device', () => {
  it('has the time at which its slice was made', () => {
    const slice = sliceOf({ ...broken }, { ...broken, key: 'old', timeAdded: '2025-01-01T00:00:00Z' })
    resourceSliceKind.prepareForCreate?.(slice)
    assert.deepEqual(timesOf(slice), ['2026-01-01T00:00:00Z', '2025-01-01T00:00:00Z'])
  })

  it('has the time at which it was added, and keeps it', () => {
    const old = sliceOf({ ...broken, timeAdded: '2026-01-01T00:00:00Z' })
    const slice = sliceOf({ ...broken }, { ...broken, value: 'worse' })
    resourceSliceKind.prepareForUpdate?.(slice, old, march)
    assert.deepEqual(timesOf(slice), ['2026-01-01T00:00:00Z', '2026-03-01T00:00:00Z'])
  })
})
