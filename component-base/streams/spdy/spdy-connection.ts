/**
 * A SPDY/3.1 connection over any Duplex, as kubectl and kubelets (moby/spdystream) speak it.
 *
 * Flow: the peer opens streams (SYN_STREAM), each is accepted at once (SYN_REPLY) and handed to `onStream`.
 * Flow control: spdystream knows no windows, so ours never close: what we send waits for the socket only, and peers
 * that do count get very large windows. A stream whose reader is slow stops the whole connection once it holds
 * `maxBufferedBytes`; that is the only back-pressure that every client understands.
 * End: the connection ends when the peer closes its socket; half-closed sockets do not exist in this protocol.
 */
import type { Duplex } from 'node:stream'
import { realClock } from '../../clock.ts'
import {
  dataFrameHead,
  FrameReader,
  goAwayFrame,
  type HeaderFrame,
  maxDataBytes,
  pingFrame,
  rstStreamFrame,
  rstStatus,
  type SpdyFrame,
  synReplyFrame,
  synStreamFrame,
  windowUpdateFrame,
} from './frames.ts'
import { HeaderCodec, type SpdyHeaders } from './header-codec.ts'
import { SpdyStream, type SpdyStreamOwner } from './spdy-stream.ts'

const maxBufferedBytes = 1024 * 1024
const maxStreams = 1000
/** The initial window of 64 KiB grows to nearly 2 GiB, and is refilled at half of that. */
const windowBytes = 0x7fff0000 - 0x10000
const windowRefill = 0x3fff0000
/** How long a peer may take to close its side after us. */
const lingerMs = 10_000

export interface SpdyConnectionOptions {
  /** Called for each stream that the peer opens. */
  readonly onStream: (stream: SpdyStream) => void
  /** Streams that we open have odd numbers if we are the client. */
  readonly role?: 'server' | 'client'
}

export class SpdyConnection {
  readonly #socket: Duplex
  readonly #onStream: (stream: SpdyStream) => void
  readonly #codec = new HeaderCodec()
  readonly #streams = new Map<number, SpdyStream>()
  readonly #received = new Map<number, number>()
  readonly #full = new Set<SpdyStream>()
  readonly #gone = new AbortController()
  #writers: ((error?: Error | null) => void)[] = []
  #resume: (() => void) | undefined
  #encoding: Promise<unknown> = Promise.resolve()
  #nextStreamId: number
  #lastPeerStreamId = 0

