/**
 * Several byte streams in one WebSocket: the first byte of each message is the channel (wsstream of upstream).
 * Binary: byte 0, 1, 2 …; base64 (for browsers): text messages, the digit '0', '1', '2' … and base64.
 * In version 5 a message 255, N says that channel N ends.
 */
import { Readable, Writable } from 'node:stream'
import type { RawData, WebSocket } from 'ws'

export type ChannelEncoding = 'binary' | 'base64'

const closeSignal = 255
const codeOfZero = 0x30

const bytesOf = (data: RawData): Buffer =>
  Array.isArray(data) ? Buffer.concat(data) : Buffer.isBuffer(data) ? data : Buffer.from(data)

/** Channel and payload of a message; undefined for an empty one. */
export const decodeMessage = (
  data: Buffer,
  encoding: ChannelEncoding,
): { readonly channel: number; readonly payload: Buffer } | undefined => {
  const first = data[0]
  if (first === undefined) return undefined
  if (encoding === 'binary') return { channel: first, payload: data.subarray(1) }
  return { channel: first - codeOfZero, payload: Buffer.from(data.toString('latin1', 1), 'base64') }
}

/** The message for a payload, ready to send: a Buffer goes as binary, a string as text. */
export const encodeMessage = (channel: number, payload: Uint8Array, encoding: ChannelEncoding): Buffer | string => {
  if (encoding === 'base64') return String.fromCharCode(codeOfZero + channel) + Buffer.from(payload).toString('base64')
  const message = Buffer.allocUnsafe(payload.length + 1)
  message[0] = channel
  message.set(payload, 1)
  return message
}

export class ChannelSocket {
  readonly #socket: WebSocket
  readonly #encoding: ChannelEncoding
  readonly #readables = new Map<number, Readable>()
  readonly #full = new Set<number>()
  readonly #gone = new AbortController()

  constructor(socket: WebSocket, encoding: ChannelEncoding) {
    this.#socket = socket
    this.#encoding = encoding
    socket.on('message', (data) => this.#message(bytesOf(data)))
    socket.on('close', () => {
      this.#gone.abort(new Error('the client closed the connection'))
      for (const readable of this.#readables.values()) readable.push(null)
      this.#readables.clear()
    })
  }

  /** Aborts when the connection is over. */
  get signal(): AbortSignal {
    return this.#gone.signal
  }

  /** What the client sends on a channel. What comes on channels that nobody asked for is dropped. */
  readable(channel: number): Readable {
    const readable = new Readable({
      read: () => this.#drained(channel),
      destroy: (error, done) => {
        this.#readables.delete(channel)
        this.#drained(channel)
        done(error)
      },
    })
    if (this.#gone.signal.aborted) readable.push(null)
    else this.#readables.set(channel, readable)
    return readable
  }

  /** Sends on a channel; its end() sends nothing, as the protocol has no word for it. */
  writable(channel: number): Writable {
    const writable = new Writable({
      write: (chunk: Uint8Array, _encoding, done) => {
        this.send(channel, chunk).then(() => done(), done)
      },
    })
    writable.on('error', () => {})
    return writable
  }

  /** Resolves when the bytes are with the operating system. */
  async send(channel: number, payload: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.send(encodeMessage(channel, payload, this.#encoding), (error) => (error ? reject(error) : resolve()))
    })
  }

  /** Begins to deliver messages: to be called when all channels are made. */
  start(): void {
    this.#socket.resume()
  }

  close(): void {
    this.#socket.close(1000)
  }

  #message(data: Buffer): void {
    const message = decodeMessage(data, this.#encoding)
    if (message === undefined) return
    if (this.#encoding === 'binary' && message.channel === closeSignal) {
      const ended = message.payload[0] ?? -1
      this.#readables.get(ended)?.push(null)
      this.#readables.delete(ended)
      return
    }
    const readable = this.#readables.get(message.channel)
    if (readable === undefined || message.payload.length === 0 || readable.push(message.payload)) return
    this.#full.add(message.channel)
    this.#socket.pause()
  }

  #drained(channel: number): void {
    if (this.#full.delete(channel) && this.#full.size === 0) this.#socket.resume()
  }
}
