import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { dealHand, flowHash } from './shuffle-sharding.ts'

const hash = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })

describe('shuffle sharding', () => {
  it('deals as many different queues as a hand has', () => {
    const shape = fc
      .integer({ min: 1, max: 512 })
      .chain((deck) => fc.tuple(fc.constant(deck), fc.integer({ min: 1, max: Math.min(deck, 8) })))
    fc.assert(
      fc.property(hash, shape, (entropy, [deck, size]) => {
        const hand = dealHand(entropy, deck, size)
        assert.equal(new Set(hand).size, size)
        assert.ok(hand.every((card) => Number.isInteger(card) && card >= 0 && card < deck))
      }),
    )
  })

  it('deals each hand for just as many hashes as every other', () => {
    // 5 · 4 · 3 hands in order: as many hashes, each of them once.
    const hands = new Set(Array.from({ length: 60 }, (_, i) => dealHand(BigInt(i), 5, 3).join(' ')))
    assert.equal(hands.size, 60)
  })

  it('tells flows apart by schema and distinguisher, and by where one ends and the other begins', () => {
    const hashes = [flowHash('a', 'b'), flowHash('ab', ''), flowHash('', 'ab'), flowHash('a', 'c')]
    assert.equal(new Set(hashes).size, 4)
    // The first eight bytes of the SHA-256 of "a\0b", in little-endian order, as upstream has it.
    assert.equal(flowHash('a', 'b'), 0xd3b1bc1bae71b259n)
  })

  it('leaves most flows a queue beside those of a flood', () => {
    const flood = new Set(dealHand(flowHash('s', 'flood'), 128, 6))
    const victims = Array.from({ length: 1000 }, (_, i) => dealHand(flowHash('s', `user-${i}`), 128, 6))
    assert.equal(victims.filter((hand) => hand.every((card) => flood.has(card))).length, 0)
  })
})
