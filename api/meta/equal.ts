/**
 * Equality of API objects as upstream means it: absent, null and empty lists, maps and strings are the same,
 * and so are absent and false or 0. Upstream: apimachinery/pkg/api/equality.Semantic.
 */
const isEmpty = (value: unknown): boolean => {
  if (value === undefined || value === null || value === '' || value === false || value === 0) return true
  if (Array.isArray(value)) return value.length === 0
  return typeof value === 'object' && Object.values(value).every(isEmpty)
}

export const semanticEqual = (a: unknown, b: unknown): boolean => {
  if (a === b) return true
  if (isEmpty(a) && isEmpty(b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
    return a.every((item, index) => semanticEqual(item, b[index]))
  }
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
    if (!semanticEqual(Reflect.get(a, name), Reflect.get(b, name))) return false
  }
  return true
}
