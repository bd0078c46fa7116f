/** JSON pointers, RFC 6901, as the patch library of upstream reads them. */
import { getField, setField } from '../meta/clone.ts'

export class PointerError extends Error {}

const unescape = (token: string): string => token.replaceAll('~1', '/').replaceAll('~0', '~')

/** Tokens of a pointer; '' points to the whole document. */
export const parsePointer = (pointer: string): readonly string[] => {
  if (pointer === '') return []
  if (!pointer.startsWith('/')) throw new PointerError(`invalid path ${JSON.stringify(pointer)}: must start with /`)
  return pointer.slice(1).split('/').map(unescape)
}

/** Index into an array of `length`; negative ones count from the end, as upstream's library allows. */
const arrayIndex = (token: string, length: number): number => {
  if (!/^-?\d+$/.test(token)) throw new PointerError(`invalid array index ${JSON.stringify(token)}`)
  const index = Number(token)
  return index < 0 ? index + length : index
}

const isContainer = (value: unknown): value is object => typeof value === 'object' && value !== null

/** What a token names in `container`; undefined where it names nothing. */
export const child = (container: unknown, token: string): unknown => {
  if (Array.isArray(container)) return container[arrayIndex(token, container.length)]
  return isContainer(container) ? getField(container, token) : undefined
}

export const resolve = (document: unknown, tokens: readonly string[]): unknown => {
  let value = document
  for (const token of tokens) value = child(value, token)
  return value
}

const missing = (path: string): PointerError =>
  new PointerError(`doc is missing path: ${JSON.stringify(path)}: missing value`)

const parentOf = (document: unknown, tokens: readonly string[], path: string): { parent: object; last: string } => {
  const parent = resolve(document, tokens.slice(0, -1))
  if (!isContainer(parent)) throw missing(path)
  return { parent, last: tokens.at(-1) ?? '' }
}

/** Adds in place: into an array at the index (`-` is its end), into an object by name. */
export const addAt = (document: unknown, tokens: readonly string[], value: unknown, path: string): void => {
  const { parent, last } = parentOf(document, tokens, path)
  if (!Array.isArray(parent)) {
    setField(parent, last, value)
    return
  }
  if (last === '-') {
    parent.push(value)
    return
  }
  const index = Number(last) < 0 ? arrayIndex(last, parent.length + 1) : arrayIndex(last, parent.length)
  if (index < 0 || index > parent.length) throw new PointerError(`Unable to access invalid index: ${last}`)
  parent.splice(index, 0, value)
}

/** Replaces in place what must be there. */
export const replaceAt = (document: unknown, tokens: readonly string[], value: unknown, path: string): void => {
  const { parent, last } = parentOf(document, tokens, path)
  if (Array.isArray(parent)) {
    const index = arrayIndex(last, parent.length)
    if (index < 0 || index >= parent.length) throw missing(path)
    parent[index] = value
    return
  }
  if (!Object.hasOwn(parent, last)) throw missing(path)
  setField(parent, last, value)
}

/** Removes in place what must be there. */
export const removeAt = (document: unknown, tokens: readonly string[], path: string): void => {
  const { parent, last } = parentOf(document, tokens, path)
  if (Array.isArray(parent)) {
    const index = arrayIndex(last, parent.length)
    if (index < 0 || index >= parent.length) throw new PointerError(`Unable to access invalid index: ${last}`)
    parent.splice(index, 1)
    return
  }
  if (!Object.hasOwn(parent, last)) throw new PointerError(`Unable to remove nonexistent key: ${last}: missing value`)
  delete (parent as Record<string, unknown>)[last]
}
