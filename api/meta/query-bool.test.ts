import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { queryBool } from './query-bool.ts'

describe('a boolean of a query', () => {
  for (const [query, expected] of [
    ['', false],
    ['a=false', false],
    ['a=False', false],
    ['a=FALSE', false],
    ['a=0', false],
    ['a=true', true],
    ['a=True', true],
    ['a=1', true],
    ['a', true],
    ['a=', true],
    ['a=no', true],
    ['a=false&a=true', false],
    ['b=true', false],
  ] as const) {
    it(`is ${expected} in "${query}"`, () => assert.equal(queryBool(new URLSearchParams(query), 'a'), expected))
  }
})
