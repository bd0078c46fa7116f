/**
 * Objects and their bytes. An object is encoded once per write: the stored bytes carry no resourceVersion (the store
 * gives it), and it is spliced in right after `metadata.uid`, whose place is known because objects are canonical.
 */
import { jsonText } from '../../api/codec/encode.ts'
import { parseJson } from '../../api/codec/json.ts'
import type { KubeObject, ObjectMeta } from '../../api/types.ts'
import { allocateKept, type Entry, StoredEntry, withVersionDigits } from './entry.ts'
import { ViewBudget } from './views.ts'

export type { Entry } from './entry.ts'

/** What stands before resourceVersion in metadata. */
const metadataHead = ['name', 'generateName', 'namespace', 'selfLink', 'uid'] as const
const isHead = new Set<string>([...metadataHead, 'resourceVersion'])

/** A copy of metadata with resourceVersion in its place; undefined leaves it out. */
const withVersion = (metadata: ObjectMeta, version: string | undefined): ObjectMeta => {
  const copy: Record<string, unknown> = {}
  for (const name of metadataHead) if (metadata[name] !== undefined) copy[name] = metadata[name]
  if (version !== undefined) copy['resourceVersion'] = version
  for (const name in metadata) if (!isHead.has(name)) copy[name] = metadata[name as keyof ObjectMeta]
  return copy
}

/** Encodes a canonical object for the store: no resourceVersion. */
export const encodeForStorage = (object: KubeObject): Buffer => {
  const { kind, apiVersion, metadata, ...rest } = object
  return Buffer.from(jsonText({ kind, apiVersion, metadata: withVersion(metadata ?? {}, undefined), ...rest }))
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

const spliceVersion = (key: string, object: KubeObject, stored: Buffer, revision: number): StoredEntry | undefined => {
  const at = spliceOffset(stored)
  if (at < 0) return undefined
  const version = String(revision)
  const insert = `,"resourceVersion":"${version}"`
  const bytes = allocateKept(stored.length + insert.length)
  stored.copy(bytes, 0, 0, at)
  bytes.write(insert, at, 'latin1')
  stored.copy(bytes, at + insert.length, at)
  const versionEnd = at + insert.length - 1
  return new StoredEntry(key, { bytes, revision, versionStart: versionEnd - version.length, versionEnd }, object)
}

const setVersion = (object: KubeObject, revision: number): void => {
  object.metadata = withVersion(object.metadata ?? {}, String(revision))
}

/** An entry for an object that this process has just encoded. Sets its resourceVersion in place. */
export const entryFromWrite = (key: string, object: KubeObject, stored: Buffer, revision: number): StoredEntry => {
  setVersion(object, revision)
  const entry = spliceVersion(key, object, stored, revision)
  if (entry === undefined) throw new Error(`stored object ${key} has no uid`)
  return entry
}

/** An entry for bytes that come from the store, written by whomever. Throws on bytes that are not JSON. */
export const entryFromStore = (key: string, stored: Buffer, revision: number): StoredEntry => {
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
  const bytes = withVersionDigits(entry, revision)
  if (entry.superseded === true) return new StoredEntry(entry.key, bytes)
  const metadata = { ...entry.object.metadata, resourceVersion: String(revision) }
  return new StoredEntry(entry.key, bytes, { ...entry.object, metadata })
}

const heldViews = new ViewBudget()

/** Bytes of an entry in another representation, made once per entry and name while the entry is current. */
export const viewOf = (entry: Entry, name: string, encode: (object: KubeObject) => Buffer): Buffer => {
  if (entry.superseded === true) return encode(entry.object)
  const views = (entry.views ??= new Map())
  let bytes = views.get(name)
  if (bytes === undefined) {
    bytes = encode(entry.object)
    heldViews.keep(views, name, bytes)
  }
  return bytes
}
