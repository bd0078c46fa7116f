/** Ordinary requests to pods/proxy, services/proxy and nodes/proxy. Upstream: UpgradeAwareHandler. */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { gunzip, inflate } from 'node:zlib'
import { StatusError } from '../../api/meta/status-error.ts'
import { type ApiResponse, bodyOf, sinkOf } from '../server/message.ts'
import { dialErrorText, openRequest } from './backend.ts'
import type { ConnectContext } from './context.ts'
import { requestHeaders, responseHeaders } from './forwarded-headers.ts'
import { joinHostPort } from './kubelet-address.ts'
import { type LinkContext, rewriteHtml, rewriteLink } from './link-rewriting.ts'
import { proxyBackend } from './proxy-target.ts'

/** Longer pages go through as they are, so that no page can fill our memory. */
const maxHtmlBytes = 8 * 1024 * 1024

/** `?a=b` of the request line, undecoded; '' without a query. */
export const rawQuery = (url: string | undefined): string => {
  const mark = url?.indexOf('?') ?? -1
  return url === undefined || mark < 0 ? '' : url.slice(mark)
}

/** GET and HEAD on the bare `…/proxy` are sent to `…/proxy/`, or relative links of the page would miss. */
const redirectToSlash = (ctx: ConnectContext): boolean => {
  if (ctx.info.subpath !== '' || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) return false
  ctx.response.writeHead(301, { Location: `${ctx.info.path}/${rawQuery(ctx.request.url)}` }).end()
  return true
}

export const httpProxy = async (ctx: ConnectContext): Promise<void> => {
  const { request, info } = ctx
  if (redirectToSlash(ctx)) return
  const path = `${info.subpath === '' ? '/' : info.subpath}${rawQuery(request.url)}`
  const backend = await proxyBackend(ctx, path)
  const prefix = info.path.slice(0, info.path.length - info.subpath.length)
  const headers = { ...requestHeaders(request), 'X-Forwarded-Uri': info.path }

  const outgoing = openRequest(backend, ctx.method, headers, ctx.signal)
  const failed = (error: unknown): never => {
    throw new StatusError('ServiceUnavailable', `error trying to reach service: ${dialErrorText(error, backend)}`, {
      cause: error,
    })
  }
  const answered = once(outgoing, 'response')
  // A backend may answer before it has read the body, and close: its answer counts, not the broken pipe.
  pipeline(bodyOf(request), outgoing).catch(() => {})
  const [answer] = (await answered.catch(failed)) as [IncomingMessage]
  await passOn(ctx, answer, {
    prefix,
    backendHost: joinHostPort(backend),
    requestHost: request.headers.host ?? '',
  })
}

const passOn = async (ctx: ConnectContext, answer: IncomingMessage, links: LinkContext): Promise<void> => {
  const { response } = ctx
  const headers = responseHeaders(answer)
  if (answer.headers.location !== undefined) {
    replaceHeader(headers, 'location', rewriteLink(answer.headers.location, links))
  }
  const code = answer.statusCode ?? 502
  const isHtml = answer.headers['content-type']?.split(';')[0]?.trim().toLowerCase() === 'text/html'
  try {
    if (isHtml && ctx.method !== 'HEAD') await passPage(answer, response, { code, headers, links })
    else {
      response.writeHead(code, headers)
      response.flushHeaders()
      await pipeline(answer, sinkOf(response))
    }
  } catch (error) {
    if (!ctx.signal.aborted) ctx.log.debug({ err: error, path: ctx.info.path }, 'proxied answer broke off')
    response.destroy()
  }
}

type Headers = ReturnType<typeof responseHeaders>

const replaceHeader = (headers: Headers, name: string, value: string | undefined): void => {
  for (const key of Object.keys(headers)) if (key.toLowerCase() === name) delete headers[key]
  if (value !== undefined) headers[name] = value
}

/** Undoes a content coding; undefined for one that we do not know. */
const decoded = async (body: Buffer, coding: string): Promise<Buffer | undefined> => {
  const limits = { maxOutputLength: 4 * maxHtmlBytes }
  switch (coding.toLowerCase()) {
    case '':
    case 'identity':
      return body
    case 'gzip':
      return promisify(gunzip)(body, limits)
    case 'deflate':
      return promisify(inflate)(body, limits)
    default:
      return undefined
  }
}

const passPage = async (
  answer: IncomingMessage,
  response: ApiResponse,
  { code, headers, links }: { readonly code: number; readonly headers: Headers; readonly links: LinkContext },
): Promise<void> => {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of answer.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk as Buffer)
    size += (chunk as Buffer).length
    if (size > maxHtmlBytes) break
  }
  const body = Buffer.concat(chunks)
  const page = size > maxHtmlBytes ? undefined : await decoded(body, answer.headers['content-encoding'] ?? '')
  if (page === undefined) {
    response.writeHead(code, headers)
    response.write(body)
    if (size > maxHtmlBytes) await pipeline(answer, sinkOf(response))
    else response.end()
    return
  }
  // Latin-1 keeps every byte of any encoding in which links are ASCII.
  const rewritten = Buffer.from(rewriteHtml(page.toString('latin1'), links), 'latin1')
  replaceHeader(headers, 'content-encoding', undefined)
  replaceHeader(headers, 'content-length', String(rewritten.length))
  response.writeHead(code, headers).end(rewritten)
}
