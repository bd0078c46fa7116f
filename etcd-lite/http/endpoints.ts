/** What the client and metrics URLs serve besides gRPC. */
import type { RequestListener } from 'node:http'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { etcdClusterVersion, etcdVersion } from '../version.ts'
import { type AccessOptions, answeredByAccess } from './access.ts'
import { debugVars } from './debug-vars.ts'
import { HttpExchange, http1Exchange, http2Exchange, sendPlainError } from './exchange.ts'
import type { Gateway } from './gateway/gateway.ts'
import { answeredByHealth, type HealthCounts, type HealthSource } from './health.ts'

export interface EndpointDeps {
  readonly health: HealthSource
  readonly healthCounts: HealthCounts
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>
  readonly onError: (err: unknown) => void
}

export interface ClientEndpointDeps extends EndpointDeps {
  readonly access: AccessOptions
  /** Undefined without --enable-grpc-gateway. */
  readonly gateway: Gateway | undefined
  /** Whether client certificates name users: the gateway would lose who a request is from. */
  readonly refusesCertificates: () => boolean
}

/** One set of endpoints, for both versions of HTTP. */
export interface HttpEndpoints {
  readonly http1: RequestListener
  readonly http2: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void
}

type Serve = (exchange: HttpExchange) => Promise<void>

const forBoth = (serve: Serve, onError: (err: unknown) => void): HttpEndpoints => {
  const guarded = (exchange: HttpExchange): void => {
    serve(exchange).catch((err: unknown) => {
      onError(err)
      sendPlainError(exchange, 500, 'Internal Server Error')
    })
  }
  return {
    http1: (request, response) => guarded(http1Exchange(request, response)),
    http2: (stream, headers) => guarded(http2Exchange(stream, headers)),
  }
}

const urlOf = (target: string): URL => new URL(target.startsWith('/') ? `http://etcd${target}` : 'http://etcd/')

const sendMetrics = async (exchange: HttpExchange, { metrics }: EndpointDeps): Promise<void> => {
  const { contentType, text } = await metrics()
  exchange.send(200, { 'content-type': contentType }, text)
}

const sendJson = (exchange: HttpExchange, contentType: string, text: string): void => {
  if (exchange.method === 'GET') {
    exchange.send(200, { 'content-type': contentType }, text)
    return
  }
  exchange.setHeader('allow', 'GET')
  sendPlainError(exchange, 405, 'Method Not Allowed')
}

const certificateIgnored =
  'CommonName of client sending a request against gateway will be ignored and not used as expected'

/** Where HTTP is served at other URLs. */
export const onlyGrpc: HttpEndpoints = {
  http1: (request) => request.socket.destroy(),
  http2: (stream) => stream.respond({ ':status': 415 }, { endStream: true }),
}

/** Of --listen-metrics-urls: metrics and health, for anybody who can connect. */
export const metricsEndpoints = (deps: EndpointDeps): HttpEndpoints =>
  forBoth(async (exchange) => {
    const url = urlOf(exchange.target)
    if (await answeredByHealth(exchange, url, { source: deps.health, counts: deps.healthCounts })) return
    if (url.pathname === '/metrics') await sendMetrics(exchange, deps)
    else sendPlainError(exchange, 404, '404 page not found')
  }, deps.onError)

/** Of the client URLs: the JSON gateway, and what operators look at. */
export const clientEndpoints = (deps: ClientEndpointDeps): HttpEndpoints =>
  forBoth(async (exchange) => {
    const url = urlOf(exchange.target)
    const path = url.pathname.replace(/^\/v3beta\//, '/v3/')
    const forGateway = path.startsWith('/v3/') && deps.gateway !== undefined
    if (forGateway && deps.refusesCertificates() && exchange.clientCommonName !== '') {
      sendPlainError(exchange, 400, certificateIgnored)
      return
    }
    if (answeredByAccess(exchange, deps.access)) return
    if (path.startsWith('/v3/') && deps.gateway !== undefined) {
      await deps.gateway(exchange, path)
      return
    }
    if (await answeredByHealth(exchange, url, { source: deps.health, counts: deps.healthCounts })) return
    switch (path) {
      case '/metrics':
        await sendMetrics(exchange, deps)
        return
      case '/version':
        sendJson(
          exchange,
          'application/json',
          JSON.stringify({ etcdserver: etcdVersion, etcdcluster: etcdClusterVersion }),
        )
        return
      case '/debug/vars':
        sendJson(exchange, 'application/json; charset=utf-8', debugVars())
        return
      default:
        sendPlainError(exchange, 404, '404 page not found')
    }
  }, deps.onError)
