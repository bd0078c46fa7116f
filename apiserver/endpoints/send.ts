/** Answers of the resource handlers: one object, a list, or a Status. */
import { jsonText } from '../../api/codec/encode.ts'
import { parseJson } from '../../api/codec/json.ts'
import type { PrinterColumn } from '../../api/kind.ts'
import type { KubeObject } from '../../api/types.ts'
import { apiVersionOf, presentedBytes, type Resource } from '../registry/resource.ts'
import type { HttpContext } from '../server/context.ts'
import { contentTypes, type MediaType, negotiate, type Transform } from '../server/negotiation.ts'
import { isBig, isPretty, sendBytes, sendJsonBytes, sendStream, sendValue } from '../server/respond.ts'
import type { Entry } from '../storage/encoding.ts'
import type { ListResult } from '../storage/list.ts'
import { envelopedEntry, formatsOf, protobufList } from './send-protobuf.ts'
import { includeObjectOf, partialMetadata, tableOf, tableOfObject, tableRows } from './table.ts'

const objectTransforms: readonly Transform[] = ['Table', 'PartialObjectMetadata']
const listTransforms: readonly Transform[] = ['Table', 'PartialObjectMetadataList']

/** Decides the representation before any work is done: throws NotAcceptable. */
export const negotiateObject = (ctx: HttpContext, resource: Resource): MediaType =>
  negotiate(ctx.request.headers.accept, objectTransforms, formatsOf(resource))
export const negotiateList = (ctx: HttpContext, resource: Resource): MediaType =>
  negotiate(ctx.request.headers.accept, listTransforms, formatsOf(resource))
/** For answers of a kind that is built in, whatever the resource is. */
export const negotiatePlain = (ctx: HttpContext): MediaType => negotiate(ctx.request.headers.accept, [])
/** The same where it may be asked for as a table. */
export const negotiateBuiltIn = (ctx: HttpContext): MediaType => negotiate(ctx.request.headers.accept, objectTransforms)
/** For lists that are not transformed. */
export const negotiatePlainList = (ctx: HttpContext, resource: Resource): MediaType =>
  negotiate(ctx.request.headers.accept, [], formatsOf(resource))

/** Sends one stored object; its bytes as they are wherever possible. */
export const sendEntry = async (
  ctx: HttpContext,
  resource: Resource,
  code: number,
  media: MediaType,
  entry: Entry,
): Promise<void> => {
  if (media.as === undefined) {
    if (media.format === 'protobuf') {
      if (ctx.audit?.recordsResponse === true) ctx.audit.responded({}, presentedBytes(resource, entry).toString('utf8'))
      return sendBytes(ctx, code, contentTypes.protobuf, envelopedEntry(resource, entry))
    }
    return sendJsonBytes(ctx, code, media, presentedBytes(resource, entry))
  }
  if (media.as.kind === 'Table') {
    const table = tableOf(resource, [entry], new Date(), {
      version: media.as.version,
      includeObject: includeObjectOf(ctx.query),
      withColumns: true,
      listMeta: { resourceVersion: entry.object.metadata?.resourceVersion ?? '' },
    })
    return sendValue(ctx, code, media, table)
  }
  return sendValue(ctx, code, media, partialMetadata(entry.object, media.as.version))
}

/** Sends an object of a kind that is built in and not the resource's own, with the columns of that kind. */
export const sendBuiltIn = (
  ctx: HttpContext,
  media: MediaType,
  object: KubeObject,
  columns: readonly PrinterColumn[],
): Promise<void> => {
  if (media.as === undefined) return sendValue(ctx, 200, media, object)
  const { kind, version } = media.as
  if (kind !== 'Table') return sendValue(ctx, 200, media, partialMetadata(object, version))
  const table = tableOfObject(columns, object, new Date(), {
    version,
    includeObject: includeObjectOf(ctx.query),
    withColumns: true,
    listMeta: { resourceVersion: object.metadata?.resourceVersion ?? '' },
  })
  return sendValue(ctx, 200, media, table)
}

/** Revision 0 is of what was never stored. */
const listMetaOf = (result: ListResult) => ({
  ...(result.revision === 0 ? {} : { resourceVersion: String(result.revision) }),
  ...(result.continue === undefined ? {} : { continue: result.continue }),
  ...(result.remainingItemCount === undefined ? {} : { remainingItemCount: result.remainingItemCount }),
})

