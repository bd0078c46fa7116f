/** Length-prefixed gRPC messages: one byte of flags (1: compressed), four bytes of length, the message. */
import { encodeWith, type MessageType } from '../protobuf/message.ts'
import { GrpcError, grpcCode } from './status.ts'

const headBytes = 5
const emptyHead = new Uint8Array(headBytes)

/** Encodes a message with its frame head into one buffer. */
export const encodeFrame = <Out, In>(type: MessageType<Out, In>, value: In): Buffer => {
  const frame = encodeWith((writer) => {
    writer.raw(emptyHead)
    type.write(writer, value)
  })
  frame.writeUInt32BE(frame.length - headBytes, 1)
  return frame
}

/** The frame head of a message that lies encoded in parts. */
export const frameHead = (parts: readonly Uint8Array[]): Buffer => {
  let length = 0
  for (const part of parts) length += part.length
  const head = Buffer.allocUnsafe(headBytes)
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

/**
 * Cuts a byte stream into messages. A message that lies within one chunk is not copied; one that spans chunks is
 * joined once. Throws GrpcError for compressed messages and for those above `maxBytes`.
 */
export class Deframer {
  readonly #maxBytes: number
  #chunks: Buffer[] = []
  #buffered = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
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
      if (this.#buffered < headBytes || this.#buffered < this.#wanted()) return
      rest = Buffer.concat(this.#chunks, this.#buffered)
      this.#chunks = []
      this.#buffered = 0
    }
    while (rest.length >= headBytes) {
      const end = headBytes + this.#messageLength(rest)
      if (rest.length < end) break
      onMessage(rest.subarray(headBytes, end))
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
    if (first !== undefined && first.length < headBytes) {
      this.#chunks = [Buffer.concat(this.#chunks, this.#buffered)]
    }
    return headBytes + this.#messageLength(this.#chunks[0] ?? Buffer.alloc(headBytes))
  }

  #messageLength(head: Buffer): number {
    if (head[0] !== 0) throw new GrpcError(grpcCode.unimplemented, 'grpc: compressed messages are not supported')
    const length = head.readUInt32BE(1)
    if (length > this.#maxBytes) {
      throw new GrpcError(
        grpcCode.resourceExhausted,
        `grpc: received message larger than max (${length} vs. ${this.#maxBytes})`,
      )
    }
    return length
  }
}
