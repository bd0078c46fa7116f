/** Estimates of rules: the figures are upstream's, from its own table of schemas and rules (TestCostEstimation). */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FieldError } from '../../meta/field-error.ts'
import { costErrors } from './rule-costs.ts'
import { checkRules } from './rules.ts'
import type { JsonSchema } from './structural.ts'

type Limit = number | undefined
type Make = (limit: Limit) => object

const limited = (schema: object, name: string, limit: Limit): object =>
  limit === undefined ? schema : { ...schema, [name]: limit }
const formats = new Set(['duration', 'date', 'date-time', 'byte'])
const primitive = (type: string): object => {
  if (type === 'int-or-string') return { 'x-kubernetes-int-or-string': true }
  return formats.has(type) ? { type: 'string', format: type } : { type }
}
const text: Make = (limit) => limited({ type: 'string' }, 'maxLength', limit)
const array =
  (items: object): Make =>
  (limit) =>
    limited({ type: 'array', items }, 'maxItems', limit)
const map =
  (values: object): Make =>
  (limit) =>
    limited({ type: 'object', additionalProperties: values }, 'maxProperties', limit)
const both =
  (outer: (inner: object) => Make): Make =>
  (limit) =>
    outer(text(limit))(limit)
const object = (properties: Record<string, object>, required: string[] = []): object => ({
  type: 'object',
  properties,
  required,
})
const requiring = (names: readonly string[]): object =>
  object(Object.fromEntries(names.map((name) => [name, { type: 'string' }])), [...names])

/** The schema with a rule, in a field of an object. */
const wrapped = (schema: object, rules: readonly object[]): JsonSchema =>
  object({ field: { ...schema, 'x-kubernetes-validations': rules } }) as JsonSchema
const costOf = (schema: object, rule: string): number => {
  const { errors, costs } = checkRules(wrapped(schema, [{ rule }]), '')
  assert.deepEqual(errors, [])
  return costs[0]?.cost ?? assert.fail('no cost')
}

/** Upstream's table says no more of these. */
const overLimit = Number.POSITIVE_INFINITY

/** Schema, rule, cost without a limit, the limit, cost with it. */
const cases: readonly (readonly [Make, string, number, number, number])[] = [
  [array(primitive('number')), 'self.all(x, true)', 4_718_591, 10, 32],
  [array(primitive('string')), 'self.all(x, true)', 3_145_727, 20, 62],
  [array(primitive('boolean')), 'self.all(x, true)', 1_887_437, 5, 17],
  [array(array(primitive('number'))(undefined)), 'self.all(x, true)', 3_145_727, 100, 302],
  [array(requiring(['required'])), 'self.all(x, true)', 555_128, 50, 152],
  [map(primitive('number')), 'self.all(x, true)', 1_348_169, 10, 32],
  [map(primitive('string')), 'self.all(x, true)', 1_179_647, 3, 11],
  [map(primitive('boolean')), 'self.all(x, true)', 943_718, 100, 302],
  [text, "self.contains('test')", 314_574, 10, 5],
  [text, "self.startsWith('test')", 2, 15, 2],
  [text, "self.endsWith('test')", 2, 30, 2],
  [text, 'size(self + "hello") > size("hello")', 314_578, 4, 7],
  [array(primitive('number')), 'self[1] == 0.0', 2, 5000, 2],
  [array(primitive('string')), 'self[1] == self[1]', 314_577, 8, 314_577],
  [array(primitive('number')), 'self.all(x, self.all(y, true))', overLimit, 10, 352],
  [array(primitive('number')), 'self.all(x, self.all(y, self.all(z, true)))', overLimit, 10, 3552],
  [text, 'self.matches("x")', 314_574, 50, 22],
  [text, '"".matches("(((((((((())))))))))[0-9]")', 7, 10, 7],
  [text, 'self.matches("")', 1, 100, 1],
  [array(primitive('number')), 'self[3] == 0.0', 2, 0, 2],
  [map(primitive('number')), 'self["x"] == 0.0', 2, 0, 2],
  [text, 'self == "x"', 2, 0, 1],
  [(limit) => limited(primitive('byte'), 'maxLength', limit), 'self == b"x"', 2, 0, 1],
  [array(primitive('number')), 'self.all(x, x == 0.0)', 6_291_454, 3 * 1024 * 2048, 25_165_826],
  [array(primitive('int-or-string')), 'self.all(x, true)', 4_718_591, 10, 32],
  [array(primitive('int-or-string')), 'self[0] == 5', 3, 10, 3],
  [array(primitive('boolean')), 'self[0] == false', 2, 25, 2],
  [array(requiring(['required'])), 'self[0] == null', 2, 422, 2],
  [array(array(primitive('number'))(undefined)), 'self[0][0] == -1.0', 3, 51, 3],
  [array(map(primitive('number'))(undefined)), 'self.all(x, x.y == 25.2)', 6_291_452, 12, 74],
  [array(map(primitive('number'))(undefined)), 'self[0].x > 2.0', 4, 3000, 4],
  [array(primitive('duration')), 'self.all(x, true)', 2_359_295, 5, 17],
  [array(primitive('duration')), 'self[0].getHours() == 2', 4, 525, 4],
  [array(primitive('date')), 'self.all(x, true)', 725_936, 15, 47],
  [array(primitive('date')), 'self[2].getDayOfMonth() == 13', 4, 42, 4],
  [array(primitive('date-time')), 'self.all(x, true)', 428_963, 25, 77],
  [map(primitive('int-or-string')), 'self.all(x, true)', 1_348_169, 15, 47],
  [map(map(primitive('number'))(undefined)), 'self.all(x, true)', 1_179_647, 10, 32],
  [map(array(primitive('number'))(undefined)), 'self.all(x, true)', 1_179_647, 25, 77],
  [map(primitive('duration')), 'self.all(x, true)', 1_048_577, 5, 17],
  [map(primitive('date')), 'self.all(x, true)', 524_288, 10, 32],
  [map(primitive('date-time')), 'self.all(x, true)', 349_526, 25, 77],
  [text, "self.find('[0-9]+') == ''", 629_147, 10, 11],
  [both(array), "self.join(' ') == 'aa bb'", 329_853_068_905, 10, 43],
  [both(array), 'self.isSorted() == true', 329_854_432_052, 10, 52],
  [text, "self.lowerAscii() == 'lower!'", 314_575, 10, 6],
  [map(primitive('integer')), 'oldSelf.size() == self.size()', 5, 10, 5],
  [map(primitive('date-time')), 'self["a"] == self["b"]', 8, 7, 8],
  [map(primitive('duration')), 'self["c"] == self["d"]', 8, 42, 8],
  [
    (limit) => object({ str: text(limit), before: text(2), after: text(4) }),
    "self.str.replace(self.before, self.after) == 'does not matter'",
    629_154,
    4,
    12,
  ],
  [
    (limit) => object({ str: text(limit), separator: text(limit) }),
    'self.str.split(self.separator) == []',
    629_160,
    10,
    22,
  ],
  [
    (limit) => limited({ type: 'string', enum: ['A', 'B', 'C', 'LongValue'] }, 'maxLength', limit),
    "self.contains('A')",
    2,
    1000,
    401,
  ],
]

