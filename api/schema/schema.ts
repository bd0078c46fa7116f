/**
 * The schema of every built-in kind of v1.36 as a tree of typed nodes, read from the generated table.
 * One schema serves decoding and field validation, strategic merge, server-side apply, OpenAPI and protobuf.
 */
import { readFileSync } from 'node:fs'
import type { DefinitionExtras, DefinitionRow, ListTags, PresenceCode, SchemaTable, TypeCode } from './table-format.ts'

export type ListType = 'atomic' | 'set' | 'map'
export type PatchStrategy = 'merge' | 'replace' | 'retainKeys'

export type ScalarType =
  | 'string'
  | 'int32'
  | 'int64'
  | 'double'
  | 'boolean'
  /** base64 text */
  | 'bytes'
  | 'quantity'
  | 'time'
  | 'microTime'
  | 'intOrString'

export interface ScalarSchema {
  readonly type: 'scalar'
  readonly scalar: ScalarType
}

/** A value that is kept as it is: RawExtension, JSON, FieldsV1. `name` is its definition, '' in custom resources. */
export interface AnySchema {
  readonly type: 'any'
  readonly name: string
}

export interface ArraySchema {
  readonly type: 'array'
  readonly items: Schema
  /** x-kubernetes-list-type: how server-side apply merges. */
  readonly listType: ListType | undefined
  readonly listMapKeys: readonly string[]
  /** How strategic merge patch merges: by this key, or as a set where the strategy is merge and no key is given. */
  readonly patchStrategy: readonly PatchStrategy[]
  readonly patchMergeKey: string | undefined
}

export interface MapSchema {
  readonly type: 'map'
  readonly values: Schema
  readonly mapType: 'atomic' | 'granular' | undefined
}

export interface ObjectSchema {
  readonly type: 'object'
  /** Definition name, `io.k8s.api.core.v1.PodSpec`; '' in custom resources. */
  readonly name: string
  /** In the order of Go's struct, in which they are written. */
  readonly fields: ReadonlyMap<string, FieldSchema>
  readonly required: readonly string[]
  readonly mapType: 'atomic' | 'granular' | undefined
  readonly gvks: readonly Gvk[]
  /** x-kubernetes-unions, as OpenAPI shows it. */
  readonly unions: readonly unknown[] | undefined
  /** Custom resources only: fields that no schema names are kept. */
  readonly preserveUnknown: boolean
}

/**
 * When Go writes a field: `pointer` when it is set, were it to zero; `omitempty` when it is neither zero nor empty;
 * `always`: without omitempty, and structs held by value; `nullable`: always, null when it is not set.
 */
export type Presence = 'pointer' | 'omitempty' | 'always' | 'nullable'

export interface FieldSchema {
  readonly name: string
  readonly schema: Schema
  /** x-kubernetes-map-type of the field itself, where it differs from its definition's. */
  readonly mapType: 'atomic' | 'granular' | undefined
  /** x-kubernetes-patch-strategy of a field that is no list. */
  readonly patchStrategy: readonly PatchStrategy[]
  readonly presence: Presence
}

export type Schema = ScalarSchema | AnySchema | ArraySchema | MapSchema | ObjectSchema

export interface Gvk {
  readonly group: string
  readonly version: string
  readonly kind: string
}

const scalarOfCode = {
  s: 'string',
  i: 'int32',
  l: 'int64',
  d: 'double',
  b: 'boolean',
  B: 'bytes',
  q: 'quantity',
  t: 'time',
  u: 'microTime',
  x: 'intOrString',
} as const satisfies Record<string, ScalarType>

const scalars = new Map(
  Object.entries(scalarOfCode).map(([code, scalar]): [string, ScalarSchema] => [code, { type: 'scalar', scalar }]),
)

const presences: Readonly<Record<PresenceCode, Presence>> = {
  p: 'pointer',
  o: 'omitempty',
  a: 'always',
  n: 'nullable',
}

const splitStrategy = (text: string | undefined): readonly PatchStrategy[] =>
  text === undefined ? [] : (text.split(',') as PatchStrategy[])

/** An object whose fields are resolved when first asked for: definitions refer to each other, some to themselves. */
class DefinedObject implements ObjectSchema {
  readonly type = 'object'
  readonly name: string
  readonly required: readonly string[]
  readonly mapType: 'atomic' | 'granular' | undefined
  readonly gvks: readonly Gvk[]
  readonly unions: readonly unknown[] | undefined
  readonly preserveUnknown = false
  readonly #codes: Readonly<Record<string, TypeCode>>
  readonly #strategies: Readonly<Record<string, string>>
  readonly #presences: string
  #fields: ReadonlyMap<string, FieldSchema> | undefined

  constructor(name: string, codes: Readonly<Record<string, TypeCode>>, extras: DefinitionExtras) {
    this.name = name
    this.required = extras.r ?? []
    this.mapType = extras.m as 'atomic' | 'granular' | undefined
    this.gvks = (extras.g ?? []).map(([group, version, kind]) => ({ group, version, kind }))
    this.unions = extras.u
    this.#codes = codes
    this.#presences = extras.w ?? ''
    this.#strategies = extras.p ?? {}
  }

