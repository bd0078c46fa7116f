/** A message's table prepared for JSON: names, kinds and enums of each field, compiled once a message. */
import { checkFacts, type EnumFacts, jsonNameOf, oneofOf, type ProtoFacts, protoNameOf } from '../facts.ts'
import type { MessageDeclaration, FieldSpec, ScalarName } from '../types.ts'

export type JsonKind =
  | { readonly type: 'scalar'; readonly scalar: ScalarName }
  | { readonly type: 'enum'; readonly facts: EnumFacts; readonly names: ReadonlyMap<number, string> }
  | { readonly type: 'message'; readonly message: MessageDeclaration }

export interface JsonField {
  readonly number: number
  readonly protoName: string
  readonly jsonName: string
  readonly kind: JsonKind
  readonly repeated: boolean
  /** Members of one oneof have the same; such a field is there even with its default value. */
  readonly oneof: string | undefined
}

export interface JsonSchema {
  readonly name: string
  /** As declared: the order of members in JSON. */
  readonly fields: readonly JsonField[]
  readonly byNumber: ReadonlyMap<number, JsonField>
}

const enumKind = (facts: EnumFacts): JsonKind => ({
  type: 'enum',
  facts,
  names: new Map(Object.entries(facts.values).map(([name, number]) => [number, name])),
})

const kindOf = (type: FieldSpec[1], facts: EnumFacts | undefined, where: string): JsonKind => {
  if (facts !== undefined) return enumKind(facts)
  if (typeof type === 'string') return { type: 'scalar', scalar: type }
  if ('fields' in type) return { type: 'message', message: type }
  throw new TypeError(`${where}: JSON of ${type.type} fields is not supported`)
}

/** Gives the schemas of messages, each made when first asked for. */
export const createJsonSchemas = (facts: ProtoFacts): ((message: MessageDeclaration) => JsonSchema) => {
  const schemas = new Map<string, JsonSchema>()
  const compile = ({ name, fields: table }: MessageDeclaration): JsonSchema => {
    const own = facts[name]
    if (own !== undefined) checkFacts(name, table, own)
    const fields = Object.entries(table).map(([field, [number, type, label]]): JsonField => {
      const protoName = protoNameOf(own, field)
      return {
        number,
        protoName,
        jsonName: jsonNameOf(protoName),
        kind: kindOf(type, own?.enums?.[field], `${name}.${field}`),
        repeated: label === 'repeated',
        oneof: oneofOf(own, field),
      }
    })
    return { name, fields, byNumber: new Map(fields.map((field) => [field.number, field])) }
  }
  return (message) => {
    const known = schemas.get(message.name)
    if (known !== undefined) return known
    const schema = compile(message)
    schemas.set(message.name, schema)
    return schema
  }
}
