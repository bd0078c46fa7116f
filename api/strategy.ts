/** What most kinds do alike between decoding and storing. Upstream: the strategy files of pkg/registry. */
import { isDns1123Label } from './meta/names.ts'
import type { KubeObject } from './types.ts'

type WithStatus = KubeObject & { status?: unknown }

interface StatusStrategy<T> {
  readonly prepareForCreate: (object: T) => void
  readonly prepareForUpdate: (object: T, old: T) => void
}

/** Puts a field back as it is stored; absent stays absent. */
export const keepField = <T extends object, Field extends keyof T>(object: T, old: T, field: Field): void => {
  if (old[field] === undefined) delete object[field]
  else object[field] = old[field]
}

/**
 * Status belongs to the server: a new object starts with the empty one, an update through the main endpoint
 * cannot change it. `empty` holds what upstream writes for a zero status.
 */
export const serverStatus = <T extends WithStatus>(empty: () => NonNullable<T['status']>): StatusStrategy<T> => ({
  prepareForCreate: (object) => {
    object.status = empty()
  },
  prepareForUpdate: (object, old) => keepField(object, old, 'status'),
})

/** A spec that the client left out: empty, so that validation names each required field in it. */
export const missingSpec = <T extends { spec?: unknown }>(): NonNullable<T['spec']> => ({}) as NonNullable<T['spec']>

/** On creation: a name that is no DNS label makes odd hostnames. `use` is what becomes of the name, in upstream's words. */
export const warnOfHostname =
  (use: string) =>
  (object: KubeObject, old: KubeObject | undefined): readonly string[] => {
    const messages = old === undefined ? isDns1123Label(object.metadata?.name ?? '') : []
    if (messages.length === 0) return []
    return [
      `metadata.name: this is used in ${use}, which can result in surprising behavior; a DNS label is recommended: [${messages.join(' ')}]`,
    ]
  }
