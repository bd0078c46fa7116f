/** Pruning, defaulting and validation of values by the schema of a custom resource. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { applyDefaults } from './defaulting.ts'
import { validateStructure } from './invariants.ts'
import { prune } from './prune.ts'
import { type JsonObject, type JsonSchema, structuralOf } from './structural.ts'
import { validateValue } from './validate-value.ts'

const schema = (value: object): JsonSchema => value as JsonSchema
const string = { type: 'string' }

describe('pruning', () => {
  const pruned = (of: object, value: JsonObject): [JsonObject, string[]] => {
    const dropped = prune(structuralOf(schema(of)), value)
    return [value, dropped]
  }

  it('keeps what the schema names, and the metadata of the object', () => {
    const value = { apiVersion: 'v1', kind: 'K', metadata: { any: 1 }, a: 'x', b: 1, c: { d: 1 } }
    assert.deepEqual(pruned({ type: 'object', properties: { a: string, c: { type: 'object' } } }, value), [
      { apiVersion: 'v1', kind: 'K', metadata: { any: 1 }, a: 'x', c: {} },
      ['b', 'c.d'],
    ])
  })

  it('keeps everything where that is said, but prunes again below a schema', () => {
    const of = {
      type: 'object',
      'x-kubernetes-preserve-unknown-fields': true,
      properties: { strict: { type: 'object', properties: { a: string } } },
    }
    assert.deepEqual(pruned(of, { any: { b: 1 }, strict: { a: 'x', b: 1 } }), [
      { any: { b: 1 }, strict: { a: 'x' } },
      ['strict.b'],
    ])
  })

  it('goes into lists, maps and embedded objects', () => {
    const inner = { type: 'object', properties: { a: string } }
    const of = {
      type: 'object',
      properties: {
        list: { type: 'array', items: inner },
        map: { type: 'object', additionalProperties: inner },
        template: { ...inner, 'x-kubernetes-embedded-resource': true },
      },
    }
    const value = {
      list: [{ a: 'x', b: 1 }],
      map: { one: { a: 'x', b: 1 } },
      template: { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'p' }, a: 'x', b: 1 },
    }
    assert.deepEqual(pruned(of, value)[1], ['list[0].b', 'map.one.b', 'template.b'])
    assert.equal((value.template as JsonObject)['kind'], 'Pod')
  })
})

describe('defaulting', () => {
  it('fills what is missing, and nulls that are not allowed', () => {
    const of = structuralOf(
      schema({
        type: 'object',
        properties: {
          a: { type: 'string', default: 'x' },
          b: { type: 'string', nullable: true, default: 'y' },
          c: { type: 'object', default: {}, properties: { d: { type: 'integer', default: 3 } } },
          list: { type: 'array', items: { type: 'object', properties: { e: { type: 'boolean', default: true } } } },
        },
      }),
    )
    const value: JsonObject = { a: null, b: null, list: [{}, { e: false }] }
    applyDefaults(of, value)
    assert.deepEqual(value, { a: 'x', b: null, c: { d: 3 }, list: [{ e: true }, { e: false }] })
  })

  it('shares nothing with the schema', () => {
    const of = structuralOf(
      schema({ type: 'object', properties: { a: { type: 'array', default: [1], items: { type: 'integer' } } } }),
    )
    const [first, second]: [JsonObject, JsonObject] = [{}, {}]
    applyDefaults(of, first)
    ;(first['a'] as number[]).push(2)
    applyDefaults(of, second)
    assert.deepEqual(second['a'], [1])
  })
})

describe('validation', () => {
  const said = (of: object, value: unknown): string[] =>
    validateValue(schema(of), value, 'spec.x').map(({ field, detail }) => `${field}: ${detail}`)

  const cases: readonly (readonly [object, unknown, string])[] = [
    [string, 1, 'spec.x: Invalid value: "integer": spec.x in body must be of type string: "integer"'],
    [string, null, 'spec.x: Invalid value: "null": spec.x in body must be of type string: "null"'],
    [{ type: 'integer' }, 1.5, 'spec.x: Invalid value: "number": spec.x in body must be of type integer: "number"'],
    [{ type: 'array' }, {}, 'spec.x: Invalid value: "object": spec.x in body must be of type array: "object"'],
    [{ ...string, minLength: 2 }, 'a', 'spec.x: Invalid value: "a": spec.x in body should be at least 2 chars long'],
    [{ ...string, maxLength: 2 }, 'abc', 'spec.x: Too long: may not be more than 2 bytes'],
    [{ ...string, format: 'ipv4' }, 'x', 'spec.x: Invalid value: "x": spec.x in body must be of type ipv4: "x"'],
    [{ type: 'number', maximum: 2 }, 3, 'spec.x: Invalid value: 3: spec.x in body should be less than or equal to 2'],
    [
      { type: 'number', minimum: 2, exclusiveMinimum: true },
      2,
      'spec.x: Invalid value: 2: spec.x in body should be greater than 2',
    ],
    [{ type: 'integer', multipleOf: 3 }, 4, 'spec.x: Invalid value: 4: spec.x in body should be a multiple of 3'],
    [{ type: 'array', maxItems: 1 }, [1, 2], 'spec.x: Too many: 2: must have at most 1 items'],
    [{ type: 'array', minItems: 1 }, [], 'spec.x: Invalid value: 0: spec.x in body should have at least 1 items'],
    [{ type: 'object', required: ['a'] }, {}, 'spec.x.a: Required value'],
    [
      { type: 'object', additionalProperties: string },
      { k: 1 },
      'spec.x[k]: Invalid value: "integer": spec.x[k] in body must be of type string: "integer"',
    ],
    [
      { type: 'array', items: { ...string, enum: ['a'] } },
      ['b'],
      'spec.x[0]: Unsupported value: "b": supported values: "a"',
    ],
    [{ type: 'array', 'x-kubernetes-list-type': 'set', items: string }, ['a', 'a'], 'spec.x[1]: Duplicate value: "a"'],
    [
      { oneOf: [{ required: ['a'] }, { required: ['b'] }] },
      {},
      'spec.x: Invalid value: {}: "spec.x" must validate one and only one schema (oneOf). Found none valid',
    ],
    [
      { anyOf: [{ required: ['a'] }] },
      {},
      'spec.x: Invalid value: {}: "spec.x" must validate at least one schema (anyOf)',
    ],
    [
      { not: { required: ['a'] } },
      { a: 1 },
      'spec.x: Invalid value: {"a":1}: "spec.x" must not validate the schema (not)',
    ],
  ]
  for (const [of, value, text] of cases) it(text, () => assert.deepEqual(said(of, value), [text]))

  it('takes null where it may be null, and ints or strings where either goes', () => {
    assert.deepEqual(said({ type: 'string', nullable: true }, null), [])
    assert.deepEqual(
      [...said({ 'x-kubernetes-int-or-string': true }, 1), ...said({ 'x-kubernetes-int-or-string': true }, '1')],
      [],
    )
  })

  it('is not stalled by patterns', () => {
    assert.equal(said({ ...string, pattern: '^(a+)+$' }, `${'a'.repeat(5000)}b`).length, 1)
  })
})

describe('lists by key', () => {
  const errorsOf = (items: object, keys: readonly string[]): string[] =>
    validateStructure(
      schema({
        type: 'object',
        properties: {
          list: { type: 'array', items, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys },
        },
      }),
      'schema',
    ).map(({ field, detail }) => `${field}: ${detail}`)
  const at = 'schema.properties[list]'

  it('have keys that every item has, once, and that are no objects', () => {
    const items = { type: 'object', required: ['a'], properties: { a: string, b: { ...string, default: 'x' } } }
    assert.deepEqual(errorsOf(items, ['a', 'b']), [])
    assert.deepEqual(errorsOf(items, ['a', 'a', 'c']), [
      `${at}.x-kubernetes-list-map-keys: Invalid value: ["a","a","c"]: must not contain duplicate entries`,
      `${at}.x-kubernetes-list-map-keys: Invalid value: ["a","a","c"]: entries must all be names of item properties`,
    ])
    const listed = 'this property is in x-kubernetes-list-map-keys, so it'
    const wrong = {
      type: 'object',
      nullable: true,
      properties: { a: { ...string, nullable: true }, b: { type: 'object' } },
    }
    assert.deepEqual(errorsOf(wrong, ['a', 'b']), [
      `${at}.items.properties[a].default: Required value: ${listed} must have a default or be a required property`,
      `${at}.items.properties[a].nullable: Forbidden: ${listed} cannot be nullable`,
      `${at}.items.properties[b].type: Invalid value: "object": must be a scalar type if parent array's x-kubernetes-list-type is map`,
      `${at}.items.properties[b].default: Required value: ${listed} must have a default or be a required property`,
      `${at}.items.nullable: Forbidden: cannot be nullable when x-kubernetes-list-type is map`,
    ])
  })
})
