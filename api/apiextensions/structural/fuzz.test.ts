/** Random schemas and objects: nothing crashes or takes long, and what has been made to fit goes on fitting. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { clone } from '../../meta/clone.ts'
import { applyDefaults } from './defaulting.ts'
import { validateStructure } from './invariants.ts'
import { prune } from './prune.ts'
import { costErrors } from './rule-costs.ts'
import { checkRules, compileRules } from './rules.ts'
import { type JsonObject, type JsonSchema, structuralOf } from './structural.ts'
import { validateValue } from './validate-value.ts'

type Schema = Record<string, unknown>

const names = ['a', 'b', 'c-d', 'namespace', '__x__', 'kind'] as const
const name = fc.constantFrom(...names)
const text = fc.string({ maxLength: 6 })
const number = fc.integer({ min: -20, max: 20 })

/** A schema beside a generator of values that mostly fit it; each field may be left out of either. */
interface Case {
  readonly schema: Schema
  readonly value: fc.Arbitrary<unknown>
}

const leaf: fc.Arbitrary<Case> = fc.oneof(
  fc.record({ maxLength: fc.option(fc.nat(5), { nil: undefined }) }).map(({ maxLength }) => ({
    schema: { type: 'string', ...(maxLength === undefined ? {} : { maxLength }) },
    value: text,
  })),
  fc.constantFrom('date-time', 'duration', 'byte', 'ipv4', 'no-such-format').map((format) => ({
    schema: { type: 'string', format },
    value: fc.constantFrom('2030-01-01T00:00:00Z', '1h', 'YQ==', '10.0.0.1', 'x'),
  })),
  fc.constant({ schema: { type: 'string', enum: ['x', 'y'] }, value: fc.constantFrom('x', 'y', 'z') }),
  fc.record({ minimum: number, exclusive: fc.boolean() }).map(({ minimum, exclusive }) => ({
    schema: { type: 'integer', minimum, ...(exclusive ? { exclusiveMinimum: true } : {}) },
    value: number as fc.Arbitrary<unknown>,
  })),
  fc.constant({ schema: { type: 'number', multipleOf: 0.5 }, value: fc.double({ noNaN: true, min: -9, max: 9 }) }),
  fc.constant({ schema: { type: 'boolean' }, value: fc.boolean() }),
  fc.constant({ schema: { 'x-kubernetes-int-or-string': true }, value: fc.oneof(text, number) }),
  fc.constant({
    schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    value: fc.dictionary(name, fc.jsonValue({ maxDepth: 2 })),
  }),
)

const { schemas } = fc.letrec<{ schemas: Case; object: Case; list: Case; map: Case }>((tie) => ({
  object: fc
    .record({
      fields: fc.dictionary(name, tie('schemas'), { maxKeys: 4 }),
      required: fc.subarray([...names]),
      nullable: fc.boolean(),
    })
    .map(({ fields, required, nullable }) => ({
      schema: {
        type: 'object',
        properties: Object.fromEntries(Object.entries(fields).map(([key, { schema }]) => [key, schema])),
        required: required.filter((key) => key in fields),
        ...(nullable ? { nullable } : {}),
      },
      value: fc.record(
        {
          ...Object.fromEntries(Object.entries(fields).map(([key, { value }]) => [key, fc.option(value, { freq: 9 })])),
          unknown: fc.jsonValue({ maxDepth: 1 }),
        },
        { requiredKeys: required.filter((key) => key in fields) as never[] },
      ),
    })),
  list: fc
    .record({ item: tie('schemas'), maxItems: fc.option(fc.nat(4), { nil: undefined }) })
    .map(({ item, maxItems }) => ({
      schema: { type: 'array', items: item.schema, ...(maxItems === undefined ? {} : { maxItems }) },
      value: fc.array(item.value, { maxLength: 4 }),
    })),
  map: tie('schemas').map(({ schema, value }) => ({
    schema: { type: 'object', additionalProperties: schema },
    value: fc.dictionary(fc.oneof(fc.string({ maxLength: 4 }), fc.constant('__proto__')), value, { maxKeys: 3 }),
  })),
  schemas: fc.oneof({ maxDepth: 4, depthIdentifier: 'schemas' }, leaf, tie('object'), tie('list'), tie('map')),
}))

/** Schema of an object with a field of any kind, with defaults that fit, and an object. */
const cases = schemas.chain((field) =>
  fc
    .record({
      fallback: fc.option(field.value, { nil: undefined }),
      value: field.value,
      other: fc.jsonValue({ maxDepth: 3 }),
      hasOther: fc.boolean(),
    })
    .map(({ fallback, value, other, hasOther }) => {
      const root = (more: Schema): JsonSchema =>
        ({ type: 'object', properties: { spec: { ...field.schema, ...more } } }) as unknown as JsonSchema
      // As upstream demands, a default is valid and has no unknown fields.
      const usable = fallback !== undefined && isFit(root({}), fallback)
      return {
        schema: root(usable ? { default: fallback } : {}),
        object: {
          apiVersion: 'a/v1',
          kind: 'K',
          metadata: { name: 'n' },
          spec: hasOther ? other : value,
        } as JsonObject,
      }
    }),
)

