/** Kubernetes' protobuf messages as the generated table has them, joined with the names that their fields have in JSON. */
import { readFileSync } from 'node:fs'
import { definitionNameFor, type ObjectSchema, type Schema, schemaByRef } from '../../api/schema/schema.ts'
import type { ProtobufTable } from '../../api/schema/table-format.ts'

export type ProtobufScalar = 'string' | 'bytes' | 'bool' | 'double' | 'int32' | 'int64'

export interface Field {
  readonly number: number
  /** Of the member in JSON. */
  readonly name: string
  /** A scalar, or the name of a message. */
  readonly type: string
  readonly shape: 'single' | 'repeated' | 'map'
  /** Written only when set; other single fields are written even where they are zero. */
  readonly pointer: boolean
  /** Go's embedded struct: a message of its own in protobuf, part of the object in JSON. */
  readonly inline: boolean
  /** JSON shows its zero. */
  readonly keepsZero: boolean
  /** The message of `type`, or undefined for scalars. */
  readonly message: Message | undefined
}

export interface Message {
  readonly name: string
  /** In order of their numbers. */
  readonly fields: readonly Field[]
  readonly byNumber: ReadonlyMap<number, Field>
}

let table: ProtobufTable | undefined
/** Read at first use: nobody who speaks JSON pays for it. */
const rows = (): ProtobufTable => {
  table ??= JSON.parse(
    readFileSync(new URL('../../api/schema/generated/protobuf.json', import.meta.url), 'utf8'),
  ) as ProtobufTable
  return table
}

const objectSchema = (schema: Schema | undefined): ObjectSchema | undefined =>
  schema?.type === 'object' ? schema : undefined

/** `k8s.io.kube_aggregator.…` is `io.k8s.kube-aggregator.…` in OpenAPI. */
const schemaOfMessage = (name: string): ObjectSchema | undefined =>
  objectSchema(schemaByRef(name.replace(/^k8s\.io\./, 'io.k8s.').replaceAll('_', '-')))

/** `xKubernetesIntOrString` is `x-kubernetes-int-or-string` in JSON, `ref` is `$ref`, `aPIGroup` is `apiGroup`. */
const jsonName = (field: string, schema: ObjectSchema | undefined): string => {
  if (schema === undefined || schema.fields.has(field)) return field
  const dashed = field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  if (schema.fields.has(dashed)) return dashed
  if (schema.fields.has(`$${field}`)) return `$${field}`
  const lower = field.toLowerCase()
  for (const name of schema.fields.keys()) if (name.toLowerCase() === lower) return name
  return field
}

const isScalar = (type: string): boolean => !type.includes('.')

const fieldOf = (protoName: string, number: number, text: string, schema: ObjectSchema | undefined): Field => {
  const repeated = text.endsWith('[]')
  const pointer = text.endsWith('?')
  const whole = repeated ? text.slice(0, -2) : pointer ? text.slice(0, -1) : text
  const [, mapValue] = /^map<string, (.+)>$/.exec(whole) ?? []
  const type = mapValue ?? whole
  const name = jsonName(protoName, schema)
  const single = !repeated && mapValue === undefined
  const inline = single && schema !== undefined && !schema.fields.has(name) && !isScalar(type)
  let message: Message | undefined
  return {
    number,
    name,
    type,
    shape: repeated ? 'repeated' : single ? 'single' : 'map',
    pointer,
    inline,
    keepsZero: pointer || (type !== 'string' && schema?.required.includes(name) === true),
    get message() {
      if (isScalar(type)) return undefined
      return (message ??= messageOf(type, inline ? schema : undefined))
    },
  }
}

const messages = new Map<string, Message>()

/**
 * The message of that name. `owner` is the schema of the object that it is a part of, where it is embedded and has no
 * definition of its own. Throws where the table has no such message.
 */
const messageOf = (name: string, owner?: ObjectSchema): Message => {
  const schema = schemaOfMessage(name) ?? owner
  const key = `${name} ${schema?.name ?? ''}`
  const known = messages.get(key)
  if (known !== undefined) return known
  const row = Object.hasOwn(rows(), name) ? rows()[name] : undefined
  if (row === undefined) throw new Error(`protobuf message ${name} is not known`)
  const fields = Object.entries(row)
    .map(([field, [number, type]]) => fieldOf(field, number, type, schema))
    .toSorted((a, b) => a.number - b.number)
  const message = { name, fields, byNumber: new Map(fields.map((field) => [field.number, field])) }
  messages.set(key, message)
  return message
}

/** The message of an OpenAPI definition, `io.k8s.api.core.v1.Pod`. */
export const messageOfDefinition = (definition: string): Message =>
  messageOf(definition.replace(/^io\.k8s\./, 'k8s.io.').replaceAll('-', '_'))

const machinery = 'k8s.io.apimachinery.pkg.'
const metaKinds = new Set(['APIVersions', 'APIGroup', 'APIGroupList', 'APIResourceList', 'Status'])

/** The message of an object by what it says of itself. Throws where the kind has none. */
export const messageOfKind = (apiVersion: string, kind: string): Message => {
  // The documents of discovery have meta's types, some without saying so.
  if (metaKinds.has(kind)) return messageOf(`${machinery}apis.meta.v1.${kind}`)
  const slash = apiVersion.indexOf('/')
  const group = apiVersion.slice(0, Math.max(slash, 0))
  const version = apiVersion.slice(slash + 1)
  if (group === 'meta.k8s.io') {
    const inBeta = kind === 'PartialObjectMetadataList' && version === 'v1beta1'
    return messageOf(`${machinery}apis.meta.${inBeta ? 'v1beta1' : 'v1'}.${kind}`)
  }
  if (group === 'apidiscovery.k8s.io') return messageOf(`k8s.io.api.apidiscovery.${version}.${kind}`)
  const definition = definitionNameFor(group, version, kind)
  if (definition === undefined) throw new Error(`no protobuf message for ${apiVersion} ${kind}`)
  return messageOfDefinition(definition)
}

/** True of built-in kinds. */
export const hasMessage = (group: string, version: string, kind: string): boolean =>
  definitionNameFor(group, version, kind) !== undefined

/** `items` of a list. */
export const itemsField = (list: Message): Field => {
  const field = list.fields.find(({ name }) => name === 'items')
  if (field === undefined) throw new Error(`${list.name} is no list`)
  return field
}
