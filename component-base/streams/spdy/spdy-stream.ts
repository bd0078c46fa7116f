/** One stream of a SPDY connection: a Duplex whose end() is FIN and whose destroy() is RST_STREAM. */
import { Duplex } from 'node:stream'
import { rstStatus } from './frames.ts'
import type { SpdyHeaders } from './header-codec.ts'

/** What a stream asks of its connection. */
export interface SpdyStreamOwner {
  /** `done` is called when more may be written. */
  writeData(streamId: number, chunk: Uint8Array, fin: boolean, done: (error?: Error | null) => void): void
  reset(streamId: number, status: number): void
  /** The stream's buffer has room again. */
  drained(stream: SpdyStream): void
  forget(stream: SpdyStream): void
}

export class SpdyStream extends Duplex {
  readonly id: number
  /** Headers of the SYN_STREAM. */
  readonly headers: SpdyHeaders
  readonly #owner: SpdyStreamOwner
  #closedByUs = false
  #closedByPeer = false

  constructor(owner: SpdyStreamOwner, id: number, headers: SpdyHeaders) {
    super({ allowHalfOpen: true })
    this.#owner = owner
    this.id = id
    this.headers = headers
    // A client that goes away is no programming error: who cares listens, nobody else has to.
    this.on('error', () => {})
  }

  /** Bytes from the peer. Only the connection calls this. */
  receive(chunk: Buffer): void {
    if (!this.#closedByPeer && chunk.length > 0) this.push(chunk)
  }

  /** The peer sends no more. Only the connection calls this. */
  receiveEnd(): void {
    if (this.#closedByPeer) return
    this.#closedByPeer = true
    this.push(null)
  }

  /** RST_STREAM from the peer, or a lost connection. Only the connection calls this. */
  receiveReset(error?: Error): void {
    this.#closedByPeer = true
    this.#closedByUs = true
    this.destroy(error)
  }

  override _read(): void {
    this.#owner.drained(this)
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    this.#owner.writeData(this.id, chunk, false, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#closedByUs = true
    this.#owner.writeData(this.id, Buffer.alloc(0), true, done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.#closedByUs || !this.#closedByPeer) this.#owner.reset(this.id, rstStatus.cancel)
    this.#owner.forget(this)
    done(error)
  }
}