const isFit = (schema: JsonSchema, spec: unknown): boolean => {
  const object = { spec: clone(spec) } as JsonObject
  return prune(structuralOf(schema), object).length === 0 && validateValue(schema, object).length === 0
}

const settle = (schema: JsonSchema, object: JsonObject): JsonObject => {
  const copy = clone(object)
  const structural = structuralOf(schema)
  prune(structural, copy)
  applyDefaults(structural, copy)
  return copy
}

const runs = { numRuns: 400 }

describe('random schemas and objects', () => {
  it('pruning and defaulting, done twice, do nothing more', () => {
    fc.assert(
      fc.property(cases, ({ schema, object }) => {
        const once = settle(schema, object)
        const structural = structuralOf(schema)
        assert.deepEqual(prune(structural, clone(once)), [])
        assert.equal(applyDefaults(structural, clone(once)), false)
        assert.deepEqual(settle(schema, once), once)
      }),
      runs,
    )
  })

  it('what is valid stays so: over JSON, and pruned and defaulted again', () => {
    let valid = 0
    fc.assert(
      fc.property(cases, ({ schema, object }) => {
        const settled = settle(schema, object)
        if (validateValue(schema, settled).length > 0) return
        valid++
        const again = settle(schema, JSON.parse(JSON.stringify(settled)) as JsonObject)
        assert.deepEqual(validateValue(schema, again), [])
      }),
      runs,
    )
    assert.ok(valid > runs.numRuns / 10, `only ${valid} objects were valid`)
  })

  it('every schema is judged, and every error has a place and a reason', () => {
    fc.assert(
      fc.property(cases, fc.jsonValue({ maxDepth: 4 }), ({ schema, object }, anything) => {
        for (const error of [...validateStructure(schema, 'schema'), ...validateValue(schema, object)]) {
          assert.ok(error.detail !== '' && typeof error.field === 'string')
        }
        validateValue(schema, anything)
        if (typeof anything === 'object' && anything !== null && !Array.isArray(anything))
          settle(schema, anything as JsonObject)
      }),
      runs,
    )
  })

  it('rules on any schema have types and a cost, and run', () => {
    fc.assert(
      fc.property(cases, ({ schema, object }) => {
        const { spec } = (schema as unknown as { properties: { spec: Schema } }).properties
        const ruled = {
          type: 'object',
          properties: {
            spec: { ...spec, 'x-kubernetes-validations': [{ rule: 'self == oldSelf || type(self) == type(self)' }] },
          },
        } as unknown as JsonSchema
        const { errors, costs } = checkRules(ruled, 'schema')
        assert.deepEqual(errors, [])
        assert.ok(costs.every(({ cost }) => cost > 0))
        assert.ok(Array.isArray(costErrors(costs, 'schema')))
        const settled = settle(ruled, object)
        if (validateValue(ruled, settled).length === 0)
          assert.deepEqual(compileRules(structuralOf(ruled))?.(settled, settled).errors, [])
      }),
      runs,
    )
  })

  it('an update may keep what is wrong, and nothing else', () => {
    const messages = (schema: JsonSchema, value: unknown, old?: unknown): string[] =>
      validateValue(schema, value, '', old).map(({ field, detail }) => `${field} ${detail}`)
    fc.assert(
      fc.property(cases, fc.jsonValue({ maxDepth: 3 }), ({ schema, object }, spec) => {
        const old = { ...object, spec }
        const without = messages(schema, object)
        assert.deepEqual(messages(schema, object, object), [])
        assert.deepEqual(
          messages(schema, object, old).filter((message) => !without.includes(message)),
          [],
        )
        // Where all was well before, nothing is forgiven.
        if (messages(schema, old).length === 0) assert.deepEqual(messages(schema, object, old), without)
      }),
      runs,
    )
  })

  it('a schema of ten thousand fields and an object of ten thousand items take no more than a moment', () => {
    const many = (count: number): Schema =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, { type: 'string', default: 'x' }]))
    const schema = {
      type: 'object',
      properties: {
        wide: { type: 'object', properties: many(10_000), default: {} },
        long: { type: 'array', items: { type: 'object', properties: many(3) } },
      },
    } as unknown as JsonSchema
    const startedAt = performance.now()
    const object = settle(schema, { long: Array.from({ length: 10_000 }, () => ({ unknown: 1 })) })
    assert.deepEqual(validateStructure(schema, 's'), [])
    assert.deepEqual(validateValue(schema, object), [])
    assert.equal(Object.keys(object['wide'] as object).length, 10_000)
    assert.ok(performance.now() - startedAt < 3_000)
  })
})
