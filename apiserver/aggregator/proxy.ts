/** Requests for a group and version that another server has. Upstream: kube-aggregator/pkg/apiserver/handler_proxy.go */
import type { OutgoingHttpHeaders } from 'node:http'
import { StatusError } from '../../api/meta/status-error.ts'
import { answerOnSocket } from '../../component-base/streams/upgrade.ts'
import type { HttpContext } from '../server/context.ts'
import { sendHttpError } from '../server/http-error.ts'
import { type OfferedUpgrade, takeUpgrade } from '../server/upgrades.ts'
import type { Backend } from '../streaming/backend.ts'
import { requestHeaders } from '../streaming/forwarded-headers.ts'
import { askBackend, passOn } from '../streaming/http-proxy.ts'
import { joinHostPort } from '../streaming/kubelet-address.ts'
import { proxyUpgrade } from '../streaming/upgrade-proxy.ts'
import type { Backends } from './backends.ts'
import type { RemoteService } from './remote-service.ts'
import { userHeaders } from './user-headers.ts'

export interface ProxyOptions {
  readonly backends: Backends
  /** `--aggregator-reject-forwarding-redirect`: a server must not send our clients elsewhere (CVE-2022-3172). */
  readonly rejectsRedirects: boolean
}

const redirectRefused = 'the backend attempted to redirect this request, which is not permitted'

/** What the server is told beside the client's own headers, which say nothing of who the client is. */
const ownHeaders = (ctx: HttpContext, backend: Backend): OutgoingHttpHeaders => ({
  Host: joinHostPort(backend),
  'Audit-Id': ctx.auditId,
  ...userHeaders(ctx.user),
})

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const upgrade = async (
  ctx: HttpContext,
  { request, socket, head }: OfferedUpgrade,
  backend: Backend,
): Promise<void> => {
  socket.on('error', () => {})
  try {
    await proxyUpgrade({ request, method: ctx.method }, { socket, head }, backend, ownHeaders(ctx, backend))
  } catch (error) {
    ctx.log.warn({ err: error, path: ctx.info.path }, 'an upgrade by an aggregated server failed')
    const headers = { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' }
    answerOnSocket(socket, 503, headers, `${messageOf(error)}\n`)
  }
}

const isRefusedRedirect = (code: number, location: string | undefined): boolean =>
  code >= 300 && code <= 399 && location !== undefined && location !== ''

const forward = async (ctx: HttpContext, backend: Backend, rejectsRedirects: boolean): Promise<void> => {
  const headers = {
    ...requestHeaders(ctx.request),
    'X-Forwarded-Uri': ctx.info.path,
    'X-Forwarded-Host': joinHostPort(backend),
    'X-Forwarded-Proto': backend.scheme,
    ...ownHeaders(ctx, backend),
  }
  const answer = await askBackend(ctx, backend, headers)
  if (rejectsRedirects && isRefusedRedirect(answer.statusCode ?? 0, answer.headers.location)) {
    answer.destroy()
    ctx.response.writeHead(502, { 'Content-Length': redirectRefused.length }).end(redirectRefused)
    return
  }
  await passOn(ctx, answer, { addedGzip: false, links: undefined })
}

/** Sends the request on as its user, and the answer back: lists, watches and upgrades alike. */
export const proxyToRemote = async (
  ctx: HttpContext,
  remote: RemoteService,
  { backends, rejectsRedirects }: ProxyOptions,
): Promise<void> => {
  if (!remote.available) return sendHttpError(ctx, 503, 'service unavailable')
  let backend: Backend
  try {
    backend = await backends.backendOf(remote, ctx.uri)
  } catch (err) {
    ctx.log.error({ err, apiService: remote.name }, 'an aggregated server cannot be found')
    return sendHttpError(ctx, 503, 'service unavailable')
  }
  const offered = takeUpgrade(ctx)
  if (offered !== undefined) return upgrade(ctx, offered, backend)
  try {
    await forward(ctx, backend, rejectsRedirects)
  } catch (error) {
    if (ctx.response.headersSent) throw error
    if (!(error instanceof StatusError)) ctx.log.error({ err: error, path: ctx.info.path }, 'proxying failed')
    sendHttpError(ctx, 503, messageOf(error))
  }
}
