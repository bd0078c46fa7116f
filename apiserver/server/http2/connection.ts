/**
 * HTTP/2 on a TLS connection whose client chose it by ALPN. Upstream: the http2.Server in pkg/server/secure_serving.go.
 *
 * What one client may cost is bounded: streams at once, bytes of headers, of bodies and of frames in flight, and how
 * often it may take requests back (CVE-2023-44487); node's nghttp2 ends floods of SETTINGS, PING and CONTINUATION.
 */
import http2, { type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { IncomingHttpHeaders } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { Logger } from '../../../component-base/logging/logger.ts'
import { Http2Request } from './request.ts'
import { Http2Response } from './response.ts'

export interface Http2Options {
  readonly log: Logger
  readonly maxStreams: number
  /** Time without any request after which the connection is closed. Default: upstream's. */
  readonly idleTimeoutMs?: number
  readonly onRequest: (request: Http2Request, response: Http2Response) => void
}

/** Upstream's: most objects come in one frame, and all streams together may fill their windows. */
const streamWindowBytes = 256 * 1024
const maxFrameBytes = 256 * 1024
/** Upstream's limit, which we answer with 431; node would reset the stream at what is advertised. */
const maxHeaderListBytes = 1024 * 1024 + 320
const advertisedHeaderListBytes = 2 * maxHeaderListBytes
const maxHeaderPairs = 20_000
/** RFC 9113, 6.5.2: what a header counts beside its text. */
const headerOverheadBytes = 32
/** A client may take back a thousand requests at once, and 33 a second for ever. */
const streamResets = { streamResetBurst: 1000, streamResetRate: 33 }
/** In megabytes: node refuses streams while a connection holds more; slow watchers are bounded one by one. */
const maxSessionMegabytes = 1024
/** Without any request; also for the first one. Upstream: IdleTimeout. */
const defaultIdleTimeoutMs = 90_000

/** `flags` of a HEADERS frame. */
const endStreamFlag = 1

const headerListBytes = (rawHeaders: readonly string[]): number =>
  rawHeaders.reduce((size, text) => size + text.length, (rawHeaders.length / 2) * headerOverheadBytes)

/** Closes a connection that has had no request for a while. Returns what must be told when one begins. */
const closeWhenIdle = (session: ServerHttp2Session, timeoutMs: number): ((stream: ServerHttp2Stream) => void) => {
  let open = 0
  const timer = setTimeout(() => {
    if (open === 0) session.close()
  }, timeoutMs)
  timer.unref()
  session.once('close', () => clearTimeout(timer))
  return (stream) => {
    open++
    stream.once('close', () => {
      open--
      if (open === 0) timer.refresh()
    })
  }
}

/** Serves a connection until either side closes it. */
export const serveHttp2 = (socket: TLSSocket, options: Http2Options): ServerHttp2Session => {
  const { log, maxStreams, onRequest } = options
  const session = http2.performServerHandshake(socket, {
    settings: {
      initialWindowSize: streamWindowBytes,
      maxFrameSize: maxFrameBytes,
      maxConcurrentStreams: maxStreams,
      maxHeaderListSize: advertisedHeaderListBytes,
    },
    maxHeaderListPairs: maxHeaderPairs,
    maxSessionMemory: maxSessionMegabytes,
    ...streamResets,
  })
  session.setLocalWindowSize(streamWindowBytes * maxStreams)
  session.on('error', (err) => log.debug({ err }, 'HTTP/2 connection broke'))
  const began = closeWhenIdle(session, options.idleTimeoutMs ?? defaultIdleTimeoutMs)
  session.on('stream', (stream, headers, flags, rawHeaders) => {
    began(stream)
    stream.on('error', (err) => log.debug({ err }, 'HTTP/2 stream broke'))
    const bodyless = (flags & endStreamFlag) !== 0
    const request = new Http2Request(stream, socket, { headers: headers as IncomingHttpHeaders, rawHeaders, bodyless })
    const response = new Http2Response(stream, request.method)
    if (headerListBytes(rawHeaders) > maxHeaderListBytes) {
      response.writeHead(431, { 'Content-Type': 'text/html; charset=utf-8' })
      response.end('<h1>HTTP Error 431</h1><p>Request Header Field(s) Too Large</p>')
      return
    }
    if (!bodyless && headers.expect?.toLowerCase() === '100-continue') stream.additionalHeaders({ ':status': 100 })
    onRequest(request, response)
  })
  return session
}
