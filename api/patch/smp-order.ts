/**
 * Order of merged lists: what the patch names comes in the patch's order, what only the server has keeps its place
 * relative to it. Upstream: normalizeElementOrder.
 */
import { equalJson, getField } from '../meta/clone.ts'
import { failedPatch, goFormat } from './patch-error.ts'
import { isJsonObject } from './smp-directives.ts'

/** What identifies an element: the value of its merge key, or a primitive itself. Throws where the key is missing. */
export const identityOf = (element: unknown, mergeKey: string | undefined): unknown => {
  if (mergeKey === undefined) return element
  if (!isJsonObject(element)) throw failedPatch(`expected a map, but received a ${typeof element}`)
  const value = getField(element, mergeKey)
  if (value === undefined) {
    throw failedPatch(`map: ${goFormat(element)} does not contain declared merge key: ${mergeKey}`)
  }
  return value
}

/** Position of an element by identity; -1 where the list has none. */
const positions = (list: readonly unknown[], mergeKey: string | undefined): ((element: unknown) => number) => {
  const ids = list.map((element) => identityOf(element, mergeKey))
  return (element) => {
    const id = identityOf(element, mergeKey)
    return ids.findIndex((known) => equalJson(known, id))
  }
}

/** The elements of `list` that `order` names and those that it does not. */
const partition = (
  list: readonly unknown[],
  order: (element: unknown) => number,
): { named: unknown[]; unnamed: unknown[] } => {
  const named: unknown[] = []
  const unnamed: unknown[] = []
  for (const element of list) (order(element) >= 0 ? named : unnamed).push(element)
  return { named, unnamed }
}

/** Reorders `merged`: `patchOrder` is the order that the patch wants, `serverOrder` the list before the patch. */
export const orderMerged = (
  merged: readonly unknown[],
  patchOrder: readonly unknown[],
  serverOrder: readonly unknown[],
  mergeKey: string | undefined,
): unknown[] => {
  const inPatch = positions(patchOrder, mergeKey)
  const onServer = positions(serverOrder, mergeKey)
  const { named, unnamed } = partition(merged, inPatch)
  named.sort((a, b) => inPatch(a) - inPatch(b))
  unnamed.sort((a, b) => onServer(a) - onServer(b))

  const result: unknown[] = []
  let next = 0
  for (const element of named) {
    const place = onServer(element)
    // Server-only elements that stood before this one stay before it.
    while (place >= 0 && next < unnamed.length && onServer(unnamed[next]) < place && onServer(unnamed[next]) >= 0) {
      result.push(unnamed[next++])
    }
    result.push(element)
  }
  return [...result, ...unnamed.slice(next)]
}

/** `$setElementOrder` must name every element of the patch's list, in the same order. */
export const checkElementOrder = (
  patchList: readonly unknown[],
  order: readonly unknown[],
  mergeKey: string | undefined,
): void => {
  const place = positions(order, mergeKey)
  let last = -1
  for (const element of patchList) {
    if (
      isJsonObject(element) &&
      (getField(element, '$patch') === 'delete' || getField(element, '$patch') === 'replace')
    )
      continue
    const index = place(element)
    if (index <= last && !(index === last && index >= 0)) {
      throw failedPatch(
        `The order in patch list:\n${goFormat(patchList)}\n doesn't match $setElementOrder list:\n${goFormat(order)}\n`,
      )
    }
    last = index
  }
}
