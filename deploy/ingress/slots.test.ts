import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Server } from './routes.ts'
import { assignAllSlots, assignSlots, slotCommands, type Slots } from './slots.ts'

const server = (number: number): Server => ({ ip: `10.0.0.${number}`, port: 80 })
const text = (one: Server | undefined): string => (one === undefined ? '' : `${one.ip}:${one.port}`)
const servers = fc.uniqueArray(fc.nat(20)).map((numbers) => numbers.map(server))

describe('slots of servers', () => {
  it('have each server once, and who stays where it was', () => {
    fc.assert(
      fc.property(fc.array(servers, { minLength: 1 }), (steps) => {
        let slots: Slots = []
        for (const step of steps) {
          const next = assignSlots(slots, step)
          assert.ok(next.length >= Math.max(4, slots.length))
          assert.deepEqual(next.map(text).filter(Boolean).sort(), step.map(text).sort())
          for (const [index, old] of slots.entries()) {
            if (old !== undefined && step.some((one) => text(one) === text(old)))
              assert.equal(text(next[index]), text(old))
          }
          slots = next
        }
      }),
    )
  })

  it('are changed in a running proxy by what became of each', () => {
    const before = assignAllSlots(new Map(), new Map([['shop:web:80', [server(1), server(2)]]]))
    const after = assignAllSlots(before, new Map([['shop:web:80', [server(2), server(3)]]]))
    assert.deepEqual(slotCommands(before, after), [
      'set server shop:web:80/s0 addr 10.0.0.3 port 80',
      'set server shop:web:80/s0 state ready',
    ])
    const none = assignAllSlots(after, new Map([['shop:web:80', []]]))
    assert.deepEqual(slotCommands(after, none), [
      'set server shop:web:80/s0 state maint',
      'set server shop:web:80/s1 state maint',
    ])
    assert.deepEqual(slotCommands(none, none), [])
  })
})
