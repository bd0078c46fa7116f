/**
 * Encoding of the generated tables: short, so that they load in a few milliseconds.
 *
 * Type codes: s string, i int32, l int64, d double, b boolean, B bytes (base64), q quantity, t time, u microTime,
 * x int-or-string, `*` anything; a number refers to the definition of that index (definitions are in order).
 */
export type TypeCode =
  | 's'
  | 'i'
  | 'l'
  | 'd'
  | 'b'
  | 'B'
  | 'q'
  | 't'
  | 'u'
  | 'x'
  | '*'
  | number
  /** A reference with a map type of its own. */
  | readonly ['r', number, string]
  | readonly ['a', TypeCode]
  | readonly ['a', TypeCode, ListTags]
  | readonly ['m', TypeCode]
  | readonly ['m', TypeCode, string]

export interface ListTags {
  /** x-kubernetes-list-type */
  readonly t?: string
  /** x-kubernetes-list-map-keys */
  readonly k?: readonly string[]
  /** x-kubernetes-patch-merge-key */
  readonly m?: string
  /** x-kubernetes-patch-strategy */
  readonly p?: string
}

/**
 * Whether Go writes a field: `p` held by pointer, written when set; `o` omitted when it is zero or empty; `a` always
 * written; `n` always written, null when not set.
 */
export type PresenceCode = 'p' | 'o' | 'a' | 'n'

export interface DefinitionExtras {
  /** A PresenceCode for each field, in their order. */
  readonly w?: string
  /** required */
  readonly r?: readonly string[]
  /** x-kubernetes-map-type */
  readonly m?: string
  /** x-kubernetes-patch-strategy of fields that are no lists */
  readonly p?: Readonly<Record<string, string>>
  /** x-kubernetes-group-version-kind */
  readonly g?: readonly (readonly [group: string, version: string, kind: string])[]
  /** x-kubernetes-unions, as it is */
  readonly u?: readonly unknown[]
}

/** Fields are in the order of Go's struct. A code where the definition is a value of its own (Quantity, Time, RawExtension …), else its fields. */
export type DefinitionRow =
  | TypeCode
  | readonly [fields: Readonly<Record<string, TypeCode>>]
  | readonly [fields: Readonly<Record<string, TypeCode>>, extras: DefinitionExtras]

export interface SchemaTable {
  readonly definitions: Readonly<Record<string, DefinitionRow>>
}

/** One resource of one group and version; facts of its paths and operations. */
export interface ResourceRow {
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly kind: string
  readonly namespaced: boolean
  /** create, delete, deletecollection, get, list, patch, update, watch */
  readonly verbs: readonly string[]
  /** DELETE answers with the object rather than with a Status. */
  readonly deleteReturnsObject?: true
  readonly subresources: readonly SubresourceRow[]
}

export interface SubresourceRow {
  readonly name: string
  readonly group: string
  readonly version: string
  readonly kind: string
  /** API verbs, or HTTP methods in lower case where `connect` is set. */
  readonly verbs: readonly string[]
  readonly connect?: true
  /** Name and type of query parameters that only this subresource has. */
  readonly query?: Readonly<Record<string, string>>
  /** True for the second form with a trailing {path}. */
  readonly withPath?: true
}

/** Message name to field name to number and type; `[]` marks repeated fields, `?` those written only when set. */
export type ProtobufTable = Readonly<Record<string, Readonly<Record<string, readonly [number, string]>>>>
