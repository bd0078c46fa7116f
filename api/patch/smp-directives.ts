/** Directives of strategic merge patches: fields whose name starts with `$`. Upstream: strategicpatch/patch.go. */
import { getField } from '../meta/clone.ts'
import { badRequest } from '../meta/status-error.ts'
import { failedPatch, goFormat } from './patch-error.ts'

export type JsonObject = Record<string, unknown>

export const patchDirective = '$patch'
export const retainKeysDirective = '$retainKeys'
const deleteFromListPrefix = '$deleteFromPrimitiveList/'
const elementOrderPrefix = '$setElementOrder/'

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** `containers` of `$setElementOrder/containers`, or undefined. */
export const elementOrderField = (name: string): string | undefined =>
  name.startsWith(elementOrderPrefix) ? name.slice(elementOrderPrefix.length) : undefined

/** `finalizers` of `$deleteFromPrimitiveList/finalizers`, or undefined. */
export const deleteFromListField = (name: string): string | undefined =>
  name.startsWith(deleteFromListPrefix) ? name.slice(deleteFromListPrefix.length) : undefined

const isDirective = (name: string): boolean =>
  name === patchDirective ||
  name === retainKeysDirective ||
  name.startsWith(deleteFromListPrefix) ||
  name.startsWith(elementOrderPrefix)

/**
 * What becomes of a value that the original does not have: the value without directives and nulls,
 * or undefined where a directive deletes it.
 */
export const withoutDirectives = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined)
  if (!isJsonObject(value)) return value
  const directive = getField(value, patchDirective)
  if (directive === 'delete') return undefined
  // A lone `$patch: replace` in a list marks the list, not an element.
  if (directive !== undefined && Object.keys(value).length === 1) return undefined
  const kept: [string, unknown][] = []
  for (const [name, member] of Object.entries(value)) {
    if (isDirective(name) || member === null) continue
    const cleaned = withoutDirectives(member)
    if (cleaned !== undefined) kept.push([name, cleaned])
  }
  return Object.fromEntries(kept)
}

/** The whole result where a patch carries `$patch`: replace gives the rest of the patch, delete gives {}. */
export const applyPatchDirective = (patch: JsonObject): JsonObject => {
  const directive = patch[patchDirective]
  const rest = Object.fromEntries(Object.entries(patch).filter(([name]) => name !== patchDirective))
  if (directive === 'replace') return rest
  if (directive === 'delete') return {}
  throw failedPatch(`unknown patch type: ${goFormat(directive)} in map: ${goFormat(patch)}`)
}

/** `$retainKeys: [a, b]`: of the original only these fields stay. Changes both in place. */
export const applyRetainKeys = (original: JsonObject, patch: JsonObject): void => {
  const directive = getField(patch, retainKeysDirective)
  if (directive === undefined) return
  delete patch[retainKeysDirective]
  if (!Array.isArray(directive)) throw badRequest('invalid patch format of retainKeys')
  const retained = new Set<unknown>(directive)
  for (const [name, value] of Object.entries(patch)) {
    if (value !== null && !isDirective(name) && !retained.has(name)) {
      throw badRequest('invalid patch format of retainKeys')
    }
  }
  for (const name of Object.keys(original)) if (!retained.has(name)) delete original[name]
}
