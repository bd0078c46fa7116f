/** Length-prefixed gRPC messages: one byte of flags (1: compressed), four bytes of length, the message. */
import { gunzipSync } from 'node:zlib'
import { encodeWith, type MessageType } from '../protobuf/message.ts'
import { GrpcError, grpcCode } from './status.ts'

/** What stands before every message. */
export const frameHeadBytes = 5
const emptyHead = new Uint8Array(frameHeadBytes)

/** Encodes a message with its frame head into one buffer. */
export const encodeFrame = <Out, In>(type: MessageType<Out, In>, value: In): Buffer => {
  const frame = encodeWith((writer) => {
    writer.raw(emptyHead)
    type.write(writer, value)
  })
  frame.writeUInt32BE(frame.length - frameHeadBytes, 1)
  return frame
}

/** The frame head of a message that lies encoded in parts. */
export const frameHead = (parts: readonly Uint8Array[]): Buffer => {
  let length = 0
  for (const part of parts) length += part.length
  const head = Buffer.allocUnsafe(frameHeadBytes)
  head[0] = 0
  head.writeUInt32BE(length, 1)
  return head
}

/** Above this a message is not copied to stand behind its frame head: the head is written apart. */
const copyBelowBytes = 64 << 10

/** The pieces to write for one encoded message. */
export const frameAround = (bytes: Uint8Array): readonly Uint8Array[] => {
  const pieces = [frameHead([bytes]), bytes]
  return bytes.length < copyBelowBytes ? [Buffer.concat(pieces)] : pieces
}

/** Decompresses a message; throws GrpcError when it is damaged or becomes larger than `maxBytes`. */
export type Inflate = (message: Buffer, maxBytes: number) => Buffer

/** The compression that a grpc-encoding header of gzip means. */
export const gunzip: Inflate = (message, maxBytes) => {
  try {
    return gunzipSync(message, { maxOutputLength: maxBytes })
  } catch (cause) {
    if (cause instanceof RangeError) {
      const text = `grpc: received message after decompression larger than max (${maxBytes + 1} vs. ${maxBytes})`
      throw new GrpcError(grpcCode.resourceExhausted, text, { cause })
    }
    throw new GrpcError(grpcCode.internal, 'grpc: failed to decompress the received message', { cause })
  }
}

/**
 * Cuts a byte stream into messages. A message that lies within one chunk is not copied; one that spans chunks is
 * joined once. Throws GrpcError for messages above `maxBytes`, and for compressed ones unless it knows how to inflate.
 */
export class Deframer {
  readonly #maxBytes: number
  readonly #inflate: Inflate | undefined
  #chunks: Buffer[] = []
  #buffered = 0

  constructor(maxBytes: number, inflate?: Inflate) {
    this.#maxBytes = maxBytes
    this.#inflate = inflate
  }

  /** Whether a message has begun and is not complete. */
  get partial(): boolean {
    return this.#buffered > 0
  }

  push(chunk: Buffer, onMessage: (message: Buffer) => void): void {
    let rest = chunk
    if (this.#buffered > 0) {
      this.#chunks.push(chunk)
      this.#buffered += chunk.length
      if (this.#buffered < frameHeadBytes || this.#buffered < this.#wanted()) return
      rest = Buffer.concat(this.#chunks, this.#buffered)
      this.#chunks = []
      this.#buffered = 0
    }
    while (rest.length >= frameHeadBytes) {
      const end = frameHeadBytes + this.#messageLength(rest)
      if (rest.length < end) break
      onMessage(rest[0] === 0 ? rest.subarray(frameHeadBytes, end) : this.#inflated(rest.subarray(frameHeadBytes, end)))
      rest = rest.subarray(end)
    }
    if (rest.length > 0) {
      this.#chunks = [rest]
      this.#buffered = rest.length
    }
  }

  /** Bytes of the message being collected, its head included. */
  #wanted(): number {
    const first = this.#chunks[0]
    if (first !== undefined && first.length < frameHeadBytes) {
      this.#chunks = [Buffer.concat(this.#chunks, this.#buffered)]
    }
    return frameHeadBytes + this.#messageLength(this.#chunks[0] ?? Buffer.alloc(frameHeadBytes))
  }

  #messageLength(head: Buffer): number {
    if (head[0] !== 0 && this.#inflate === undefined) {
      throw new GrpcError(grpcCode.internal, 'grpc: compressed flag set with identity or empty encoding')
    }
    const length = head.readUInt32BE(1)
    if (length > this.#maxBytes) {
      throw new GrpcError(
        grpcCode.resourceExhausted,
        `grpc: received message larger than max (${length} vs. ${this.#maxBytes})`,
      )
    }
    return length
  }

  #inflated(message: Buffer): Buffer {
    if (this.#inflate === undefined) throw new TypeError('a compressed message was let in')
    return this.#inflate(message, this.#maxBytes)
  }
}
