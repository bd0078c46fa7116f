/** Objects of every built-in kind, made at random for tests. */
import fc from 'fast-check'
import { definitionNames, type ObjectSchema, type ScalarType, type Schema, schemaByRef } from './schema.ts'

const word = fc.stringMatching(/^[a-zé世🙂_-]{1,12}$/u)
const time = fc.integer({ min: 0, max: 4_000_000_000 }).map((seconds) => new Date(seconds * 1000).toISOString())
const int64 = fc.oneof(
  fc.integer(),
  fc.constantFrom<number | bigint>(Number.MAX_SAFE_INTEGER, -1, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n),
)
/** Without what JSON itself does not keep. */
const anyJson = fc.dictionary(word, fc.oneof(word, fc.integer(), fc.boolean(), fc.array(word)), { maxKeys: 3 })

const scalars: Readonly<Record<ScalarType, fc.Arbitrary<unknown>>> = {
  string: word,
  int32: fc.integer(),
  int64,
  double: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0.5 : value)),
  boolean: fc.boolean(),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 9 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  quantity: fc.constantFrom('100m', '1Gi', '0', '1500Mi'),
  time: time.map((text) => `${text.slice(0, 19)}Z`),
  microTime: fc.tuple(time, fc.integer({ min: 0, max: 999_999 })).map(([text, micros]) => {
    return `${text.slice(0, 19)}.${String(micros).padStart(6, '0')}Z`
  }),
  intOrString: fc.oneof(word, fc.integer()),
}

const anyValue = (name: string, depth: number): fc.Arbitrary<unknown> => {
  if (/\.JSONSchemaPropsOr/.test(name)) {
    const schema = valueOf(schemaByRef(name.replace(/Or\w+$/, '')), depth - 1)
    if (name.endsWith('OrBool')) return fc.oneof(fc.boolean(), schema)
    return fc.oneof(schema, fc.array(name.endsWith('OrArray') ? schema : word, { minLength: 1, maxLength: 2 }))
  }
  return name.endsWith('.JSON') ? fc.oneof(word, fc.integer(), fc.boolean(), anyJson) : anyJson
}

/** Values of a schema; objects become poorer with every level, and end at the required fields. */
const valueOf = (schema: Schema | undefined, depth: number): fc.Arbitrary<unknown> => {
  switch (schema?.type) {
    case 'scalar':
      return scalars[schema.scalar]
    case 'any':
      return anyValue(schema.name, depth)
    case 'array':
      return fc.array(valueOf(schema.items, depth), { minLength: 1, maxLength: 2 })
    case 'map':
      return fc.dictionary(word, valueOf(schema.values, depth), { minKeys: 1, maxKeys: 3 })
    case 'object':
      return objectOf(schema, depth)
    case undefined:
      return fc.constant({})
  }
}

const objectOf = (schema: ObjectSchema, depth: number): fc.Arbitrary<Record<string, unknown>> => {
  const typed = schema.gvks.length > 0
  const names = [...schema.fields.keys()].filter((name) => !typed || (name !== 'kind' && name !== 'apiVersion'))
  return fc.uniqueArray(fc.constantFrom('', ...names), { maxLength: depth > 0 ? 6 : 0 }).chain((chosen) => {
    const kept = names.filter((name) => chosen.includes(name) || schema.required.includes(name))
    return fc.record(
      Object.fromEntries(kept.map((name) => [name, valueOf(schema.fields.get(name)?.schema, depth - 1)])),
    )
  })
}

/** Objects of a kind, some levels deep. */
export const arbitraryObject = (schema: ObjectSchema): fc.Arbitrary<Record<string, unknown>> => objectOf(schema, 9)

/** Schemas of all kinds but lists, options and reviews among them. */
export const builtInKinds = (): readonly ObjectSchema[] =>
  definitionNames().flatMap((name) => {
    const schema = schemaByRef(name)
    return schema?.type === 'object' && schema.gvks.length > 0 && !name.endsWith('List') ? [schema] : []
  })
