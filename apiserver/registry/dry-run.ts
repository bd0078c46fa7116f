/** The answer of a write with dryRun=All: what would have been stored. */
import { jsonText } from '../../api/codec/encode.ts'
import type { KubeObject } from '../../api/types.ts'
import type { Entry } from '../storage/encoding.ts'
import { canonicalStored } from './canonical.ts'
import { apiVersionOf, type Resource } from './resource.ts'

/** As it would come back from the store. */
const throughStore = async ({ conversion, definition, stored }: Resource, object: KubeObject): Promise<KubeObject> => {
  if (conversion === undefined || !conversion.waits) return object
  const converted = await conversion.convert(object, apiVersionOf(stored))
  return conversion.convert(converted, apiVersionOf(definition))
}

/** `stored` is in the version that the store has. Rejects with ConversionError. */
export const dryRunEntry = async (resource: Resource, key: string, stored: KubeObject): Promise<Entry> => {
  const object = canonicalStored(resource.stored, await throughStore(resource, stored))
  return { key, object, bytes: Buffer.from(jsonText(object)), revision: 0, versionStart: 0, versionEnd: 0 }
}
