/**
 * One version of one object: the bytes that every response and watcher gets, and its parsed form beside them.
 * While it is the current version both are kept; what is only history keeps its bytes, and is parsed again in the rare
 * case that somebody looks at it (a watch with a selector that resumes).
 */
import { parseJson } from '../../api/codec/json.ts'
import type { KubeObject } from '../../api/types.ts'
import type { Views } from './views.ts'

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
  /** Other representations (another API version, protobuf) by name, made when first asked for. */
  views?: Views | undefined
  /** Whether it is history. */
  readonly superseded?: boolean
}

export interface EntryBytes {
  readonly bytes: Buffer
  readonly revision: number
  readonly versionStart: number
  readonly versionEnd: number
}

export class StoredEntry implements Entry {
  readonly key: string
  readonly bytes: Buffer
  readonly revision: number
  readonly versionStart: number
  readonly versionEnd: number
  views: Views | undefined
  superseded = false
  #object: KubeObject | undefined
  #reread: WeakRef<KubeObject> | undefined

  constructor(key: string, { bytes, revision, versionStart, versionEnd }: EntryBytes, object?: KubeObject) {
    this.key = key
    this.bytes = bytes
    this.revision = revision
    this.versionStart = versionStart
    this.versionEnd = versionEnd
    this.#object = object
  }

  get object(): KubeObject {
    return this.#object ?? this.#read()
  }

  /** A newer version has taken its place: from now on only the bytes are kept. */
  supersede(): void {
    this.superseded = true
    this.#object = undefined
    this.views?.clear()
    this.views = undefined
  }

  #read(): KubeObject {
    const known = this.#reread?.deref()
    if (known !== undefined) return known
    const object = parseJson(this.bytes, { strict: false }).value as KubeObject
    this.#reread = new WeakRef(object)
    return object
  }
}

/**
 * Memory for bytes that are kept. Not from Node's pool: there the short-lived buffers beside them would be kept too,
 * as a pool's slab is freed as a whole.
 */
export const allocateKept = (size: number): Buffer => Buffer.allocUnsafeSlow(size)

/** A copy with another resourceVersion. */
export const withVersionDigits = ({ bytes, versionStart, versionEnd }: EntryBytes, revision: number): EntryBytes => {
  const version = String(revision)
  const end = versionStart + version.length
  const copy = Buffer.allocUnsafe(bytes.length + version.length - (versionEnd - versionStart))
  bytes.copy(copy, 0, 0, versionStart)
  copy.write(version, versionStart, 'latin1')
  bytes.copy(copy, end, versionEnd)
  return { bytes: copy, revision, versionStart, versionEnd: end }
}