  get fields(): ReadonlyMap<string, FieldSchema> {
    this.#fields ??= new Map(
      Object.entries(this.#codes).map(([name, code], index) => [
        name,
        {
          name,
          schema: schemaOfCode(code),
          mapType: Array.isArray(code) && code[0] === 'r' ? (code[2] as 'atomic' | 'granular') : undefined,
          patchStrategy: splitStrategy(this.#strategies[name]),
          presence: presences[(this.#presences[index] ?? 'p') as PresenceCode],
        },
      ]),
    )
    return this.#fields
  }
}

interface Loaded {
  readonly rows: Readonly<Record<string, DefinitionRow>>
  readonly names: readonly string[]
  readonly nodes: Map<string, Schema>
  readonly byGvk: ReadonlyMap<string, string>
}

const gvkKey = (group: string, version: string, kind: string): string => `${group}/${version}/${kind}`

const isExtras = (row: DefinitionRow): row is Extract<DefinitionRow, readonly [object, DefinitionExtras]> =>
  Array.isArray(row) && typeof row[0] === 'object' && row.length === 2

const load = (): Loaded => {
  const read = (file: string): unknown =>
    JSON.parse(readFileSync(new URL(`./generated/${file}`, import.meta.url), 'utf8'))
  const { definitions } = read('schema.json') as SchemaTable
  const byGvk = new Map<string, string>()
  for (const [name, row] of Object.entries(definitions)) {
    if (!isExtras(row)) continue
    for (const [group, version, kind] of row[1].g ?? []) byGvk.set(gvkKey(group, version, kind), name)
  }
  return { rows: definitions, names: Object.keys(definitions), nodes: new Map(), byGvk }
}

let loaded: Loaded | undefined
/** Read at first use: processes that never decode do not pay for it. */
const table = (): Loaded => (loaded ??= load())

const arraySchema = (item: TypeCode, tags: ListTags): ArraySchema => ({
  type: 'array',
  items: schemaOfCode(item),
  listType: tags.t as ListType | undefined,
  listMapKeys: tags.k ?? [],
  patchStrategy: splitStrategy(tags.p),
  patchMergeKey: tags.m,
})

const schemaOfCode = (code: TypeCode): Schema => {
  if (typeof code === 'number') return schemaOfIndex(code)
  if (typeof code === 'string') return scalars.get(code) ?? { type: 'any', name: '' }
  switch (code[0]) {
    case 'r':
      return schemaOfIndex(code[1])
    case 'a':
      return arraySchema(code[1], code[2] ?? {})
    case 'm':
      return {
        type: 'map',
        values: schemaOfCode(code[1]),
        mapType: code[2] as 'atomic' | 'granular' | undefined,
      }
  }
}

const schemaOfIndex = (index: number): Schema => {
  const name = table().names[index]
  const schema = name === undefined ? undefined : schemaByRef(name)
  if (schema === undefined) throw new Error(`the schema table has no definition ${index}: run api/schema/generate.ts`)
  return schema
}

const isObjectRow = (row: DefinitionRow): row is Extract<DefinitionRow, readonly [object, ...unknown[]]> =>
  Array.isArray(row) && typeof row[0] === 'object'

/** The definition of that name (`io.k8s.api.core.v1.Pod`), or undefined. */
export const schemaByRef = (name: string): Schema | undefined => {
  const { rows, nodes } = table()
  const known = nodes.get(name)
  if (known !== undefined) return known
  const row = Object.hasOwn(rows, name) ? rows[name] : undefined
  if (row === undefined) return undefined
  const schema: Schema = isObjectRow(row)
    ? new DefinedObject(name, row[0], row[1] ?? {})
    : row === '*'
      ? { type: 'any', name }
      : schemaOfCode(row)
  nodes.set(name, schema)
  return schema
}

/** The schema of a built-in kind, its list or its options (`PodList`, `DeleteOptions`), or undefined. */
export const schemaFor = (group: string, version: string, kind: string): ObjectSchema | undefined => {
  const name = table().byGvk.get(gvkKey(group, version, kind))
  const schema = name === undefined ? undefined : schemaByRef(name)
  return schema?.type === 'object' ? schema : undefined
}

/** `io.k8s.api.core.v1.Pod` of ('', 'v1', 'Pod'), or undefined. */
export const definitionNameFor = (group: string, version: string, kind: string): string | undefined =>
  table().byGvk.get(gvkKey(group, version, kind))

/** Names of all definitions, in order. */
export const definitionNames = (): readonly string[] => table().names

/** `metadata` of every object. */
export const objectMetaSchema = (): ObjectSchema => {
  const schema = schemaByRef('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta')
  if (schema?.type !== 'object') throw new Error('the schema table has no ObjectMeta: run api/schema/generate.ts')
  return schema
}
