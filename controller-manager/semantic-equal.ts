/** Equality of API data as Go's equality.Semantic sees it: an empty list or map equals an absent one. */

import { semanticEqual as zeroIsAbsent } from '../api/meta/equal.ts'

/** Fields that are Go maps, where `{}` means absent; elsewhere `{}` is a struct that is present. */
const mapFields = new Set([
  'labels',
  'annotations',
  'nodeSelector',
  'matchLabels',
  'limits',
  'requests',
  'overhead',
  'data',
  'binaryData',
])

const isAbsent = (value: unknown, field: string): boolean => {
  if (value === undefined || value === null) return true
  if (Array.isArray(value)) return value.length === 0
  return mapFields.has(field) && typeof value === 'object' && Object.keys(value).length === 0
}

/** Deep equality of two JSON values. `field` is the name under which they stand. */
export const semanticEqual = (a: unknown, b: unknown, field = ''): boolean => {
  if (a === b) return true
  if (isAbsent(a, field) || isAbsent(b, field)) return isAbsent(a, field) && isAbsent(b, field)
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
    return a.every((item, index) => semanticEqual(item, b[index]))
  }
  const left = new Map(Object.entries(a))
  const right = new Map(Object.entries(b))
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    if (!semanticEqual(left.get(key), right.get(key), key)) return false
  }
  return true
}

/** Equality of a status as computed and as the API has it, which leaves out zeros or writes them as Go does. */
export const sameStatus = (a: unknown, b: unknown): boolean => zeroIsAbsent(a, b)