  constructor(socket: Duplex, options: SpdyConnectionOptions) {
    this.#socket = socket
    this.#onStream = options.onStream
    this.#nextStreamId = options.role === 'client' ? 1 : 2
    socket.on('drain', () => this.#releaseWriters(null))
    socket.on('error', (error) => this.#disconnected(error))
    socket.on('close', () => this.#disconnected())
    this.#socket.write(windowUpdateFrame(0, windowBytes))
    void this.#read()
  }

  /** Aborts when the connection is over, whoever ended it. */
  get signal(): AbortSignal {
    return this.#gone.signal
  }

  /** Opens a stream towards the peer. It is usable at once; the peer's refusal comes as a reset. */
  async openStream(headers: SpdyHeaders): Promise<SpdyStream> {
    return this.#encode(headers, (block) => {
      const id = this.#nextStreamId
      this.#nextStreamId += 2
      const stream = new SpdyStream(this.#owner, id, headers)
      this.#streams.set(id, stream)
      this.#socket.write(synStreamFrame(id, block))
      this.#socket.write(windowUpdateFrame(id, windowBytes))
      return stream
    })
  }

  /** Says goodbye, sends what is still buffered and closes the socket. */
  close(): void {
    if (this.#socket.writableEnded || this.#socket.destroyed) return
    this.#socket.write(goAwayFrame(this.#lastPeerStreamId))
    this.#socket.end()
    const timer = realClock.setTimeout(() => this.#socket.destroy(), lingerMs)
    this.#socket.once('close', () => realClock.clearTimeout(timer))
  }

  readonly #owner: SpdyStreamOwner = {
    writeData: (streamId, chunk, fin, done) => this.#writeData(streamId, chunk, fin, done),
    reset: (streamId, status) => {
      if (this.#socket.writable) this.#socket.write(rstStreamFrame(streamId, status))
    },
    drained: (stream) => this.#notFull(stream),
    forget: (stream) => {
      this.#streams.delete(stream.id)
      this.#received.delete(stream.id)
      this.#notFull(stream)
    },
  }

  async #read(): Promise<void> {
    const reader = new FrameReader()
    try {
      for await (const chunk of this.#socket.iterator({ destroyOnReturn: false })) {
        for (const frame of reader.read(chunk as Buffer)) {
          if ('block' in frame) await this.#headerFrame(frame)
          else this.#frame(frame)
        }
        if (this.#full.size > 0 && !this.#gone.signal.aborted)
          await new Promise<void>((resolve) => (this.#resume = resolve))
      }
      this.#disconnected()
      this.#endStreams((stream) => stream.receiveEnd())
      this.#socket.end()
    } catch (error) {
      this.#socket.destroy()
      this.#disconnected(error instanceof Error ? error : undefined)
      this.#endStreams((stream) => stream.receiveReset())
    }
  }

  async #headerFrame(frame: HeaderFrame): Promise<void> {
    // Decoded in any case: the compression context runs through all blocks of the connection.
    const headers = await this.#codec.decode(frame.block)
    if (frame.type === 'synStream') {
      if (this.#streams.size >= maxStreams || this.#streams.has(frame.streamId)) {
        this.#socket.write(rstStreamFrame(frame.streamId, rstStatus.refusedStream))
        return
      }
      this.#lastPeerStreamId = frame.streamId
      const stream = new SpdyStream(this.#owner, frame.streamId, headers)
      this.#streams.set(frame.streamId, stream)
      await this.#encode({}, (block) => this.#socket.write(synReplyFrame(frame.streamId, block)))
      this.#socket.write(windowUpdateFrame(frame.streamId, windowBytes))
      this.#onStream(stream)
    }
    if (frame.fin) this.#streams.get(frame.streamId)?.receiveEnd()
  }

  #frame(frame: Exclude<SpdyFrame, HeaderFrame>): void {
    switch (frame.type) {
      case 'data': {
        this.#refillWindow(0, frame.data.length)
        const stream = this.#streams.get(frame.streamId)
        if (stream === undefined) break
        this.#refillWindow(frame.streamId, frame.data.length)
        stream.receive(frame.data)
        if (frame.fin) stream.receiveEnd()
        else if (stream.readableLength > maxBufferedBytes) this.#full.add(stream)
        break
      }
      case 'rstStream':
        this.#streams.get(frame.streamId)?.receiveReset()
        break
      case 'ping':
        // The answer to a ping is the ping itself. We send none, so every one is the peer's.
        this.#socket.write(pingFrame(frame.id))
        break
      case 'goAway':
      case 'ignored':
        break
    }
  }

  /** Header blocks leave in the order in which they were compressed. */
  async #encode<T>(headers: SpdyHeaders, send: (block: Buffer) => T): Promise<T> {
    const sent = this.#encoding.then(async () => send(await this.#codec.encode(headers)))
    this.#encoding = sent.catch(() => {})
    return sent
  }

  #refillWindow(streamId: number, bytes: number): void {
    const received = (this.#received.get(streamId) ?? 0) + bytes
    if (received < windowRefill) this.#received.set(streamId, received)
    else {
      this.#received.set(streamId, 0)
      this.#socket.write(windowUpdateFrame(streamId, received))
    }
  }

  #writeData(streamId: number, chunk: Uint8Array, fin: boolean, done: (error?: Error | null) => void): void {
    if (!this.#socket.writable) {
      done(new Error('the connection is closed'))
      return
    }
    this.#socket.cork()
    let flowing = true
    let at = 0
    do {
      const piece = chunk.subarray(at, at + maxDataBytes)
      at += piece.length
      flowing = this.#socket.write(dataFrameHead(streamId, piece.length, fin))
      if (piece.length > 0) flowing = this.#socket.write(piece)
    } while (at < chunk.length)
    this.#socket.uncork()
    if (flowing) done()
    else this.#writers.push(done)
  }

  #releaseWriters(error: Error | null): void {
    const writers = this.#writers
    this.#writers = []
    for (const done of writers) done(error)
  }

  #notFull(stream: SpdyStream): void {
    if (!this.#full.delete(stream) || this.#full.size > 0) return
    this.#resume?.()
    this.#resume = undefined
  }

  /** Nothing can be written any more. What the peer sent before may still be on its way through #read. */
  #disconnected(error?: Error): void {
    if (this.#gone.signal.aborted) return
    this.#gone.abort(error ?? new Error('the client closed the connection'))
    this.#releaseWriters(new Error('the connection is closed'))
    this.#resume?.()
  }

  #endStreams(end: (stream: SpdyStream) => void): void {
    for (const stream of this.#streams.values()) end(stream)
    this.#streams.clear()
    this.#full.clear()
    this.#codec.destroy()
  }
}
