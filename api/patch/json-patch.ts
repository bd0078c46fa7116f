/** JSON patch, RFC 6902, with upstream's limits and answers. */
import { clone, equalJson } from '../meta/clone.ts'
import { badRequest, StatusError } from '../meta/status-error.ts'
import { jsonKind } from '../codec/decode-context.ts'
import { addAt, parsePointer, PointerError, removeAt, replaceAt, resolve } from './json-pointer.ts'
import { unprocessablePatch } from './patch-error.ts'

const maxOperations = 10_000
/** What `copy` may add together: copying a document into itself doubles it each time. */
const maxCopiedBytes = 3 * 1024 * 1024
const operationFields = new Set(['op', 'path', 'from', 'value'])

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const textOf = (operation: Record<string, unknown>, name: 'path' | 'from'): string => {
  const value = Object.hasOwn(operation, name) ? operation[name] : undefined
  if (typeof value !== 'string') throw new PointerError(`operation missing ${name} field`)
  return value
}

const valueOf = (operation: Record<string, unknown>): unknown => {
  if (!Object.hasOwn(operation, 'value')) throw new PointerError('operation, missing value field')
  return clone(operation.value)
}

interface State {
  document: unknown
  copiedBytes: number
}

const put = (state: State, path: string, value: unknown): void => {
  const tokens = parsePointer(path)
  if (tokens.length === 0) state.document = value
  else addAt(state.document, tokens, value, path)
}

const existing = (state: State, path: string): unknown => {
  const value = resolve(state.document, parsePointer(path))
  if (value === undefined) throw new PointerError(`doc is missing path: ${JSON.stringify(path)}: missing value`)
  return value
}

const applyOperation = (state: State, operation: Record<string, unknown>): void => {
  const path = textOf(operation, 'path')
  switch (operation.op) {
    case 'add':
      put(state, path, valueOf(operation))
      return
    case 'remove':
      removeAt(state.document, parsePointer(path), path)
      return
    case 'replace': {
      const tokens = parsePointer(path)
      if (tokens.length === 0) state.document = valueOf(operation)
      else replaceAt(state.document, tokens, valueOf(operation), path)
      return
    }
    case 'move': {
      const from = textOf(operation, 'from')
      if (path.startsWith(`${from}/`)) throw new PointerError('cannot move a value into itself')
      const value = existing(state, from)
      removeAt(state.document, parsePointer(from), from)
      put(state, path, value)
      return
    }
    case 'copy': {
      const value = existing(state, textOf(operation, 'from'))
      state.copiedBytes += Buffer.byteLength(JSON.stringify(value))
      if (state.copiedBytes > maxCopiedBytes) {
        throw new PointerError(
          `Unable to complete the copy, the accumulated size increase of copy is ${state.copiedBytes}, exceeding the limit ${maxCopiedBytes}`,
        )
      }
      put(state, path, clone(value))
      return
    }
    case 'test': {
      const actual = resolve(state.document, parsePointer(path)) ?? null
      const expected = Object.hasOwn(operation, 'value') ? (operation.value ?? null) : null
      if (!equalJson(actual, expected)) throw new PointerError(`testing value ${path} failed: test failed`)
      return
    }
    default:
      throw new PointerError(`Unexpected kind: ${String(operation.op)}`)
  }
}

/**
 * The patched object; `original` is left as it is. Throws StatusError: BadRequest where the patch is no list of
 * operations, RequestEntityTooLarge beyond 10,000 of them, Invalid where one of them fails (a test, a missing path).
 */
export const applyJsonPatch = (original: object, patch: unknown): Record<string, unknown> => {
  if (!Array.isArray(patch)) {
    throw badRequest(`json: cannot unmarshal ${jsonKind(patch)} into Go value of type jsonpatch.Patch`)
  }
  if (patch.length > maxOperations) {
    throw new StatusError(
      'RequestEntityTooLarge',
      `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`,
    )
  }
  const state: State = { document: clone(original), copiedBytes: 0 }
  for (const operation of patch) {
    if (!isRecord(operation)) {
      throw badRequest(`json: cannot unmarshal ${jsonKind(operation)} into Go value of type jsonpatch.Operation`)
    }
    try {
      applyOperation(state, operation)
    } catch (error) {
      if (error instanceof PointerError) throw unprocessablePatch(error.message)
      throw error
    }
  }
  if (!isRecord(state.document)) throw unprocessablePatch('the patch leaves no object')
  return state.document
}

/** What strict field validation objects to in the operations themselves. */
export const jsonPatchProblems = (patch: unknown): readonly string[] =>
  Array.isArray(patch)
    ? patch.flatMap((operation, index) =>
        isRecord(operation)
          ? Object.keys(operation)
              .filter((name) => !operationFields.has(name))
              .map((name) => `json patch unknown field ${JSON.stringify(`[${index}].${name}`)}`)
          : [],
      )
    : []
