/** Short stable hashes of templates, spelled so that no bad word can appear. Upstream: controller.ComputeHash. */

const safeAlphabet = 'bcdfghjklmnpqrstvwxz2456789'

/** JSON with sorted keys and without absent values: equal data gives equal text. */
export const canonicalJson = (value: unknown): string => {
  if (value === undefined || value === null) return 'null'
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object') return JSON.stringify(value)
  const fields = Object.entries(value)
    .filter(([, item]) => item !== undefined && item !== null && !(Array.isArray(item) && item.length === 0))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`
}

/** FNV-1a, 32 bits. */
export const fnv32a = (text: string): number => {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

/** Upstream: rand.SafeEncodeString. */
export const safeEncode = (text: string): string =>
  Array.from(text, (char) => safeAlphabet[(char.codePointAt(0) ?? 0) % safeAlphabet.length]).join('')

/** Names a template: the same data and collision count give the same hash, after a restart too. */
export const templateHash = (template: unknown, collisionCount?: number): string =>
  safeEncode(String(fnv32a(canonicalJson(template) + (collisionCount === undefined ? '' : `#${collisionCount}`))))
