/**
 * Watch events as bytes, made once per event and representation: `{"type":"ADDED","object":…}` and a newline, or a
 * length and a WatchEvent in protobuf.
 */
import { jsonText } from '../../api/codec/encode.ts'
import type { StatusError } from '../../api/meta/status-error.ts'
import type { KubeObject } from '../../api/types.ts'
import { canonicalAnswer, canonicalStored } from '../registry/canonical.ts'
import { apiVersionOf, presentedBytes, type Resource } from '../registry/resource.ts'
import { encodeProtobuf, watchFrame } from '../codec/protobuf-encode.ts'
import { contentTypes, type MediaType } from '../server/negotiation.ts'
import type { Entry } from '../storage/encoding.ts'
import type { CacheEvent, Seen, WatchEventType } from '../storage/watch-cache/cache-event.ts'
import { envelopedEntry, envelopedMetadata } from './send-protobuf.ts'
import { type IncludeObject, partialMetadata, tableOf } from './table.ts'

export interface FrameEncoder {
  readonly contentType: string
  /** Of an object that exists when the watch begins. */
  initial(entry: Entry): Buffer
  /** Of a change; shared with all watchers of the same representation. */
  event(event: CacheEvent, seen: Seen): Buffer
  bookmark(revision: number, initialEventsEnd: boolean): Buffer
  error(error: StatusError): Buffer
}

const heads: Readonly<Record<WatchEventType, Buffer>> = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
}
const tail = Buffer.from('}\n')

type Frame = (type: WatchEventType, object: Buffer) => Buffer

const jsonFrame: Frame = (type, object) => Buffer.concat([heads[type], object, tail])
const textFrame = (type: string, object: unknown): Buffer => Buffer.from(`${jsonText({ type, object })}\n`)

/** `encode` gives the object's bytes; `name` tells representations apart. */
const shared = (
  name: string,
  encode: (entry: Entry) => Buffer,
  frame: Frame = jsonFrame,
): Pick<FrameEncoder, 'initial' | 'event'> => ({
  initial: (entry) => frame('ADDED', encode(entry)),
  event: (event, seen) => event.frame(`${name} ${seen.type}`, () => frame(seen.type, encode(seen.entry))),
})

const bookmarkMetadata = (revision: number, initialEventsEnd: boolean): KubeObject['metadata'] => ({
  resourceVersion: String(revision),
  ...(initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
})

const bookmarkOf = (resource: Resource, revision: number, initialEventsEnd: boolean): KubeObject => ({
  kind: resource.definition.kind,
  apiVersion: apiVersionOf(resource.definition),
  metadata: bookmarkMetadata(revision, initialEventsEnd) ?? {},
})

const protobufEncoder = (resource: Resource, version: string | undefined): FrameEncoder => {
  const apiVersion = version === undefined ? apiVersionOf(resource.definition) : `partial/${version}`
  return {
    contentType: `${contentTypes.protobuf};stream=watch`,
    ...shared(
      `protobuf ${apiVersion}`,
      (entry) => (version === undefined ? envelopedEntry(resource, entry) : envelopedMetadata(entry, version)),
      watchFrame,
    ),
    bookmark: (revision, end) => {
      const object = bookmarkOf(resource, revision, end)
      return watchFrame('BOOKMARK', encodeProtobuf(version === undefined ? object : partialMetadata(object, version)))
    },
    error: (error) => watchFrame('ERROR', encodeProtobuf(error.toStatus())),
  }
}

export const frameEncoder = (resource: Resource, media: MediaType, includeObject: IncludeObject): FrameEncoder => {
  if (media.format === 'protobuf') return protobufEncoder(resource, media.as?.version)
  return {
    contentType: contentTypes.json,
    error: (error) => textFrame('ERROR', canonicalAnswer(error.toStatus())),
    ...jsonEncoder(resource, media, includeObject),
  }
}

const jsonEncoder = (
  resource: Resource,
  media: MediaType,
  includeObject: IncludeObject,
): Pick<FrameEncoder, 'initial' | 'event' | 'bookmark'> => {
  const apiVersion = apiVersionOf(resource.definition)
  if (media.as === undefined) {
    return {
      ...shared(apiVersion, (entry) => presentedBytes(resource, entry)),
      bookmark: (revision, end) =>
        textFrame('BOOKMARK', canonicalStored(resource.definition, bookmarkOf(resource, revision, end))),
    }
  }
  const { kind, version } = media.as
  if (kind === 'Table') {
    // Ages in the cells are of the moment the frame is made; columns are only sent once, so frames are not shared.
    let withColumns = true
    const table = (type: WatchEventType, entry: Entry): Buffer => {
      const listMeta = { resourceVersion: entry.object.metadata?.resourceVersion ?? '' }
      const object = tableOf(resource, [entry], new Date(), { version, includeObject, withColumns, listMeta })
      withColumns = false
      return textFrame(type, object)
    }
    return {
      initial: (entry) => table('ADDED', entry),
      event: (_event, seen) => table(seen.type, seen.entry),
      bookmark: (revision, end) => {
        const metadata = { resourceVersion: String(revision) }
        const object = bookmarkOf(resource, revision, end)
        const rows = [{ cells: [], object: includeObject === 'Object' ? object : partialMetadata(object, version) }]
        return textFrame('BOOKMARK', {
          kind: 'Table',
          apiVersion: `meta.k8s.io/${version}`,
          metadata,
          columnDefinitions: null,
          rows,
        })
      },
    }
  }
  return {
    ...shared(`partial/${version}`, (entry) => Buffer.from(jsonText(partialMetadata(entry.object, version)))),
    bookmark: (revision, end) => textFrame('BOOKMARK', partialMetadata(bookmarkOf(resource, revision, end), version)),
  }
}
