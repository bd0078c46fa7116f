import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { emptyFragment, type Fragment } from './table.ts'
import { TableModel } from './table-model.ts'

const fragment = (more: {
  chains?: Record<string, string[]>
  sets?: Record<string, string>
  elements?: Record<string, Record<string, string>>
}): Fragment => ({
  chains: new Map(Object.entries(more.chains ?? {})),
  sets: new Map(Object.entries(more.sets ?? {})),
  elements: new Map(Object.entries(more.elements ?? {}).map(([name, items]) => [name, new Map(Object.entries(items))])),
})

const changesOf = (model: TableModel): readonly string[] => model.changes().commands

describe('a table and what of it is written', () => {
  it('writes a new owner once', () => {
    const model = new TableModel('ip t')
    model.replace('a', fragment({ chains: { c: ['r1', 'r2'] }, elements: { m: { k: 'goto c' } } }))
    assert.deepEqual(changesOf(model), [
      'add chain ip t c',
      'add rule ip t c r1',
      'add rule ip t c r2',
      'add element ip t m { k : goto c }',
    ])
    assert.deepEqual(changesOf(model), [])
  })

  it('writes one element when one element changed', () => {
    const model = new TableModel('ip t')
    model.replace('a', fragment({ chains: { c: ['r'] }, elements: { m: { k1: 'x', k2: 'y' }, s: { e: '' } } }))
    model.changes()
    model.replace('a', fragment({ chains: { c: ['r'] }, elements: { m: { k1: 'x', k2: 'z' }, s: { e: '' } } }))
    assert.deepEqual(changesOf(model), ['delete element ip t m { k2 }', 'add element ip t m { k2 : z }'])
  })

  it('writes nothing for a change that was taken back before the write', () => {
    const model = new TableModel('ip t')
    const first = fragment({ chains: { c: ['r'] }, sets: { s: 'set { type x; }' }, elements: { m: { k: 'x' } } })
    model.replace('a', first)
    model.changes()
    model.replace('a', emptyFragment)
    model.replace('a', fragment({ chains: { c: ['r'] }, sets: { s: 'set { type x; }' }, elements: { m: { k: 'x' } } }))
    assert.deepEqual(changesOf(model), [])
  })

  it('retires the chains of an owner that goes, and deletes its sets', () => {
    const model = new TableModel('ip t')
    model.replace('a', fragment({ chains: { c: ['r'] }, sets: { s: 'set { type x; }' }, elements: { m: { k: 'c' } } }))
    model.changes()
    model.replace('a', emptyFragment)
    const { commands, retired } = model.changes()
    assert.deepEqual(commands, ['flush chain ip t c', 'delete element ip t m { k }', 'delete set ip t s'])
    assert.deepEqual(retired, ['c'])
  })

  it('gives an element that two want to the first, and to the second when the first lets go', () => {
    const model = new TableModel('ip t')
    model.replace('a', fragment({ elements: { m: { k: 'a' } } }))
    model.replace('b', fragment({ elements: { m: { k: 'b' } } }))
    assert.deepEqual(changesOf(model), ['add element ip t m { k : a }'])
    model.replace('a', emptyFragment)
    assert.deepEqual(changesOf(model), ['delete element ip t m { k }', 'add element ip t m { k : b }'])
    model.replace('b', emptyFragment)
    assert.deepEqual(changesOf(model), ['delete element ip t m { k }'])
  })

  it('keeps a set as long as one owner needs it', () => {
    const model = new TableModel('ip t')
    const needs = fragment({ sets: { s: 'map { type x : y; }' } })
    model.replace('a', needs)
    model.replace('b', needs)
    assert.deepEqual(changesOf(model), ['add map ip t s { type x : y; }'])
    model.replace('a', emptyFragment)
    assert.deepEqual(changesOf(model), [])
    model.replace('b', emptyFragment)
    assert.deepEqual(changesOf(model), ['delete map ip t s'])
  })

  it('writes everything over what an earlier process left', () => {
    const model = new TableModel('ip t')
    model.replace('a', fragment({ chains: { 'a/x': ['r'] }, sets: { affinity: 'set { type x; }' } }))
    const { commands, retired } = model.everything(['base'], {
      chains: ['a/x', 'old/y'],
      containers: new Map([['affinity-old', 'set' as const]]),
    })
    assert.deepEqual(commands, [
      'base',
      'add set ip t affinity { type x; }',
      'add chain ip t a/x',
      'flush chain ip t a/x',
      'flush chain ip t old/y',
      'add rule ip t a/x r',
      'delete set ip t affinity-old',
    ])
    assert.deepEqual(retired, ['old/y'])
    assert.deepEqual(changesOf(model), [])
  })
})
