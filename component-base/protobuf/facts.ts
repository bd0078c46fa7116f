/**
 * What a .proto file says of a message beyond its wire format: names, enums, oneofs. JSON and descriptors need them;
 * the wire does not, so they stand apart from the tables that calls are decoded with.
 */
import type { FieldTable } from './types.ts'

export interface EnumFacts {
  /** Full name, such as `etcdserverpb.RangeRequest.SortOrder`. */
  readonly name: string
  readonly values: Readonly<Record<string, number>>
}

export interface MessageFacts {
  /** Fields that the .proto file spells as we do; all others are there in snake case. */
  readonly verbatim?: readonly string[]
  /** Enums that the wire table has as int32. */
  readonly enums?: Readonly<Record<string, EnumFacts>>
  /** The fields of each oneof. */
  readonly oneofs?: Readonly<Record<string, readonly string[]>>
}

/** By full message name. Messages that are not there have nothing special. */
export type ProtoFacts = Readonly<Record<string, MessageFacts>>

/** The name of a field in its .proto file. */
export const protoNameOf = (facts: MessageFacts | undefined, field: string): string =>
  facts?.verbatim?.includes(field) === true
    ? field
    : field.replaceAll(/([a-z\d])([A-Z])/g, (_, before: string, after: string) => `${before}_${after.toLowerCase()}`)

/** The name of a field in proto3's JSON. */
export const jsonNameOf = (protoName: string): string =>
  protoName.replaceAll(/_([a-zA-Z\d])/g, (_, after: string) => after.toUpperCase())

/** The oneof that a field belongs to. */
export const oneofOf = (facts: MessageFacts | undefined, field: string): string | undefined =>
  Object.entries(facts?.oneofs ?? {}).find(([, fields]) => fields.includes(field))?.[0]

/** A oneof named of fields that do not exist would go unseen; so would a misspelt enum field. */
export const checkFacts = (name: string, fields: FieldTable, facts: MessageFacts): void => {
  const named = [
    ...(facts.verbatim ?? []),
    ...Object.keys(facts.enums ?? {}),
    ...Object.values(facts.oneofs ?? {}).flat(),
  ]
  const unknown = named.filter((field) => !Object.hasOwn(fields, field))
  if (unknown.length > 0) throw new RangeError(`${name} has no fields ${unknown.join(', ')}`)
}