export const sendList = async (
  ctx: HttpContext,
  resource: Resource,
  media: MediaType,
  result: ListResult,
): Promise<void> => {
  const metadata = listMetaOf(result)
  recordList(ctx, resource, media, result)
  if (media.format === 'protobuf') {
    const { parts, sizeBytes } = await protobufList(resource, media, metadata, result.entries)
    return sendStream(ctx, parts, { sizeBytes, compress: isBig(sizeBytes), format: 'protobuf' })
  }
  if (media.as !== undefined) {
    const { kind, version } = media.as
    const parts =
      kind === 'Table' ? tableParts(ctx, resource, version, metadata, result) : partialParts(version, metadata, result)
    if (media.format === 'yaml' || isPretty(ctx)) {
      return sendValue(ctx, 200, media, parseJson(Buffer.concat([...parts]), { strict: false }).value as object)
    }
    return sendStream(ctx, parts, {
      sizeBytes: undefined,
      compress: result.entries.length > manyItems,
      format: 'json',
    })
  }
  const parts = plainParts(resource, metadata, result.entries)
  if (media.format === 'yaml' || isPretty(ctx)) {
    return sendValue(ctx, 200, media, parseJson(Buffer.concat(parts), { strict: false }).value as object)
  }
  let size = 0
  for (const part of parts) size += part.length
  return sendStream(ctx, parts, { sizeBytes: size, compress: isBig(size), format: 'json' })
}

const listHead = ({ definition }: Resource, metadata: ListMeta) => ({
  kind: definition.listKind,
  apiVersion: apiVersionOf(definition),
  metadata,
})

/** For the audit log, where the policy wants answers: as JSON, whatever the client gets. */
const recordList = (ctx: HttpContext, resource: Resource, { as }: MediaType, result: ListResult): void => {
  if (ctx.audit?.recordsResponse !== true) return
  const metadata = listMetaOf(result)
  const parts =
    as === undefined
      ? plainParts(resource, metadata, result.entries)
      : as.kind === 'Table'
        ? tableParts(ctx, resource, as.version, metadata, result)
        : partialParts(as.version, metadata, result)
  ctx.audit.responded({}, Buffer.concat([...parts]).toString('utf8'))
}

const plainParts = (resource: Resource, metadata: ListMeta, entries: readonly Entry[]): Buffer[] =>
  resource.definition.custom === undefined
    ? listParts(resource, listHead(resource, metadata), entries)
    : customListParts(resource, listHead(resource, { continue: '', ...metadata }), entries)

const comma = Buffer.from(',')
/** Rows and items of this many objects are worth compressing. */
const manyItems = 300

type ListMeta = ReturnType<typeof listMetaOf>

/** `{…,"<field>":[` and then each item; made one by one while they are sent. */
function* itemParts(head: Record<string, unknown>, field: string, items: Iterable<unknown>): Generator<Buffer> {
  yield Buffer.from(`${jsonText(head).slice(0, -1)},"${field}":[`)
  let separator = ''
  for (const item of items) {
    yield Buffer.from(separator + jsonText(item))
    separator = ','
  }
  yield listEnd
}

const tableParts = (
  ctx: HttpContext,
  resource: Resource,
  version: 'v1' | 'v1beta1',
  listMeta: ListMeta,
  result: ListResult,
): Iterable<Buffer> => {
  const includeObject = includeObjectOf(ctx.query)
  const { rows: _rows, ...head } = tableOf(resource, [], new Date(), {
    version,
    includeObject,
    withColumns: true,
    listMeta,
  })
  return itemParts(head, 'rows', tableRows(resource, result.entries, new Date(), { version, includeObject }))
}

function* partialItems(result: ListResult, version: string): Generator<unknown> {
  for (const entry of result.entries) yield partialMetadata(entry.object, version)
}

const partialParts = (version: string, metadata: ListMeta, result: ListResult): Iterable<Buffer> => {
  const head = { kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${version}`, metadata }
  return itemParts(head, 'items', partialItems(result, version))
}

const openBrace = Buffer.from('{')
const commaBrace = Buffer.from(',{')
const listEnd = Buffer.from(']}\n')

/** A list of custom resources, which is a map to Go: sorted keys, items with their kind. */
const customListParts = (
  resource: Resource,
  { kind, apiVersion, metadata }: ReturnType<typeof listHead>,
  entries: readonly Entry[],
): Buffer[] => {
  const sorted = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1))
  const tail = jsonText({ kind, metadata: Object.fromEntries(sorted) }).slice(1)
  return [
    Buffer.from(`{"apiVersion":${JSON.stringify(apiVersion)},"items":[`),
    ...entries.flatMap((entry, index) =>
      index === 0 ? [presentedBytes(resource, entry)] : [comma, presentedBytes(resource, entry)],
    ),
    Buffer.from(`],${tail}\n`),
  ]
}

/** The list as buffers: head, then each item's own bytes without its leading kind and apiVersion, then the end. */
const listParts = (resource: Resource, head: Record<string, unknown>, entries: readonly Entry[]): Buffer[] => {
  const { definition } = resource
  const prefix = `{"kind":${JSON.stringify(definition.kind)},"apiVersion":${JSON.stringify(apiVersionOf(definition))},`
  const text = jsonText(head)
  const parts: Buffer[] = [Buffer.from(`${text.slice(0, -1)},"items":[`)]
  for (const [index, entry] of entries.entries()) {
    const bytes = presentedBytes(resource, entry)
    if (bytes.toString('latin1', 0, prefix.length) === prefix) {
      parts.push(index === 0 ? openBrace : commaBrace, bytes.subarray(prefix.length))
    } else {
      if (index > 0) parts.push(comma)
      parts.push(bytes)
    }
  }
  parts.push(listEnd)
  return parts
}
