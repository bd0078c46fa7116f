import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ViewBudget, type Views } from './views.ts'

describe('representations beside the JSON', () => {
  it('are kept up to a bound, the latest longest', () => {
    const budget = new ViewBudget(10_000)
    const all = Array.from({ length: 5_000 }, (): Views => new Map())
    for (const views of all) budget.keep(views, 'protobuf', Buffer.alloc(1_000))
    assert.equal(budget.heldBytes, 10_000)
    assert.equal(all.filter((views) => views.size > 0).length, 10)
    assert.ok(all.slice(-10).every((views) => views.has('protobuf')))
  })

  it('go one by one where an object has several', () => {
    const budget = new ViewBudget(2_500)
    const views: Views = new Map()
    for (const name of ['a', 'b', 'c']) budget.keep(views, name, Buffer.alloc(1_000))
    assert.deepEqual([...views.keys()], ['b', 'c'])
  })

  it('larger than the bound are not kept at all', () => {
    const budget = new ViewBudget(500)
    const views: Views = new Map()
    budget.keep(views, 'a', Buffer.alloc(1_000))
    assert.equal(views.size, 0)
    assert.equal(budget.heldBytes, 0)
  })
})
