/**
 * A protobuf codec made of tables: a message is declared as `{ field: [number, type, label] }`, its TypeScript types
 * are inferred, and encoder and decoder are compiled once into an array of small functions.
 *
 * proto3 rules: a scalar without label is absent when it has its default value; unknown fields are skipped, known
 * ones of a wrong wire type are an error, as in Go; a oneof is several `optional` fields. 64-bit integers are plain
 * numbers ('int64', exact up to 2^53) unless the declaration asks for 'int64big'.
 */
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire'
import { compileDecoder, compileEncoder } from './compile.ts'
import type { Decoded, FieldTable, Init, MessageType } from './types.ts'

export type { Decoded, FieldTable, Init, MessageType } from './types.ts'
export { enumeration, lazy, mapOf } from './types.ts'

/** The decoded form of a message type. */
export type OutputOf<M> = M extends MessageType<infer Out, never> ? Out : never
/** What `encode` takes for a message type: every field optional, bytes as any Uint8Array. */
export type InputOf<M> = M extends { encode(value: infer In): Uint8Array } ? In : never

/** A writer that grew beyond this is not kept for the next message. */
const keepWriterBelowBytes = 1 << 20
let sharedWriter = new BinaryWriter()

/** Runs `write` on a writer kept between calls, and returns the bytes written. Not reentrant. */
export const encodeWith = (write: (writer: BinaryWriter) => void): Buffer => {
  const writer = sharedWriter
  try {
    write(writer)
    const bytes = writer.finish()
    if (bytes.length > keepWriterBelowBytes) sharedWriter = new BinaryWriter()
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  } catch (err) {
    sharedWriter = new BinaryWriter()
    throw err
  }
}

/**
 * Declares a message. `name` is the full protobuf name, used in error messages; `oneof` are the fields of which at
 * most one is set.
 */
export const message = <const F extends FieldTable>(
  name: string,
  fields: F,
  oneof: readonly (keyof F & string)[] = [],
): MessageType<Decoded<F>, Init<F>> => {
  const write = compileEncoder(fields)
  const read = compileDecoder(fields, oneof)
  const type: MessageType<Decoded<F>, Init<F>> = {
    name,
    fields,
    write,
    read: (reader, end, bytes) => read(reader, end, bytes) as Decoded<F>,
    encode: (value) => encodeWith((writer) => write(writer, value)),
    decode: (input) => {
      const bytes = Buffer.isBuffer(input) ? input : Buffer.from(input.buffer, input.byteOffset, input.byteLength)
      try {
        return read(new BinaryReader(bytes), bytes.length, bytes) as Decoded<F>
      } catch (cause) {
        throw new RangeError(`${name}: malformed protobuf message`, { cause })
      }
    },
  }
  return type
}
