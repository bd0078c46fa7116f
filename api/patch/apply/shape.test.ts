/** Shapes spare the comparison of new objects: what is remembered by shape must be what comparing would find. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type ObjectSchema, type Schema, schemaFor } from '../../schema/schema.ts'
import type { KubeObject } from '../../types.ts'
import { ignoring, type Version } from './ownership.ts'
import { shapeOf } from './shape.ts'
import { trackUpdate } from './update.ts'

const podSchema = (): ObjectSchema => {
  const found = schemaFor('', 'v1', 'Pod')
  assert.ok(found)
  return found
}
const schema = podSchema()

/** Zero values among others, as clients send them. */
const scalars: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  string: fc.constantFrom('', 'a', 'b', null),
  boolean: fc.constantFrom(true, false, null),
}
const number = fc.constantFrom(0, 1, 2, null)

/** Values of a schema, some levels deep. */
const valueOf = (of: Schema, depth: number): fc.Arbitrary<unknown> => {
  switch (of.type) {
    case 'object': {
      const fields = [...of.fields.values()].filter(({ schema: { type } }) => depth > 0 || type === 'scalar')
      const model = Object.fromEntries(fields.map((field) => [field.name, valueOf(field.schema, depth - 1)]))
      return fc
        .subarray(Object.keys(model), { maxLength: Math.min(5, fields.length) })
        .chain((names) => fc.record(Object.fromEntries(names.map((name) => [name, model[name] ?? fc.constant(null)]))))
    }
    case 'array':
      return fc.array(valueOf(of.items, depth - 1), { maxLength: 3 })
    case 'map':
      return fc.dictionary(fc.constantFrom('k', 'n', 'f:x'), valueOf(of.values, depth - 1), { maxKeys: 2 })
    case 'scalar':
      return scalars[of.scalar] ?? number
    case 'any':
      return fc.constantFrom({}, { a: 1 }, 'x', null)
  }
}
const pod = valueOf(schema, 6).map((value) => ({ ...(value as object), apiVersion: 'v1', kind: 'Pod' }) as KubeObject)

const tracked = (object: KubeObject, version: Version): KubeObject => {
  const after = { ...structuredClone(object), metadata: { name: 'x' } }
  const time = '2026-01-01T00:00:00Z'
  trackUpdate({
    before: undefined,
    after,
    manager: 'm',
    time,
    apiVersion: 'v1',
    subresource: '',
    versionOf: () => version,
  })
  return after
}

/** The same with zeros alone: only Go's rules about zeros make its fields others. */
const zeroed = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(zeroed)
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? '' : value === null ? null : 0
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, zeroed(member)]))
}

const newVersion = (): Version => ({ schema, ignored: ignoring([['status']]) })

describe('the fields of a new object', () => {
  it('are the same by its shape and by comparing it with nothing', () => {
    const remembering = newVersion()
    fc.assert(
      fc.property(pod, (object) => {
        for (const value of [object, zeroed(object) as KubeObject]) {
          assert.deepEqual(tracked(value, remembering), tracked(value, newVersion()))
        }
      }),
      { numRuns: 500 },
    )
  })

  it('do not depend on what its strings and numbers say', () => {
    const one = { metadata: { name: 'a', labels: { x: '1' } }, spec: { containers: [{ name: 'c', image: 'i:1' }] } }
    const other = { metadata: { name: 'b', labels: { x: '2' } }, spec: { containers: [{ name: 'c', image: 'i:2' }] } }
    assert.equal(shapeOf(schema, one), shapeOf(schema, other))
  })

  it('depend on keys, on the names of list elements, and on what is zero', () => {
    const withContainers = (...containers: object[]) => ({ spec: { containers } })
    const shapes = [
      withContainers({ name: 'a' }),
      withContainers({ name: 'b' }),
      withContainers({ name: 'a' }, { name: 'b' }),
      withContainers({ name: 'a', image: '' }),
      withContainers({ name: 'a', image: 'i' }),
      withContainers({ name: 'a', ports: [{ containerPort: 1 }] }),
      withContainers({ name: 'a', ports: [{ containerPort: 2 }] }),
      { metadata: { labels: { x: '1' } } },
      { metadata: { labels: { y: '1' } } },
      { metadata: { labels: {} } },
    ].map((value) => shapeOf(schema, value))
    assert.equal(new Set(shapes).size, shapes.length)
  })
})
