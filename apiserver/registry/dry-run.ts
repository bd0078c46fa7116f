/** The answer of a write with dryRun=All: what would have been stored. */
import { jsonText } from '../../api/codec/encode.ts'
import type { KubeObject } from '../../api/types.ts'
import type { Entry } from '../storage/encoding.ts'
import { canonicalStored } from './canonical.ts'
import type { Resource } from './resource.ts'

/** `stored` is in the version that the store has. */
export const dryRunEntry = (resource: Resource, key: string, stored: KubeObject): Entry => {
  const object = canonicalStored(resource.stored, stored)
  return { key, object, bytes: Buffer.from(jsonText(object)), revision: 0, versionStart: 0, versionEnd: 0 }
}
