/** Requests that are not about resources: health, version, metrics, discovery, OpenAPI, the list of paths. */
import { StatusError } from '../../api/meta/status-error.ts'
import type { HealthChecks } from '../../component-base/healthz/healthz.ts'
import type { Discovery } from '../discovery/handler.ts'
import { versionInfo } from '../discovery/version.ts'
import type { Handler } from './chain.ts'
import type { HttpContext } from './context.ts'
import { negotiate, textFormats } from './negotiation.ts'
import { sendBytes, sendText, sendValue } from './respond.ts'

export interface PathsOptions {
  readonly discovery: Discovery
  readonly health: HealthChecks
  /** The text of /metrics. */
  readonly metrics: () => Promise<string>
  /** /openapi/…; true if it answered. */
  readonly openapi: (ctx: HttpContext) => Promise<boolean>
  /** Documents about service account tokens by path; undefined if the issuer is no URL. */
  readonly issuerDocuments: ReadonlyMap<string, { readonly contentType: string; readonly body: string }>
  readonly groupPaths: () => readonly string[]
}

const fixedPaths = [
  '/healthz',
  '/livez',
  '/metrics',
  '/openapi/v2',
  '/openapi/v3',
  '/openid/v1/jwks',
  '/readyz',
  '/version',
]

export const createPathHandler = (options: PathsOptions): Handler => {
  const exact: Readonly<Record<string, Handler>> = {
    '/': (ctx) =>
      sendValue(ctx, 200, negotiate(ctx.request.headers.accept, [], textFormats), {
        paths: [
          '/.well-known/openid-configuration',
          '/api',
          '/apis',
          ...options.groupPaths(),
          ...fixedPaths,
        ].toSorted(),
      }),
    '/version': (ctx) => sendValue(ctx, 200, negotiate(ctx.request.headers.accept, [], textFormats), versionInfo),
    '/metrics': async (ctx) => sendBytes(ctx, 200, 'text/plain; version=0.0.4; charset=utf-8', await options.metrics()),
  }
  return async (ctx) => {
    const path = ctx.info.path.length > 1 ? ctx.info.path.replace(/\/$/, '') : ctx.info.path
    const handler = Object.hasOwn(exact, path) ? exact[path] : undefined
    if (handler !== undefined) {
      if (ctx.method !== 'GET' && ctx.method !== 'HEAD') throw notAllowed()
      return handler(ctx)
    }
    const health = await options.health.answer(ctx.info.path, ctx.query)
    if (health !== undefined) return sendText(ctx, health.code, health.text)
    const issuer = options.issuerDocuments.get(path)
    if (issuer !== undefined) return sendBytes(ctx, 200, issuer.contentType, issuer.body)
    if (path.startsWith('/openapi/') && (await options.openapi(ctx))) return
    if (await options.discovery.handle(ctx)) return
    return sendText(ctx, 404, '404 page not found\n')
  }
}

const notAllowed = (): StatusError =>
  new StatusError('MethodNotAllowed', 'the server does not allow this method on the requested resource', {
    details: {},
  })
