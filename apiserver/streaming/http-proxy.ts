/** Ordinary requests to pods/proxy, services/proxy and nodes/proxy. Upstream: UpgradeAwareHandler. */
import { once } from 'node:events'
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { type Readable, pipeline as startPipeline } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { createGunzip, deflateRaw, gunzip, gzip, inflateRaw } from 'node:zlib'
import { StatusError } from '../../api/meta/status-error.ts'
import { type ApiResponse, bodyOf, sinkOf } from '../server/message.ts'
import { backendPath } from './backend-path.ts'
import { type Backend, dialErrorText, openRequest } from './backend.ts'
import type { HttpContext } from '../server/context.ts'
import type { ConnectContext } from './context.ts'
import { requestHeaders, responseHeaders } from './forwarded-headers.ts'
import { joinHostPort } from './kubelet-address.ts'
import { type LinkContext, rewriteHtml, rewriteLink } from './link-rewriting.ts'
import { proxyBackend } from './proxy-target.ts'

/** Longer pages go through as they are, so that no page can fill our memory. */
const maxHtmlBytes = 8 * 1024 * 1024

/** `?a=b` of a path and query, undecoded; '' without one. */
export const rawQuery = (uri: string): string => {
  const mark = uri.indexOf('?')
  return mark < 0 ? '' : uri.slice(mark)
}

/** GET and HEAD on the bare `…/proxy` are sent to `…/proxy/`, or relative links of the page would miss. */
const redirectToSlash = (ctx: ConnectContext): boolean => {
  if (ctx.info.subpath !== '' || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) return false
  ctx.response.writeHead(301, { Location: `${ctx.info.path}/${rawQuery(ctx.uri)}` }).end()
  return true
}

/** Go's client asks for gzip by itself, and undoes it unseen, where the caller has no wish of its own. */
const asksForGzip = ({ method, request }: ConnectContext): boolean =>
  request.headers['accept-encoding'] === undefined && request.headers.range === undefined && method !== 'HEAD'

export const httpProxy = async (ctx: ConnectContext): Promise<void> => {
  const { request, info } = ctx
  if (redirectToSlash(ctx)) return
  const path = backendPath(info.subpath)
  const backend = await proxyBackend(ctx, `${path}${rawQuery(ctx.uri)}`)
  const prefix = info.path.slice(0, info.path.length - info.subpath.length)
  const addedGzip = asksForGzip(ctx)
  const headers = {
    ...requestHeaders(request),
    'X-Forwarded-Uri': `${prefix}${path}`,
    ...(addedGzip ? { 'Accept-Encoding': 'gzip' } : {}),
  }

  const answer = await askBackend(ctx, backend, headers)
  await passOn(ctx, answer, {
    addedGzip,
    links: { prefix, backendHost: joinHostPort(backend), requestHost: request.headers.host ?? '' },
  })
}

/** Sends the request on with these headers, and gives the head of the answer. Rejects with ServiceUnavailable. */
export const askBackend = async (
  ctx: HttpContext,
  backend: Backend,
  headers: OutgoingHttpHeaders,
): Promise<IncomingMessage> => {
  const failed = (error: unknown): never => {
    throw new StatusError('ServiceUnavailable', `error trying to reach service: ${dialErrorText(error, backend)}`, {
      cause: error,
    })
  }
  const outgoing = openRequest(backend, ctx.method, headers, ctx.signal)
  const answered = once(outgoing, 'response')
  sendBody(bodyOf(ctx.request), outgoing)
  const [answer] = (await answered.catch(failed)) as [IncomingMessage]
  return answer
}

/** A backend may answer before it has read the body, and close: the client is to see that answer, so it is let finish. */
const sendBody = (body: Readable, outgoing: ClientRequest): void => {
  outgoing.on('error', () => {})
  outgoing.once('close', () => {
    body.unpipe(outgoing)
    body.resume()
  })
  body.once('error', () => outgoing.destroy())
  body.pipe(outgoing)
}

interface PassOptions {
  readonly addedGzip: boolean
  /** Undefined leaves links as they are. */
  readonly links: LinkContext | undefined
}

/** The backend's headers after those that every answer of ours has, as Go's ReverseProxy adds them. */
const answerHeaders = ({ auditId }: HttpContext, answer: IncomingMessage): Headers => {
  const headers = responseHeaders(answer)
  const cached = Object.entries(headers).flatMap(([name, value]) =>
    name.toLowerCase() === 'cache-control' ? [value ?? []].flat().map(String) : [],
  )
  replaceHeader(headers, 'Cache-Control', ['no-cache, private', ...cached])
  headers['Audit-Id'] ??= auditId
  return headers
}

