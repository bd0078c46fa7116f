/** The port of the metrics server: health for all, everything else for those whom the API server lets through. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { StatusError } from '../../api/meta/status-error.ts'
import { parseRequestInfo } from '../../apiserver/server/request-info.ts'
import type { Reviews } from '../../client/auth/delegated.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { readTlsFiles, type TlsFiles, watchTlsFiles } from '../../component-base/tls/tls-files.ts'
import type { TlsSettings } from '../../component-base/tls/tls-settings.ts'
import type { MetricsApi } from './api.ts'
import { documentOf } from './documents.ts'
import type { FollowedFrontProxy, FrontProxyUser } from './front-proxy.ts'

export interface ServeOptions {
  readonly bindAddress: string
  readonly port: number
  readonly tls: TlsFiles
  readonly tlsSettings: TlsSettings
  readonly frontProxy: FollowedFrontProxy
  readonly reviews: Reviews
  readonly api: MetricsApi
  readonly log: Logger
  readonly signal: AbortSignal
}

const healthPaths = new Set(['/healthz', '/livez', '/readyz'])

const send = (response: ServerResponse, code: number, body: object, type = 'application/json'): void => {
  response.writeHead(code, { 'content-type': type, 'x-content-type-options': 'nosniff' })
  response.end(`${JSON.stringify(body)}\n`)
}

const mayAsk = (
  { isAllowed }: Reviews,
  { user, uid, groups, extra }: FrontProxyUser,
  {
    isResourceRequest,
    verb,
    namespace,
    apiGroup,
    apiVersion,
    resource,
    subresource,
    name,
    path,
  }: ReturnType<typeof parseRequestInfo>,
): Promise<boolean> => {
  const who = { user, uid, groups, extra }
  return isAllowed(
    isResourceRequest
      ? {
          ...who,
          resourceAttributes: { verb, namespace, group: apiGroup, version: apiVersion, resource, subresource, name },
        }
      : { ...who, nonResourceAttributes: { verb, path } },
  )
}

const answer = async (request: IncomingMessage, response: ServerResponse, options: ServeOptions): Promise<void> => {
  const { frontProxy, reviews, api } = options
  const url = new URL(request.url ?? '/', 'https://metrics-server')
  if (healthPaths.has(url.pathname)) return void response.writeHead(200, { 'content-type': 'text/plain' }).end('ok')
  const user = frontProxy.current().userOf(request)
  if (user === undefined) throw new StatusError('Unauthorized', 'Unauthorized')
  const info = parseRequestInfo(request.method ?? 'GET', url.pathname, url.searchParams)
  if (!(await mayAsk(reviews, user, info))) {
    throw new StatusError('Forbidden', `User ${JSON.stringify(user.user)} cannot ${info.verb} ${url.pathname}`)
  }
  const document = documentOf(url.pathname, request.headers.accept ?? '')
  if (document !== undefined) return send(response, 200, document.body, document.type)
  if (!info.isResourceRequest) throw new StatusError('NotFound', 'the server could not find the requested resource')
  return send(response, 200, await api(info, url.searchParams))
}

/** Serves until the signal; resolves when it listens. */
export const serve = async (options: ServeOptions): Promise<void> => {
  const { bindAddress, port, tls, tlsSettings, frontProxy, log, signal } = options
  let material = readTlsFiles(tls)
  const context = () => ({ ...material, ca: frontProxy.current().ca, ...tlsSettings })
  const server = createServer({ ...context(), requestCert: true, rejectUnauthorized: false }, (request, response) => {
    answer(request, response, options).catch((error: unknown) => {
      if (!(error instanceof StatusError)) log.error({ err: error, path: request.url }, 'a request failed')
      const status = (error instanceof StatusError ? error : new StatusError('InternalError', String(error))).toStatus()
      if (response.headersSent) response.destroy()
      else send(response, status.code ?? 500, status)
    })
  })
  const renew = (): void => server.setSecureContext(context())
  frontProxy.onChange(renew)
  watchTlsFiles(
    tls,
    (read) => {
      material = read
      renew()
    },
    signal,
  )
  signal.addEventListener('abort', () => {
    server.close()
    server.closeIdleConnections()
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, bindAddress, resolve)
  })
}
