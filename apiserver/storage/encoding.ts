/**
 * Objects and their bytes. An object is encoded once per write: the stored bytes carry no resourceVersion (the store
 * gives it), and it is spliced in right after `metadata.uid`, whose place is known because metadata comes first and in
 * a fixed order.
 */
import { parseJson } from '../../api/codec/json.ts'
import type { KubeObject, ObjectMeta } from '../../api/types.ts'

/** One version of one object: parsed, and as the bytes that every response and watcher gets. */
export interface Entry {
  /** `ns/name`, or `name`. */
  readonly key: string
  /** Shared and read by many: never changed. */
  readonly object: KubeObject
  /** JSON with resourceVersion. */
  readonly bytes: Buffer
  readonly revision: number
  /** Where the digits of resourceVersion stand in `bytes`. */
  readonly versionStart: number
  readonly versionEnd: number
  /** Other representations (another API version, a Table row) by name, made when first asked for. */
  views?: Map<string, Buffer>
}

/** metadata in upstream's order, without what is not stored. */
const orderedMetadata = (meta: ObjectMeta): Record<string, unknown> => ({
  name: meta.name,
  generateName: meta.generateName,
  namespace: meta.namespace,
  uid: meta.uid,
  generation: meta.generation,
  creationTimestamp: meta.creationTimestamp,
  deletionTimestamp: meta.deletionTimestamp,
  deletionGracePeriodSeconds: meta.deletionGracePeriodSeconds,
  labels: meta.labels,
  annotations: meta.annotations,
  ownerReferences: meta.ownerReferences,
  finalizers: meta.finalizers,
  managedFields: meta.managedFields,
})

/** Encodes for the store: kind, apiVersion and metadata first, no resourceVersion. */
export const encodeForStorage = (object: KubeObject): Buffer => {
  const { kind, apiVersion, metadata, ...rest } = object
  const head = `{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(apiVersion)},"metadata":${JSON.stringify(
    orderedMetadata(metadata ?? {}),
  )}`
  const tail = JSON.stringify(rest)
  return Buffer.from(tail === '{}' ? `${head}}` : `${head},${tail.slice(1)}`)
}

/** Matches what encodeForStorage writes up to and including the uid; anything else is encoded anew. */
const ownShape =
  /^\{"kind":"[^"]*","apiVersion":"[^"]*","metadata":\{(?:"name":"(?:[^"\\]|\\.)*",)?(?:"generateName":"(?:[^"\\]|\\.)*",)?(?:"namespace":"[^"]*",)?"uid":"[^"]*"/

/** Enough for kind, apiVersion, generateName, name, namespace and uid. */
const maxHeadBytes = 1024

const uidMark = Buffer.from('"uid":"')

/** Offset just behind `"uid":"…"`, or -1. Safe to search for: inside strings quotes are escaped. */
const spliceOffset = (stored: Buffer): number => {
  const at = stored.indexOf(uidMark)
  if (at < 0) return -1
  const end = stored.indexOf(0x22, at + uidMark.length)
  return end < 0 ? -1 : end + 1
}

const spliceVersion = (key: string, object: KubeObject, stored: Buffer, revision: number): Entry | undefined => {
  const at = spliceOffset(stored)
  if (at < 0) return undefined
  const version = String(revision)
  const insert = `,"resourceVersion":"${version}"`
  const bytes = Buffer.allocUnsafe(stored.length + insert.length)
  stored.copy(bytes, 0, 0, at)
  bytes.write(insert, at, 'latin1')
  stored.copy(bytes, at + insert.length, at)
  const versionEnd = at + insert.length - 1
  return { key, object, bytes, revision, versionStart: versionEnd - version.length, versionEnd }
}

const setVersion = (object: KubeObject, revision: number): void => {
  object.metadata = { ...object.metadata, resourceVersion: String(revision) }
}

/** An entry for an object that this process has just encoded. Sets its resourceVersion in place. */
export const entryFromWrite = (key: string, object: KubeObject, stored: Buffer, revision: number): Entry => {
  setVersion(object, revision)
  const entry = spliceVersion(key, object, stored, revision)
  if (entry === undefined) throw new Error(`stored object ${key} has no uid`)
  return entry
}

/** An entry for bytes that come from the store, written by whomever. Throws on bytes that are not JSON. */
export const entryFromStore = (key: string, stored: Buffer, revision: number): Entry => {
  const object = parseJson(stored, { strict: false }).value as KubeObject
  setVersion(object, revision)
  if (ownShape.test(stored.toString('latin1', 0, maxHeadBytes))) {
    const entry = spliceVersion(key, object, stored, revision)
    if (entry !== undefined) return entry
  }
  const metadata = { uid: '', ...object.metadata }
  return entryFromWrite(key, { ...object, metadata }, encodeForStorage({ ...object, metadata }), revision)
}

/** The same object under another resourceVersion: what a DELETED event carries. */
export const withRevision = (entry: Entry, revision: number): Entry => {
  const version = String(revision)
  const object = { ...entry.object, metadata: { ...entry.object.metadata, resourceVersion: version } }
  const head = entry.bytes.subarray(0, entry.versionStart)
  const tail = entry.bytes.subarray(entry.versionEnd)
  return {
    key: entry.key,
    object,
    bytes: Buffer.concat([head, Buffer.from(version), tail]),
    revision,
    versionStart: entry.versionStart,
    versionEnd: entry.versionStart + version.length,
  }
}

/** Bytes of an entry in another representation, made once per entry and name. */
export const viewOf = (entry: Entry, name: string, encode: (object: KubeObject) => Buffer): Buffer => {
  const views = (entry.views ??= new Map())
  let bytes = views.get(name)
  if (bytes === undefined) {
    bytes = encode(entry.object)
    views.set(name, bytes)
  }
  return bytes
}
