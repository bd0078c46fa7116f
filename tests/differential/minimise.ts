/** The smallest sequence that still shows a difference: operations are left out, then parts of their requests. */
import type { Operation } from './operations.ts'

type Fails = (operations: readonly Operation[]) => Promise<boolean>

/** Without one run of operations after the other, in ever smaller runs. */
const withoutOperations = async (operations: readonly Operation[], fails: Fails): Promise<readonly Operation[]> => {
  let left = operations
  for (let size = Math.ceil(left.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let start = left.length - size; start >= 0; start = Math.min(start - size, left.length - size)) {
      const fewer = left.toSpliced(start, size)
      if (fewer.length > 0 && (await fails(fewer))) left = fewer
    }
  }
  return left
}

/** What an operation is none without. */
const needed: ReadonlySet<string> = new Set(['op', 'stream', 'request', 'watchId'])

/** Every way to take one thing out of a value: a field, an item of a list. */
function* smaller(value: unknown): Generator<unknown, void, void> {
  if (Array.isArray(value)) {
    for (const index of value.keys()) yield value.toSpliced(index, 1)
    for (const [index, item] of value.entries()) for (const less of smaller(item)) yield value.with(index, less)
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, field] of Object.entries(value)) {
      if (field === undefined || needed.has(name)) continue
      yield Object.fromEntries(Object.entries(value).filter(([other]) => other !== name))
    }
    for (const [name, field] of Object.entries(value)) {
      for (const less of smaller(field)) yield { ...value, [name]: less }
    }
  }
}

const withoutParts = async (operations: readonly Operation[], fails: Fails): Promise<readonly Operation[]> => {
  let left = operations
  for (let index = 0; index < left.length; index++) {
    for (let found = true; found; ) {
      found = false
      for (const less of smaller(left[index])) {
        const candidate = left.with(index, less as Operation)
        if (!(await fails(candidate))) continue
        left = candidate
        found = true
        break
      }
    }
  }
  return left
}

export const minimise = async (operations: readonly Operation[], fails: Fails): Promise<readonly Operation[]> =>
  withoutParts(await withoutOperations(operations, fails), fails)
