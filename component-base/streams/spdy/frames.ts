/**
 * SPDY/3.1 frames to and from bytes. Pure: no sockets, no compression.
 *
 *   data     |0| stream id (31) | flags (8) | length (24) | bytes
 *   control  |1| version (15) | type (16) | flags (8) | length (24) | body
 */
import { SpdyProtocolError } from './header-codec.ts'

export type SpdyFrame =
  /** A piece of a data frame: large ones are passed on as they arrive, `fin` with the last piece. */
  | { readonly type: 'data'; readonly streamId: number; readonly fin: boolean; readonly data: Buffer }
  | HeaderFrame
  | { readonly type: 'rstStream'; readonly streamId: number; readonly status: number }
  | { readonly type: 'ping'; readonly id: number }
  | { readonly type: 'goAway' }
  /** SETTINGS, WINDOW_UPDATE and whatever else needs no answer. */
  | { readonly type: 'ignored' }

export interface HeaderFrame {
  readonly type: 'synStream' | 'synReply' | 'headers'
  readonly streamId: number
  readonly fin: boolean
  readonly block: Buffer
}

const version = 0x8003
const flagFin = 1
const controlTypes = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const
/** Longest control frame that is taken; only header blocks are longer than a few bytes. */
const maxControlBytes = 64 * 1024
export const maxDataBytes = 0xffffff

export const rstStatus = { protocolError: 1, refusedStream: 3, cancel: 5 } as const

/** Cuts a byte stream into frames; the rest of an incomplete frame waits for the next chunk. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0)
  #data: { readonly streamId: number; readonly fin: boolean; left: number } | undefined;

  /** Throws SpdyProtocolError on what is no SPDY/3. */
  *read(chunk: Buffer): Generator<SpdyFrame> {
    let buffer = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    for (;;) {
      if (this.#data !== undefined) {
        const { streamId, fin } = this.#data
        const data = buffer.subarray(0, this.#data.left)
        buffer = buffer.subarray(data.length)
        this.#data.left -= data.length
        const complete = this.#data.left === 0
        if (complete) this.#data = undefined
        if (data.length > 0 || complete) yield { type: 'data', streamId, fin: fin && complete, data }
        if (!complete) break
      }
      if (buffer.length < 8) break
      const length = buffer.readUIntBE(5, 3)
      const flags = buffer.readUInt8(4)
      if ((buffer.readUInt8(0) & 0x80) === 0) {
        this.#data = { streamId: buffer.readUInt32BE(0), fin: (flags & flagFin) !== 0, left: length }
        buffer = buffer.subarray(8)
        continue
      }
      if (buffer.readUInt16BE(0) !== version) throw new SpdyProtocolError('not a SPDY/3 frame')
      if (length > maxControlBytes) throw new SpdyProtocolError('control frame is too long')
      if (buffer.length < 8 + length) break
      const type = buffer.readUInt16BE(2)
      const body = buffer.subarray(8, 8 + length)
      buffer = buffer.subarray(8 + length)
      yield parseControl(type, (flags & flagFin) !== 0, body)
    }
    // A copy, so that a few bytes do not keep the whole chunk alive.
    this.#rest = Buffer.from(buffer)
  }
}

const parseControl = (type: number, fin: boolean, body: Buffer): SpdyFrame => {
  const need = (bytes: number): void => {
    if (body.length < bytes) throw new SpdyProtocolError('control frame is cut off')
  }
  const id = (): number => body.readUInt32BE(0) & 0x7fffffff
  switch (type) {
    case controlTypes.synStream:
      need(10)
      return { type: 'synStream', streamId: id(), fin, block: body.subarray(10) }
    case controlTypes.synReply:
      need(4)
      return { type: 'synReply', streamId: id(), fin, block: body.subarray(4) }
    case controlTypes.headers:
      need(4)
      return { type: 'headers', streamId: id(), fin, block: body.subarray(4) }
    case controlTypes.rstStream:
      need(8)
      return { type: 'rstStream', streamId: id(), status: body.readUInt32BE(4) }
    case controlTypes.ping:
      need(4)
      return { type: 'ping', id: body.readUInt32BE(0) }
    case controlTypes.goAway:
      return { type: 'goAway' }
    default:
      return { type: 'ignored' }
  }
}

const control = (type: number, flags: number, body: Buffer): Buffer => {
  const head = Buffer.alloc(8)
  head.writeUInt16BE(version, 0)
  head.writeUInt16BE(type, 2)
  head.writeUInt8(flags, 4)
  head.writeUIntBE(body.length, 5, 3)
  return Buffer.concat([head, body])
}

const words = (...values: readonly number[]): Buffer => {
  const body = Buffer.alloc(4 * values.length)
  for (const [index, value] of values.entries()) body.writeUInt32BE(value, 4 * index)
  return body
}

export const synStreamFrame = (streamId: number, block: Buffer): Buffer =>
  // Associated stream 0, priority 0, slot 0.
  control(controlTypes.synStream, 0, Buffer.concat([words(streamId, 0), Buffer.alloc(2), block]))
export const synReplyFrame = (streamId: number, block: Buffer): Buffer =>
  control(controlTypes.synReply, 0, Buffer.concat([words(streamId), block]))
export const rstStreamFrame = (streamId: number, status: number): Buffer =>
  control(controlTypes.rstStream, 0, words(streamId, status))
export const pingFrame = (id: number): Buffer => control(controlTypes.ping, 0, words(id))
export const goAwayFrame = (lastStreamId: number): Buffer => control(controlTypes.goAway, 0, words(lastStreamId, 0))
/** Stream 0 is the whole connection. */
export const windowUpdateFrame = (streamId: number, bytes: number): Buffer =>
  control(controlTypes.windowUpdate, 0, words(streamId, bytes))
/** The eight bytes before `length` bytes of data. */
export const dataFrameHead = (streamId: number, length: number, fin: boolean): Buffer => {
  const head = Buffer.alloc(8)
  head.writeUInt32BE(streamId, 0)
  head.writeUInt8(fin ? flagFin : 0, 4)
  head.writeUIntBE(length, 5, 3)
  return head
}
