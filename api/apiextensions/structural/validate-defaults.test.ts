import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JsonSchema } from './structural.ts'
import { validateDefaults } from './validate-defaults.ts'

const errorsOf = (spec: object): string[] =>
  validateDefaults({ type: 'object', properties: { spec } } as unknown as JsonSchema, 'schema').map(
    ({ field, detail }) => `${field}: ${detail}`,
  )

const range = {
  type: 'object',
  properties: { min: { type: 'integer' }, max: { type: 'integer', maximum: 9 } },
  'x-kubernetes-validations': [{ rule: 'self.min <= self.max', message: 'upside down' }],
}

describe('defaults of a schema', () => {
  it('are values of it', () => {
    assert.deepEqual(errorsOf({ ...range, default: { min: 1, max: 2 } }), [])
    assert.deepEqual(errorsOf({ type: 'integer', default: 'x' }), [
      'schema.properties[spec].default: Invalid value: "string": in body must be of type integer: "string"',
    ])
    assert.deepEqual(errorsOf({ ...range, default: { min: 1, max: 10 } }), [
      'schema.properties[spec].default.max: Invalid value: 10: max in body should be less than or equal to 9',
    ])
    assert.deepEqual(errorsOf({ type: 'array', items: { type: 'string', default: 1 } }), [
      'schema.properties[spec].items.default: Invalid value: "integer": in body must be of type string: "integer"',
    ])
  })

  it('have no fields that would be dropped', () => {
    assert.deepEqual(errorsOf({ ...range, default: { min: 1, max: 2, more: 3 } }), [
      'schema.properties[spec].default: Invalid value: {"min":1,"max":2,"more":3}: must not have unknown fields',
    ])
  })

  it('keep its rules, as they stand: what they lack is not filled in', () => {
    assert.deepEqual(errorsOf({ ...range, default: { min: 3, max: 2 } }), [
      'schema.properties[spec].default: Invalid value: "object": upside down',
    ])
    assert.match(
      errorsOf({ ...range, default: {} })[0] ?? '',
      /default: Invalid value: "object": no such key: min evaluating rule: upside down/,
    )
  })
})
