/** The answer of a write with dryRun=All: what would have been stored. */
import type { KubeObject } from '../../api/types.ts'
import type { Entry } from '../storage/encoding.ts'

export const dryRunEntry = (key: string, object: KubeObject): Entry => {
  const { kind, apiVersion, metadata, ...rest } = object
  const bytes = Buffer.from(JSON.stringify({ kind, apiVersion, metadata, ...rest }))
  return { key, object, bytes, revision: 0, versionStart: 0, versionEnd: 0 }
}
