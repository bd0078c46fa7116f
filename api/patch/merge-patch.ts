/** JSON merge patch, RFC 7396. */
import { clone, getField, setField } from '../meta/clone.ts'
import { badRequest } from '../meta/status-error.ts'

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const merge = (target: unknown, patch: unknown): unknown => {
  if (!isRecord(patch)) return clone(patch)
  const result: Record<string, unknown> = {}
  if (isRecord(target)) {
    for (const [name, value] of Object.entries(target)) {
      if (!Object.hasOwn(patch, name)) setField(result, name, value)
      else if (patch[name] !== null) setField(result, name, merge(value, getField(patch, name)))
    }
  }
  for (const [name, value] of Object.entries(patch)) {
    if (value !== null && !Object.hasOwn(result, name)) setField(result, name, merge(undefined, value))
  }
  return result
}

/**
 * The patched object; `original` is left as it is, parts that the patch does not touch are shared with it.
 * Throws StatusError BadRequest where the patch is no object.
 */
export const applyMergePatch = (original: object, patch: unknown): Record<string, unknown> => {
  if (!isRecord(patch)) throw badRequest('Invalid JSON Patch')
  return merge(original, patch) as Record<string, unknown>
}
