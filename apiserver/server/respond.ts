/** Writing answers: headers that every answer has, the negotiated format, gzip for big ones, Status for errors. */
import { setImmediate as immediate } from 'node:timers/promises'
import { createGzip, constants as zlib } from 'node:zlib'
import { jsonText, prettyJsonText } from '../../api/codec/encode.ts'
import { parseJson } from '../../api/codec/json.ts'
import type { StatusError } from '../../api/meta/status-error.ts'
import { encodeProtobuf } from '../codec/protobuf-encode.ts'
import { canonicalAnswer } from '../registry/canonical.ts'
import type { HttpContext } from './context.ts'
import { sinkOf } from './message.ts'
import { SendingTurns } from './sending-turns.ts'
import { SlowReaders } from './slow-readers.ts'
import { yamlText } from './yaml-text.ts'
import { warningHeaders } from './warning-header.ts'
import { contentTypes, type Format, jsonMediaType, type MediaType, negotiate, wantsPretty } from './negotiation.ts'

/** Smaller answers are not worth the time. Upstream: defaultGzipThresholdBytes. */
const gzipThresholdBytes = 128 * 1024
const chunkBytes = 64 * 1024

const setWarnings = ({ response, warnings }: HttpContext): void => {
  if (warnings.length > 0) response.setHeader('Warning', warningHeaders(warnings))
}

/** What the answer depends on beside the URL. */
const varyBy = ({ response }: HttpContext, header: string): void => {
  const others = response.getHeader('Vary')
  response.setHeader('Vary', others === undefined ? header : [...[others].flat().map(String), header])
}

const acceptsGzip = (ctx: HttpContext): boolean => {
  const header = ctx.request.headers['accept-encoding']
  return typeof header === 'string' && header.includes('gzip')
}

export const isPretty = (ctx: HttpContext): boolean => wantsPretty(ctx.query, ctx.request.headers['user-agent'])

/** Sends bytes as they are. */
export const sendBytes = (ctx: HttpContext, code: number, contentType: string, bytes: Buffer | string): void => {
  if (ctx.response.headersSent) return
  setWarnings(ctx)
  if (bytes.length > gzipThresholdBytes && acceptsGzip(ctx)) {
    varyBy(ctx, 'Accept-Encoding')
    ctx.response.writeHead(code, { 'Content-Type': contentType, 'Content-Encoding': 'gzip' })
    const gzip = createGzip({ level: zlib.Z_BEST_SPEED })
    gzip.pipe(sinkOf(ctx.response))
    gzip.end(bytes)
    return
  }
  ctx.response.writeHead(code, {
    'Content-Type': contentType,
    'Content-Length': typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.length,
  })
  ctx.response.end(bytes)
}

/** Encodes a value, which says its kind, in the negotiated format. */
export const sendValue = async (ctx: HttpContext, code: number, media: MediaType, value: object): Promise<void> => {
  if (ctx.audit !== undefined) ctx.audit.responded(ctx.audit.recordsResponse ? canonicalAnswer(value) : value)
  if (media.format === 'protobuf') {
    sendBytes(ctx, code, contentTypes.protobuf, encodeProtobuf(value))
    return
  }
  const answer = canonicalAnswer(value)
  if (media.format === 'yaml') {
    sendBytes(ctx, code, contentTypes.yaml, await yamlText(answer))
    return
  }
  // Upstream ends what it indents without a newline.
  sendBytes(ctx, code, contentTypes.json, isPretty(ctx) ? prettyJsonText(answer) : `${jsonText(answer)}\n`)
}

const newline = Buffer.from('\n')

/** Sends JSON that is already encoded; re-encodes only for YAML and pretty output. */
export const sendJsonBytes = async (ctx: HttpContext, code: number, media: MediaType, bytes: Buffer): Promise<void> => {
  if (media.format === 'json' && !isPretty(ctx)) {
    if (ctx.audit?.recordsResponse === true) ctx.audit.responded({}, bytes.toString('utf8'))
    sendBytes(ctx, code, contentTypes.json, Buffer.concat([bytes, newline]))
  } else await sendValue(ctx, code, media, parseJson(bytes, { strict: false }).value as object)
}

/** One writes while the bytes of another are on their way. */
const turns = new SendingTurns(2)
const slowReaders = new SlowReaders(256)

export interface StreamOptions {
  /** undefined where the parts are made while they are sent. */
  readonly sizeBytes: number | undefined
  readonly compress: boolean
  readonly format: Format
}

/**
 * Streams many small buffers as one body: joined to chunks of 64 KiB, waiting for a slow reader, never one big string.
 * Other requests get their turn after every chunk.
 */
export const sendStream = async (
  ctx: HttpContext,
  parts: Iterable<Buffer>,
  { sizeBytes, compress, format }: StreamOptions,
): Promise<void> => {
  setWarnings(ctx)
  const gzip = compress && acceptsGzip(ctx) ? createGzip({ level: zlib.Z_BEST_SPEED }) : undefined
  if (gzip !== undefined) varyBy(ctx, 'Accept-Encoding')
  ctx.response.writeHead(200, {
    'Content-Type': contentTypes[format],
    ...(gzip !== undefined
      ? { 'Content-Encoding': 'gzip' }
      : sizeBytes === undefined
        ? {}
        : { 'Content-Length': sizeBytes }),
  })
  gzip?.pipe(sinkOf(ctx.response))
  const sink = gzip ?? ctx.response
  using reader = slowReaders.reader(sink, ctx)
  await turns.take(false)
  try {
    for (const chunk of chunked(parts)) {
      if (ctx.response.destroyed) return
      if (sink.write(chunk)) await immediate()
      else {
        turns.give()
        await reader.drained()
        await turns.take(true)
      }
    }
    sink.end()
  } finally {
    turns.give()
  }
}

/** True for answers that are worth compressing. */
export const isBig = (sizeBytes: number): boolean => sizeBytes > gzipThresholdBytes

export function* chunked(parts: Iterable<Buffer>): Generator<Buffer> {
  let pending: Buffer[] = []
  let size = 0
  for (const part of parts) {
    pending.push(part)
    size += part.length
    if (size < chunkBytes) continue
    yield Buffer.concat(pending, size)
    pending = []
    size = 0
  }
  if (size > 0) yield Buffer.concat(pending, size)
}

/** An error is told in the format that was asked for; if there is none, that does not hide the error. */
const negotiateError = (ctx: HttpContext): MediaType => {
  try {
    return negotiate(ctx.request.headers.accept, [])
  } catch {
    return jsonMediaType
  }
}

/** The one place where an error becomes an answer. */
export const sendStatusError = async (ctx: HttpContext, error: StatusError): Promise<void> => {
  if (ctx.response.writableEnded) return
  if (ctx.response.headersSent) {
    // Too late for a Status: break the connection, so that the client does not take half an answer for a whole one.
    ctx.response.destroy()
    return
  }
  const retryAfter = error.details?.retryAfterSeconds
  if (retryAfter !== undefined) ctx.response.setHeader('Retry-After', String(retryAfter))
  await sendValue(ctx, error.code, negotiateError(ctx), error.toStatus())
}

export const sendText = (ctx: HttpContext, code: number, text: string): void =>
  sendBytes(ctx, code, 'text/plain; charset=utf-8', text)
