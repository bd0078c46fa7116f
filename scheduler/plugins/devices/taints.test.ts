import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Alternative } from './requests.ts'
import { toleratesTaints } from './taints.ts'

type Taint = { key: string; value?: string; effect: string }
const answer = (taints: readonly Taint[], tolerations?: readonly object[]): boolean =>
  toleratesTaints({ name: 'd', taints: [...taints] }, tolerations as Alternative['tolerations'])

const broken: Taint = { key: 'health', value: 'bad', effect: 'NoSchedule' }
const leaving: Taint = { key: 'health', value: 'bad', effect: 'NoExecute' }

describe('a tainted device', () => {
  it('is for nobody who does not tolerate every taint', () => {
    assert.equal(answer([]), true)
    assert.equal(answer([broken]), false)
    assert.equal(answer([leaving]), false)
    assert.equal(answer([broken, leaving], [{ key: 'health', operator: 'Exists', effect: 'NoSchedule' }]), false)
    assert.equal(answer([broken, leaving], [{ key: 'health', operator: 'Exists' }]), true)
  })

  it('keeps nobody away by an effect of None', () => {
    assert.equal(answer([{ key: 'note', effect: 'None' }]), true)
  })

  it('is tolerated by key, value and effect', () => {
    assert.equal(answer([broken], [{ key: 'health', value: 'bad' }]), true)
    assert.equal(answer([broken], [{ key: 'health', operator: 'Equal', value: 'good' }]), false)
    assert.equal(answer([broken], [{ key: 'other', operator: 'Exists' }]), false)
    assert.equal(answer([broken], [{ operator: 'Exists' }]), true)
    assert.equal(answer([broken], [{ operator: 'Exists', effect: 'NoExecute' }]), false)
  })
})
