/** How the frames of a watch reach the client: chunks of an HTTP answer, or messages of a WebSocket. */
import type { WebSocket } from 'ws'
import { headerList, refuseUpgrade, requestedUpgrade, UpgradeRefused } from '../../component-base/streams/upgrade.ts'
import { acceptWebSocket } from '../../component-base/streams/websocket/accept.ts'
import { frameLengthBytes } from '../codec/protobuf-encode.ts'
import type { HttpContext } from '../server/context.ts'
import { drained } from '../server/drained.ts'
import { takeUpgrade } from '../server/upgrades.ts'
import { atEndOfTurn } from './end-of-turn.ts'

export interface WatchTransport {
  readonly closed: boolean
  /** Bytes that wait for a slow reader. */
  readonly bufferedBytes: number
  /** Called once, when the client has gone or the stream was ended. */
  whenClosed(listener: () => void): void
  /** Sends one event; those of one turn of the event loop leave together where that is possible. */
  send(frame: Buffer): void
  /** Sends many at once. False if the client is to be given time: until `drained`. */
  sendBatch(frames: readonly Buffer[]): boolean
  /** Resolves when the client has read what was sent, or has gone. */
  drained(): Promise<void>
  /** Ends in order, after what was sent. */
  end(): void
  /** Breaks off. */
  destroy(): void
}

/** Opens the transport that the request asks for; undefined when its handshake was refused, and answered. */
export const openWatchTransport = async (
  ctx: HttpContext,
  contentType: string,
): Promise<WatchTransport | undefined> => {
  if (requestedUpgrade(ctx.request) !== 'websocket') return httpTransport(ctx, contentType)
  const upgrade = takeUpgrade(ctx)
  if (upgrade === undefined) return httpTransport(ctx, contentType)
  try {
    // One name is taken as it is; a choice of several is left open, as upstream leaves it.
    const protocols = headerList(ctx.request.headers['sec-websocket-protocol'])
    const protocol = protocols.length === 1 ? (protocols[0] ?? '') : ''
    return webSocketTransport(await acceptWebSocket(upgrade, protocol), contentType)
  } catch (error) {
    if (!(error instanceof UpgradeRefused)) ctx.log.warn({ err: error, path: ctx.info.path }, 'upgrade failed')
    refuseUpgrade(upgrade.socket, error)
    return undefined
  }
}

/** A client that does not even read the end is broken off after this much time. */
const endGraceMs = 30_000

const joined = (frames: readonly Buffer[]): Buffer =>
  frames.length === 1 && frames[0] !== undefined ? frames[0] : Buffer.concat(frames)

const httpTransport = (ctx: HttpContext, contentType: string): WatchTransport => {
  const { response } = ctx
  let waiting: Buffer[] = []
  let waitingBytes = 0
  /** One write is one chunk, one TLS record and one system call; node's cork would make two of each. */
  const flush = (): boolean => {
    if (waitingBytes === 0) return true
    const frames = waiting
    waiting = []
    waitingBytes = 0
    return response.destroyed || response.writableEnded || response.write(joined(frames))
  }
  response.writeHead(200, { 'Content-Type': contentType })
  response.flushHeaders()
  return {
    get closed() {
      return response.destroyed || response.writableEnded
    },
    get bufferedBytes() {
      return response.writableLength + waitingBytes
    },
    whenClosed: (listener) => {
      // A client may have gone before its watch began: 'close' does not come again.
      if (response.destroyed) listener()
      else response.once('close', listener)
    },
    send: (frame) => {
      if (waiting.push(frame) === 1) atEndOfTurn(flush)
      waitingBytes += frame.length
    },
    sendBatch: (frames) => {
      waiting.push(...frames)
      for (const frame of frames) waitingBytes += frame.length
      return flush()
    },
    drained: () => (response.destroyed ? Promise.resolve() : drained(response, response)),
    end: () => {
      flush()
      response.end()
      if (response.writableFinished) return
      const timer = setTimeout(() => response.destroy(), endGraceMs).unref()
      response.once('close', () => clearTimeout(timer))
    },
    destroy: () => void response.destroy(),
  }
}

/** A WebSocket with more than this waiting is given time. */
const highWaterBytes = 64 * 1024
const normalClosure = 1000

/**
 * One event a message: text for JSON, binary for protobuf, whose length the message has already. What the client sends
 * is ignored, as upstream does.
 */
const webSocketTransport = (webSocket: WebSocket, contentType: string): WatchTransport => {
  const binary = !contentType.startsWith('application/json')
  const send = (frame: Buffer, sent?: () => void): void =>
    webSocket.send(binary ? frame.subarray(frameLengthBytes) : frame, { binary }, sent)
  const gone = new Promise<void>((resolve) => void webSocket.once('close', () => resolve()))
  let lastSent = Promise.resolve()
  webSocket.resume()
  return {
    get closed() {
      return webSocket.readyState !== webSocket.OPEN
    },
    get bufferedBytes() {
      return webSocket.bufferedAmount
    },
    whenClosed: (listener) => {
      if (webSocket.readyState === webSocket.CLOSED) listener()
      else webSocket.once('close', listener)
    },
    send,
    sendBatch: (frames) => {
      for (const [index, frame] of frames.entries()) {
        if (index < frames.length - 1) send(frame)
        else lastSent = new Promise((resolve) => send(frame, () => resolve()))
      }
      return webSocket.bufferedAmount < highWaterBytes
    },
    drained: () => Promise.race([lastSent, gone]),
    end: () => webSocket.close(normalClosure),
    destroy: () => webSocket.terminate(),
  }
}