const messages = (errors: readonly FieldError[]): string[] => errors.map(({ field, detail }) => `${field}: ${detail}`)
const advice =
  '(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)'

describe('the estimated cost of a rule', () => {
  for (const [index, [make, rule, open, limit, closed]] of cases.entries()) {
    it(`is upstream's: ${rule} (${index})`, () => {
      const cost = costOf(make(undefined), rule)
      if (open === overLimit) assert.ok(cost > 10_000_000)
      else assert.equal(cost, open)
      assert.equal(costOf(make(limit), rule), closed)
    })
  }

  it('is multiplied by how often the rule is asked, at most', () => {
    const item = { type: 'string', maxLength: 10, 'x-kubernetes-validations': [{ rule: "self.contains('x')" }] }
    const of = (schema: object): number =>
      checkRules(object({ field: schema }) as JsonSchema, '').costs[0]?.cost ?? assert.fail('no cost')
    assert.equal(of(item), 5)
    assert.equal(of(array(item)(20)), 100)
    assert.equal(of(array(array(item)(20))(3)), 300)
    assert.equal(of(map(item)(7)), 35)
    // Without a limit: as many of the shortest strings as a request holds.
    assert.equal(of(array(item)(undefined)), 5 * Math.floor((3 * 1024 * 1024) / 3))
  })
})

describe('a rule that may cost too much', () => {
  const errorsOf = (schema: object, ...rules: object[]): string[] =>
    messages(costErrors(checkRules(wrapped(schema, rules), 'root').costs, 'root'))
  const at = 'root.properties[field].x-kubernetes-validations'

  it('is refused with the factor, to the digits that upstream shows', () => {
    const contains = [{ rule: "self.all(x, x.contains('a string'))" }]
    const exceeds = (factor: string): string =>
      `${at}[0].rule: Forbidden: estimated rule cost exceeds budget by factor of ${factor}x ${advice}`
    const of = (items: number, length: number): string[] => errorsOf(array(text(length))(items), ...contains)
    assert.deepEqual(of(25, 10), [])
    assert.deepEqual(of(10_000, 3_000), [exceeds('1.204000')])
    assert.deepEqual(of(10_000, 20_000), [exceeds('8.0')])
  })

  it('is named, with all that make the total of a schema too much', () => {
    assert.deepEqual(
      errorsOf(both(array)(undefined), { rule: "self.all(x, x.contains('a'))" }, { rule: 'size(self) < 5' }),
      [
        `${at}[0].rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x ${advice}`,
        `${at}[0].rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema`,
        `root: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of more than 100x ${advice}`,
      ],
    )
  })

  it('may be a message', () => {
    const messageExpression = "'min (' + string(self.min) + ') is above max (' + string(self.max) + ')'"
    const schema = object({ min: { type: 'integer' }, max: { type: 'integer' } })
    assert.match(
      errorsOf(schema, { rule: 'self.min <= self.max', messageExpression })[0] ?? '',
      /\[0\]\.messageExpression: Forbidden: estimated messageExpression cost exceeds budget by factor of more than 100x/,
    )
  })
})
