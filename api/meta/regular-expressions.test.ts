import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { patternSize } from './pattern-size.ts'
import { regularExpression } from './regular-expressions.ts'

describe('the size of a pattern', () => {
  for (const [pattern, size] of [
    ['', 0],
    ['abc', 3],
    ['a{10}', 10],
    ['(ab){3}', 12],
    ['((a{10}){10}){10}', 1220],
    ['a{2,}b{0,5}', 7],
    ['[]{9}]{3}', 3],
    ['[^]x]', 1],
    ['[[:alpha:]]{4}', 4],
    [String.raw`\{3}`, 3],
    [String.raw`\pL{10}`, 1000],
    [String.raw`\P{Greek}{10}`, 1000],
    ['{x}', 3],
  ] as const) {
    it(`of ${pattern} is about ${size}`, () => {
      const found = patternSize(pattern)
      assert.ok(Math.abs(found - size) <= size * 0.1 + 1, String(found))
    })
  }
})

describe('a regular expression', () => {
  it('takes no time that grows with the ways in which it could match', () => {
    const before = process.cpuUsage()
    for (const pattern of ['(a+)+$', '(a|a)*$', '(.*a){20}$', '^(([a-z])+.)+[A-Z]([a-z])+$']) {
      assert.equal(
        regularExpression(pattern)
          .matcher(`${'a'.repeat(20_000)}!`)
          .matches(),
        false,
        pattern,
      )
    }
    assert.ok(process.cpuUsage(before).user < 5_000_000)
  })

  it('of a few letters cannot fill the memory', () => {
    const tooLarge = { message: 'error parsing regexp: expression too large' }
    for (const pattern of ['a{1000}'.repeat(100), '((a{100}){100}){100}', '[\\pL]{999}', 'a'.repeat(1_000_000)]) {
      assert.throws(() => regularExpression(pattern), tooLarge, pattern.slice(0, 20))
    }
  })
})
