/** Requests that are not about resources: health, version, metrics, discovery, OpenAPI, the list of paths. */
import { methodNotServed, StatusError } from '../../api/meta/status-error.ts'
import type { HealthChecks } from '../../component-base/healthz/healthz.ts'
import type { Discovery } from '../discovery/handler.ts'
import { versionInfo } from '../discovery/version.ts'
import type { Handler } from './chain.ts'
import type { HttpContext } from './context.ts'
import { sendHttpError, sendPageNotFound } from './http-error.ts'
import { sendBytes, sendText } from './respond.ts'
import { sendZPage, type ZPage } from './zpages.ts'

/** Metrics in Prometheus' text. */
export interface MetricsSource {
  metrics(): Promise<string>
  resetMetrics(): void
}

export interface PathsOptions {
  readonly discovery: Discovery
  readonly health: HealthChecks
  /** By path: all metrics, and those of the health checks. */
  readonly metrics: Readonly<Record<'/metrics' | '/metrics/slis', MetricsSource>>
  /** By path: /statusz, /flagz, as far as they are on. */
  readonly zPages: Readonly<Record<string, ZPage>>
  /** By path: texts about the inside of the server, which `/` does not list. */
  readonly debug: Readonly<Record<string, (query: URLSearchParams) => string>>
  /** Whether /debug/pprof is there at all, and metrics may be reset. */
  readonly profiling: boolean
  /** /openapi/…; true if it answered. */
  readonly openapi: (ctx: HttpContext) => Promise<boolean>
  /** Documents about service account tokens by path; undefined if the issuer is no URL. */
  readonly issuerDocuments: ReadonlyMap<string, { readonly contentType: string; readonly body: string }>
  /** What `/` lists. */
  readonly listedPaths: () => readonly string[]
}

const metricsType = 'text/plain; version=0.0.4; charset=utf-8'

/** Always indented, whatever is asked for. Upstream: WriteRawJSON. */
const sendRawJson = (ctx: HttpContext, value: object): void =>
  sendBytes(ctx, 200, 'application/json', JSON.stringify(value, undefined, 2))

const sendMetrics = async (ctx: HttpContext, source: MetricsSource, mayReset: boolean): Promise<void> => {
  if (ctx.method === 'DELETE' && mayReset) {
    source.resetMetrics()
    sendText(ctx, 200, 'metrics reset\n')
    return
  }
  sendBytes(ctx, 200, metricsType, await source.metrics())
}

/** What is read, and nothing else: HEAD is not allowed either. */
const onlyGet = (handler: Handler): Handler => {
  return (ctx) => {
    if (ctx.method !== 'GET') throw methodNotServed()
    return handler(ctx)
  }
}

const sendHealth = async (ctx: HttpContext, health: HealthChecks): Promise<boolean> => {
  const answer = await health.answer(ctx.info.path, ctx.query)
  if (answer === undefined) return false
  if (answer.code === 404) sendPageNotFound(ctx)
  else if (answer.code === 200) {
    if (ctx.info.path.split('/').length === 2) ctx.response.setHeader('X-Content-Type-Options', 'nosniff')
    sendText(ctx, answer.code, answer.text)
  } else sendHttpError(ctx, answer.code, answer.text.replace(/\n$/, ''))
  return true
}

const sendDebug =
  (text: (query: URLSearchParams) => string): Handler =>
  async (ctx) =>
    sendText(ctx, 200, text(ctx.query))

const profileRefusal = (): StatusError =>
  new StatusError('Unimplemented', 'profiles in the form of Go’s pprof are not implemented by kubets', { details: {} })

export const createPathHandler = (options: PathsOptions): Handler => {
  const { metrics, profiling, zPages } = options
  const index: Handler = async (ctx) => sendRawJson(ctx, { paths: options.listedPaths() })
  const version = onlyGet(async (ctx) => sendRawJson(ctx, versionInfo))
  const exact: Record<string, Handler> = {
    '/': index,
    '/index.html': index,
    '/version': version,
    '/version/': version,
    '/metrics': (ctx) => sendMetrics(ctx, metrics['/metrics'], profiling),
    '/metrics/slis': (ctx) => sendMetrics(ctx, metrics['/metrics/slis'], profiling),
    ...Object.fromEntries(
      Object.entries(zPages).map(([path, page]) => [path, (ctx: HttpContext) => sendZPage(ctx, page)]),
    ),
  }
  for (const [path, text] of Object.entries(options.debug)) exact[path] = sendDebug(text)
  return async (ctx) => {
    const { path } = ctx.info
    const handler = Object.hasOwn(exact, path) ? exact[path] : undefined
    if (handler !== undefined) return handler(ctx)
    if (await sendHealth(ctx, options.health)) return
    const issuer = options.issuerDocuments.get(path.replace(/\/$/, ''))
    if (issuer !== undefined) {
      return onlyGet(async () => sendBytes(ctx, 200, issuer.contentType, issuer.body))(ctx)
    }
    if (profiling && (path === '/debug/pprof' || path.startsWith('/debug/pprof/'))) throw profileRefusal()
    if (path.startsWith('/openapi/') && (await options.openapi(ctx))) return
    if (await options.discovery.handle(ctx)) return
    sendPageNotFound(ctx)
  }
}