/** Passes the backend's answer on; what breaks off there breaks off here. */
export const passOn = async (ctx: HttpContext, answer: IncomingMessage, options: PassOptions): Promise<void> => {
  const { response } = ctx
  const { addedGzip, links } = options
  const headers = answerHeaders(ctx, answer)
  const coding = answer.headers['content-encoding'] ?? ''
  const undoGzip = addedGzip && coding.toLowerCase() === 'gzip' && hasBody(answer)
  if (undoGzip) for (const name of ['content-encoding', 'content-length']) replaceHeader(headers, name, undefined)
  const { location } = answer.headers
  if (location !== undefined && links !== undefined) {
    replaceHeader(headers, 'Location', rewriteLink(location, links))
  }
  const code = answer.statusCode ?? 502
  // What goes elsewhere has no page to speak of: upstream leaves its body alone.
  const isPage =
    links !== undefined && location === undefined && mediaType(answer) === 'text/html' && ctx.method !== 'HEAD'
  try {
    const body = undoGzip ? startPipeline(answer, createGunzip(), () => {}) : answer
    if (isPage) await passPage(body, response, { code, headers, links, coding: undoGzip ? '' : coding })
    else {
      response.writeHead(code, headers)
      response.flushHeaders()
      await passBody(body, response, answer)
    }
  } catch (error) {
    if (!ctx.signal.aborted) ctx.log.debug({ err: error, path: ctx.info.path }, 'proxied answer broke off')
    response.destroy()
  }
}

const hasBody = ({ statusCode, headers }: IncomingMessage): boolean =>
  statusCode !== 204 && statusCode !== 304 && headers['content-length'] !== '0'

const passBody = async (body: Readable, response: ApiResponse, { trailers }: IncomingMessage): Promise<void> => {
  // Over HTTP/2 trailers are lost.
  if (!('addTrailers' in response)) return pipeline(body, sinkOf(response))
  const sink = response as unknown as ServerResponse
  await pipeline(body, sink, { end: false })
  if (Object.keys(trailers).length > 0) sink.addTrailers(trailers as OutgoingHttpHeaders)
  sink.end()
}

const mediaType = ({ headers }: IncomingMessage): string | undefined =>
  headers['content-type']?.split(';')[0]?.trim().toLowerCase()

type Headers = ReturnType<typeof responseHeaders>

const replaceHeader = (headers: Headers, name: string, value: string | string[] | undefined): void => {
  for (const key of Object.keys(headers)) if (key.toLowerCase() === name.toLowerCase()) delete headers[key]
  if (value !== undefined) headers[name] = value
}

interface Coding {
  readonly decode: (body: Buffer) => Promise<Buffer>
  readonly encode: (body: Buffer) => Promise<Buffer>
}

const limits = { maxOutputLength: 4 * maxHtmlBytes }
const unchanged = (body: Buffer): Promise<Buffer> => Promise.resolve(body)
/** Content codings that we can undo and do again. Go's `deflate` is the raw one. */
const codings: Readonly<Record<string, Coding>> = {
  '': { decode: unchanged, encode: unchanged },
  gzip: { decode: (body) => promisify(gunzip)(body, limits), encode: (body) => promisify(gzip)(body) },
  deflate: { decode: (body) => promisify(inflateRaw)(body, limits), encode: (body) => promisify(deflateRaw)(body) },
}

interface PageOptions {
  readonly code: number
  readonly headers: Headers
  readonly links: LinkContext
  readonly coding: string
}

const passPage = async (
  body: Readable,
  response: ApiResponse,
  { code, headers, links, coding: name }: PageOptions,
): Promise<void> => {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk as Buffer)
    size += (chunk as Buffer).length
    if (size > maxHtmlBytes) break
  }
  const bytes = Buffer.concat(chunks)
  const coding = Object.hasOwn(codings, name) ? codings[name] : undefined
  const page = size > maxHtmlBytes ? undefined : await coding?.decode(bytes).catch(() => undefined)
  if (page === undefined || coding === undefined) {
    response.writeHead(code, headers)
    response.write(bytes)
    if (size > maxHtmlBytes) await pipeline(body, sinkOf(response))
    else response.end()
    return
  }
  // Latin-1 keeps every byte of any encoding in which links are ASCII.
  const rewritten = await coding.encode(Buffer.from(rewriteHtml(page.toString('latin1'), links), 'latin1'))
  replaceHeader(headers, 'Content-Length', String(rewritten.length))
  response.writeHead(code, headers).end(rewritten)
}
