import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseFieldSelector } from './fields.ts'
import {
  formatLabelSelector,
  formatRequirements,
  matcherFromLabelSelector,
  matchesSet,
  parseLabelSelector,
} from './labels.ts'
import { StatusError } from './status-error.ts'

const failure = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof StatusError)
    assert.equal(error.code, 400)
    return error.message
  }
  return ''
}

describe('label selectors', () => {
  const labels = { app: 'web', tier: 'front', version: '7', constructor: 'x' }
  const cases: readonly (readonly [string, boolean])[] = [
    ['', true],
    ['app=web', true],
    ['app==web,tier=front', true],
    ['app!=web', false],
    ['missing!=x', true],
    ['app in (web, db)', true],
    ['app notin (web)', false],
    ['missing notin (a)', true],
    ['app', true],
    ['!app', false],
    ['!missing', true],
    ['version>6', true],
    ['version<7', false],
    ['app=', false],
    ['tier in (,front)', true],
    ['toString', false],
    [' app = web , tier ', true],
  ]
  for (const [text, expected] of cases) {
    it(`${JSON.stringify(text)} is ${expected}`, () => assert.equal(parseLabelSelector(text)(labels), expected))
  }

  it('says what is wrong in the words of upstream', () => {
    assert.equal(
      failure(() => parseLabelSelector('a==b==c')),
      "found '==', expected: ',' or 'end of string'",
    )
    assert.equal(
      failure(() => parseLabelSelector(',')),
      "found ',', expected: !, identifier, or 'end of string'",
    )
    assert.equal(
      failure(() => parseLabelSelector('a,')),
      "found '', expected: identifier after ','",
    )
    assert.match(
      failure(() => parseLabelSelector('a foo b')),
      /^unable to parse requirement: found 'foo', expected: in, notin, =, ==, !=, gt, lt$/,
    )
    assert.match(
      failure(() => parseLabelSelector('a=_x')),
      /^unable to parse requirement: values\[0\]\[a\]: Invalid value: "_x": a valid label/,
    )
  })

  it('selects nothing when absent and everything when empty', () => {
    assert.equal(matcherFromLabelSelector(undefined)(labels), false)
    assert.equal(matcherFromLabelSelector({})(undefined), true)
    assert.equal(matchesSet({ app: 'web' }, labels), true)
    assert.equal(matchesSet({ app: 'db' }, labels), false)
  })

  it('writes a selector in canonical order', () => {
    const selector = {
      matchLabels: { z: '1', a: 'b' },
      matchExpressions: [
        { key: 'k', operator: 'In', values: ['y', 'x'] },
        { key: 'm', operator: 'DoesNotExist' },
      ],
    }
    assert.equal(formatLabelSelector(selector), 'a=b,k in (x,y),!m,z=1')
    assert.equal(formatLabelSelector({}), '<none>')
    assert.equal(formatRequirements(parseLabelSelector('b=1,a').requirements), 'a,b=1')
  })
})

describe('field selectors', () => {
  it('parses terms and escapes', () => {
    assert.deepEqual(parseFieldSelector('metadata.name=a\\,b,status.phase!=Running,x=='), [
      { field: 'metadata.name', op: '=', value: 'a,b' },
      { field: 'status.phase', op: '!=', value: 'Running' },
      { field: 'x', op: '=', value: '' },
    ])
    assert.deepEqual(parseFieldSelector(''), [])
  })
  it('refuses what it cannot understand', () => {
    assert.equal(
      failure(() => parseFieldSelector('a,b=c')),
      "invalid selector: 'a,b=c'; can't understand 'a'",
    )
  })
})
