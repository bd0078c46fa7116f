/** Every declared kind stands the worst that the decoder lets through: fields missing, empty or out of range. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KindDefinition } from './kind.ts'
import { apiGroups, findKind, findResource, kinds } from './kinds.ts'
import type { FieldError } from './meta/field-error.ts'
import { validateObjectMeta } from './meta/validate-metadata.ts'
import { type ScalarType, type Schema, schemaFor } from './schema/schema.ts'
import type { KubeObject } from './types.ts'

type Scalars = Readonly<Record<ScalarType, unknown>>

const odd: Scalars = {
  string: 'x y',
  int32: -5,
  int64: -5,
  double: 1.5,
  boolean: true,
  bytes: 'aGk=',
  quantity: '-1500m',
  time: '2026-01-01T00:00:00Z',
  microTime: '2026-01-01T00:00:00.000000Z',
  intOrString: 'a b',
}
const zero: Scalars = { ...odd, string: '', int32: 0, int64: 0, boolean: false, quantity: '0', intOrString: 0 }

/** Schemas of JSON schemas refer to themselves. */
const maxDepth = 14

/** An object with every field there is; without `scalars`, only its lists, maps and structs. */
const fill = (schema: Schema, scalars: Scalars | undefined, depth = 0): unknown => {
  if (depth > maxDepth) return undefined
  switch (schema.type) {
    case 'scalar':
      return scalars?.[schema.scalar]
    case 'any':
      return scalars === undefined ? undefined : { a: 1 }
    case 'array': {
      const item = fill(schema.items, scalars, depth + 1)
      return item === undefined ? [] : [item, structuredClone(item)]
    }
    case 'map': {
      const value = fill(schema.values, scalars, depth + 1)
      return value === undefined ? {} : { k: value }
    }
    case 'object': {
      const entries = [...schema.fields.values()].map((field) => [field.name, fill(field.schema, scalars, depth + 1)])
      return Object.fromEntries(entries.filter(([, value]) => value !== undefined))
    }
  }
}

const objectOf = (definition: KindDefinition, scalars: Scalars | undefined): KubeObject => {
  const schema = schemaFor(definition.group, definition.version, definition.kind)
  assert.ok(schema, `no schema of ${definition.kind}`)
  const object = fill(schema, scalars) as KubeObject
  object.metadata = { ...object.metadata, name: 'a', uid: 'u' }
  return object
}

/** Upstream's own word in this one message. */
const saysUndefined = 'must be true or undefined'
const namesUndefined = ({ field, detail }: FieldError): boolean =>
  `${field} ${detail}`.replace(saysUndefined, '').includes('undefined')

const inputs = { 'no scalars at all': undefined, 'odd scalars': odd, 'zero scalars': zero }

for (const definition of kinds) {
  describe(`${definition.group}/${definition.version} ${definition.kind}`, () => {
    for (const [name, scalars] of Object.entries(inputs)) {
      it(`takes ${name}`, () => {
        const object = objectOf(definition, scalars)
        definition.setDefaults?.(object)
        const once = JSON.stringify(object)
        definition.setDefaults?.(object)
        assert.equal(JSON.stringify(object), once, 'defaults are idempotent')

        definition.prepareForCreate?.(object)
        const errors = [
          ...validateObjectMeta(object.metadata ?? {}, {
            namespaced: definition.scope === 'Namespaced',
            looseFinalizers: definition.looseFinalizers,
          }),
          ...(definition.validate?.(object) ?? []),
          ...(definition.validateCreate?.(object) ?? []),
        ]
        assert.deepEqual(errors.filter(namesUndefined), [])
        for (const column of definition.columns ?? [])
          assert.notEqual(column.cell(object, new Date(0)), undefined, column.name)
        for (const field of Object.values(definition.selectableFields ?? {}))
          assert.equal(typeof field(object), 'string')

        for (const warning of definition.warnings?.(object, undefined) ?? []) assert.doesNotMatch(warning, /undefined/)

        const same = structuredClone(object)
        definition.prepareForUpdate?.(same, object, 0)
        assert.deepEqual(definition.validateUpdate?.(same, object) ?? [], [], 'no change, no error')
        definition.prepareForStatusUpdate?.(same, object, 0)
        definition.validateStatusUpdate?.(same, object)
        if (definition.storedAs !== undefined) {
          const stored = definition.storedAs.toStored(object)
          const again = definition.storedAs.toStored(definition.storedAs.fromStored(stored))
          assert.deepEqual(again, stored, 'a round trip loses nothing')
        }
      })
    }
  })
}

describe('kinds', () => {
  it('finds kinds and resources', () => {
    assert.equal(findKind('apps', 'v1', 'Deployment')?.plural, 'deployments')
    assert.equal(findResource('', 'v1', 'pods')?.kind, 'Pod')
    assert.equal(findKind('', 'v1', 'Deployment'), undefined)
  })

  it('knows the group of every kind, preferred version first', () => {
    for (const { group, version } of kinds) {
      assert.ok(
        apiGroups.some(({ name, versions }) => name === group && versions.includes(version)),
        `${group}/${version}`,
      )
    }
    assert.equal(apiGroups.find(({ name }) => name === 'autoscaling')?.preferredVersion, 'v2')
  })
})
