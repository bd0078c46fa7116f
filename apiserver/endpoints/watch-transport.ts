/** How the frames of a watch reach the client: chunks of an HTTP answer, or messages of a WebSocket. */
import type { WebSocket } from 'ws'
import { headerList, refuseUpgrade, requestedUpgrade, UpgradeRefused } from '../../component-base/streams/upgrade.ts'
import { acceptWebSocket } from '../../component-base/streams/websocket/accept.ts'
import { frameLengthBytes } from '../codec/protobuf-encode.ts'
import type { HttpContext } from '../server/context.ts'
import { drained } from '../server/drained.ts'
import { chunked } from '../server/respond.ts'
import { takeUpgrade } from '../server/upgrades.ts'

export interface WatchTransport {
  readonly closed: boolean
  /** Bytes that wait for a slow reader. */
  readonly bufferedBytes: number
  /** Called once, when the client has gone or the stream was ended. */
  whenClosed(listener: () => void): void
  /** Sends one event; those of one turn of the event loop leave together where that is possible. */
  send(frame: Buffer): void
  /** Sends many, waiting for a slow reader until `ended`. False if it came to its end before they did. */
  sendAll(frames: Iterable<Buffer>, ended: Promise<void>): Promise<boolean>
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

/** A promise that can be asked whether it is over. */
const endedState = (ended: Promise<void>): { readonly over: boolean } => {
  const state = { over: false }
  void ended.then(() => {
    state.over = true
  })
  return state
}

const httpTransport = (ctx: HttpContext, contentType: string): WatchTransport => {
  const { response } = ctx
  let corked = false
  const uncork = (): void => {
    if (!corked) return
    corked = false
    response.uncork()
  }
  response.setHeader('Audit-Id', ctx.auditId)
  response.writeHead(200, { 'Content-Type': contentType, 'Cache-Control': 'no-cache, private' })
  response.flushHeaders()
  return {
    get closed() {
      return response.destroyed || response.writableEnded
    },
    get bufferedBytes() {
      return response.writableLength
    },
    whenClosed: (listener) => void response.once('close', listener),
    send: (frame) => {
      if (!corked) {
        corked = true
        response.cork()
        process.nextTick(uncork)
      }
      response.write(frame)
    },
    sendAll: async (frames, ended) => {
      const state = endedState(ended)
      for (const chunk of chunked(frames)) {
        if (response.destroyed || state.over) return false
        if (!response.write(chunk)) await Promise.race([drained(response, response), ended])
      }
      return true
    },
    end: () => {
      // Node would write what is still corked behind the end of the body.
      uncork()
      response.end()
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
  webSocket.resume()
  return {
    get closed() {
      return webSocket.readyState !== webSocket.OPEN
    },
    get bufferedBytes() {
      return webSocket.bufferedAmount
    },
    whenClosed: (listener) => void webSocket.once('close', listener),
    send,
    sendAll: async (frames, ended) => {
      const state = endedState(ended)
      for (const frame of frames) {
        if (webSocket.readyState !== webSocket.OPEN || state.over) return false
        if (webSocket.bufferedAmount < highWaterBytes) send(frame)
        else await Promise.race([new Promise<void>((resolve) => send(frame, resolve)), ended])
      }
      return true
    },
    end: () => webSocket.close(normalClosure),
    destroy: () => webSocket.terminate(),
  }
}
