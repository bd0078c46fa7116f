import type { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire'

/** Decoded TypeScript type of every scalar. `bytes` share memory with the message they were decoded from. */
export interface ScalarValues {
  string: string
  bytes: Buffer
  bool: boolean
  int32: number
  uint32: number
  sint32: number
  fixed32: number
  float: number
  double: number
  int64: number
  uint64: number
  int64big: bigint
  uint64big: bigint
}

export type ScalarName = keyof ScalarValues

/** What a message is declared as: JSON and descriptors are derived from it. */
export interface MessageDeclaration {
  /** Full name, such as `etcdserverpb.PutRequest`. */
  readonly name: string
  readonly fields: FieldTable
}

export interface MessageType<Out, In> extends MessageDeclaration {
  encode(value: In): Buffer
  decode(bytes: Uint8Array): Out
  write(writer: BinaryWriter, value: In): void
  read(reader: BinaryReader, end: number, bytes: Buffer): Out
}

/** A message type whose Out and In are not known here. */
export type AnyMessage = MessageType<object, never>

export interface EnumType<Name extends string> {
  readonly type: 'enum'
  readonly numbers: Readonly<Record<Name, number>>
  readonly names: ReadonlyMap<number, Name>
}

export interface MapType<K extends ScalarName, V> {
  readonly type: 'map'
  readonly key: K
  readonly value: V
}

export type FieldType =
  | ScalarName
  | AnyMessage
  | EnumType<string>
  | MapType<'string', ScalarName | AnyMessage>
  | MapType<'int32' | 'int64', ScalarName | AnyMessage>

export type FieldSpec = readonly [number, FieldType] | readonly [number, FieldType, 'repeated' | 'optional']
export type FieldTable = Readonly<Record<string, FieldSpec>>

/** An enum decoded as a union of names; numbers that are not in the table are decoded as the name of 0. */
export const enumeration = <const Name extends string>(numbers: Readonly<Record<Name, number>>): EnumType<Name> => ({
  type: 'enum',
  numbers,
  names: new Map((Object.entries(numbers) as [Name, number][]).map(([name, number]) => [number, name])),
})

/** `map<key, value>`: decoded as a Map, encoded from a Map or (string keys) a plain object. */
export const mapOf = <const K extends 'string' | 'int32' | 'int64', const V extends ScalarName | AnyMessage>(
  key: K,
  value: V,
): MapType<K, V> => ({ type: 'map', key, value })

/** A reference to a message that is declared later, for recursive messages; its types must be written out. */
export const lazy = <Out, In>(name: string, get: () => MessageType<Out, In>): MessageType<Out, In> => ({
  name,
  get fields() {
    return get().fields
  },
  encode: (value) => get().encode(value),
  decode: (bytes) => get().decode(bytes),
  write: (writer, value) => get().write(writer, value),
  read: (reader, end, bytes) => get().read(reader, end, bytes),
})

type OutputValue<T> = T extends ScalarName
  ? ScalarValues[T]
  : T extends EnumType<infer Name>
    ? Name
    : T extends MapType<infer K, infer V>
      ? ReadonlyMap<OutputValue<K>, OutputValue<V>>
      : T extends MessageType<infer Out, never>
        ? Out
        : never

/** A message field also takes the bytes of an already encoded message: encode once, send many times. */
type InputValue<T> = T extends 'bytes'
  ? Uint8Array
  : T extends ScalarName
    ? ScalarValues[T]
    : T extends EnumType<infer Name>
      ? Name
      : T extends MapType<infer K, infer V>
        ? ReadonlyMap<OutputValue<K>, InputValue<V>> | Readonly<Record<string, InputValue<V>>>
        : T extends { write(writer: BinaryWriter, value: infer In): void }
          ? In | Uint8Array
          : never

type IsOptional<S> = S extends readonly [number, unknown, 'optional']
  ? true
  : S extends readonly [number, unknown, 'repeated']
    ? false
    : S extends readonly [number, AnyMessage]
      ? true
      : false

type FieldOutput<S> = S extends readonly [number, infer T, 'repeated']
  ? readonly OutputValue<T>[]
  : S extends readonly [number, infer T, 'optional']
    ? OutputValue<T>
    : S extends readonly [number, infer T]
      ? OutputValue<T>
      : never

type FieldInput<S> = S extends readonly [number, infer T, 'repeated']
  ? readonly InputValue<T>[]
  : S extends readonly [number, infer T, 'optional']
    ? InputValue<T>
    : S extends readonly [number, infer T]
      ? InputValue<T>
      : never

/** Decoded form of a field table: scalars, lists and maps are always there, messages and `optional` fields may be undefined. */
export type Decoded<F> = {
  readonly [K in keyof F as IsOptional<F[K]> extends true ? never : K]: FieldOutput<F[K]>
} & { readonly [K in keyof F as IsOptional<F[K]> extends true ? K : never]?: FieldOutput<F[K]> | undefined }

/** What may be encoded: every field optional. */
export type Init<F> = { readonly [K in keyof F]?: FieldInput<F[K]> | undefined }
