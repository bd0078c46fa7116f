/**
 * A listening socket that serves HTTP/2 and HTTP/1.1 side by side: by ALPN under TLS, by the first bytes without.
 * gRPC is served on node's http2 *stream* API, which its own `allowHTTP1` would put a slow layer over.
 */
import { rm } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import type { Http2Server, ServerHttp2Session } from 'node:http2'
import net from 'node:net'
import tls from 'node:tls'
import { createServer } from '../node-http.ts'
import { awaitFirstRequest } from './first-request.ts'

/** PEM texts; with `ca`, clients must show a certificate signed by it. */
export interface ListenerTls {
  readonly cert: Buffer | string
  readonly key: Buffer | string
  readonly ca?: Buffer | string | undefined
  /** Certificates that count no more. */
  readonly crl?: Buffer | string | undefined
  /** OpenSSL's list; default is Node's own. */
  readonly ciphers?: string | undefined
  readonly minVersion?: tls.SecureVersion | undefined
  readonly maxVersion?: tls.SecureVersion | undefined
}

/** 0 takes a free port; a path is the one of a Unix socket, made anew. */
export type ListenTarget = { readonly host: string; readonly port: number } | { readonly path: string }

export type ListenOptions = ListenTarget & {
  readonly tls?: ListenerTls | undefined
  /** Whether a client whose certificate is good is let in; default: all are. */
  readonly acceptPeer?: ((socket: tls.TLSSocket) => boolean) | undefined
  /** Lets several processes listen on one port. */
  readonly reusePort?: boolean | undefined
  readonly http2: Http2Server
  readonly http1: RequestListener
}

export interface Listener {
  /** 0 for a Unix socket. */
  readonly port: number
  /** New certificates for connections from now on. */
  setTls(material: ListenerTls): void
  /** Stops to accept, lets calls in progress end for `graceMs`, then closes what is left. */
  close(graceMs: number): Promise<void>
}

/** How HTTP/2 with prior knowledge begins; no HTTP/1 method does. */
const http2Preface = 'PRI '
/** A connection that says nothing is dropped after this. */
const firstBytesTimeoutMs = 10_000

const toServerOptions = ({ ca, crl, ciphers, minVersion, maxVersion, ...pair }: ListenerTls): tls.TlsOptions => ({
  ...pair,
  ...(ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true }),
  ...(crl === undefined ? {} : { crl }),
  ...(ciphers === undefined ? {} : { ciphers }),
  ...(minVersion === undefined ? {} : { minVersion }),
  ...(maxVersion === undefined ? {} : { maxVersion }),
})

const toNetOptions = (options: ListenOptions): net.ListenOptions => {
  if ('path' in options) return { path: options.path, backlog: 511 }
  const { host, port, reusePort = false } = options
  return { host, port, reusePort, backlog: 511 }
}

/** Looks at the first bytes of a cleartext connection without taking them away. */
const sniff = (socket: net.Socket, serve: (protocol: 'h2' | 'http/1.1') => void): void => {
  const timer = setTimeout(() => socket.destroy(), firstBytesTimeoutMs)
  socket.once('close', () => clearTimeout(timer))
  socket.on('error', () => {}) // the protocols have listeners of their own; before them nobody cares
  const onReadable = (): void => {
    const chunk = socket.read() as Buffer | null
    if (chunk === null) return
    socket.unshift(chunk)
    if (chunk.length < http2Preface.length) return // 'readable' comes again with more
    socket.off('readable', onReadable)
    clearTimeout(timer)
    serve(chunk.toString('latin1', 0, http2Preface.length) === http2Preface ? 'h2' : 'http/1.1')
  }
  socket.on('readable', onReadable)
}

/** Starts to listen. Rejects when the address cannot be had. */
export const listen = async (options: ListenOptions): Promise<Listener> => {
  const http1 = createServer(options.http1)
  http1.requestTimeout = 0 // a request may be a stream that has no end
  const sockets = new Set<net.Socket>()
  const sessions = new Set<ServerHttp2Session>()
  const onSession = (session: ServerHttp2Session): void => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
  }
  const accept = (socket: net.Socket, protocol: string | false | null): void => {
    socket.setNoDelay(true)
    if (protocol === 'h2') {
      awaitFirstRequest(socket, firstBytesTimeoutMs, () => options.http2.emit('connection', socket))
    } else http1.emit('connection', socket)
  }
  options.http2.on('session', onSession)
  const server =
    options.tls === undefined
      ? net.createServer((socket) => sniff(socket, (protocol) => accept(socket, protocol)))
      : tls.createServer({ ...toServerOptions(options.tls), ALPNProtocols: ['h2', 'http/1.1'] }, (socket) => {
          socket.on('error', () => {})
          if (options.acceptPeer?.(socket) === false) socket.destroy()
          else accept(socket, socket.alpnProtocol)
        })
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', () => {}) // a client without a good certificate: its own problem
  if ('path' in options) await rm(options.path, { force: true }) // what a killed process left
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(toNetOptions(options), () => {
      server.off('error', reject)
      resolve()
    })
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    setTls: (material) => {
      if (server instanceof tls.Server) server.setSecureContext(toServerOptions(material))
    },
    close: async (graceMs) => {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
      for (const session of sessions) session.close()
      http1.closeIdleConnections()
      const timer = setTimeout(() => {
        for (const socket of sockets) socket.destroy()
      }, graceMs)
      await closed
      clearTimeout(timer)
      options.http2.off('session', onSession)
    },
  }
}
