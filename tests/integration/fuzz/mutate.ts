/** Spoils things: JSON values, their text, query strings. What comes out is mostly wrong, and sometimes nearly right. */
import type { SeededRandom } from '../../harness/seeded-random.ts'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

const deep = (levels: number): Json => {
  let value: Json = 1
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { a: value }
  return value
}

const oddValues: readonly [Json, ...Json[]] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e30,
  Number.MAX_SAFE_INTEGER,
  '',
  'x',
  'x'.repeat(300),
  'a/b/c',
  'A_b..',
  '\u0000\ud800',
  '1Gi',
  '99999999999999999999999999',
  '2026-01-01T00:00:00Z',
  '{{}}',
  [],
  [null],
  ['', 1, {}],
  {},
  { '': '' },
  { a: null },
  deep(40),
]
const oddKeys: readonly [string, ...string[]] = [
  '__proto__',
  'constructor',
  'toString',
  '',
  'metadata',
  'spec',
  'status',
  'kind',
  '$patch',
  '$setElementOrder/containers',
  '$deleteFromPrimitiveList/finalizers',
  'f:metadata',
  'a.b/c~1d',
]

const isRecord = (value: Json): value is { [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Sets a key as JSON.parse would, `__proto__` included. */
const define = (record: { [key: string]: Json }, key: string, value: Json): void => {
  Object.defineProperty(record, key, { value, enumerable: true, configurable: true, writable: true })
}

/** A copy in which one place is not as it was. */
export const spoil = (random: SeededRandom, value: Json): Json => {
  if (Array.isArray(value)) {
    if (value.length === 0 || random.oneIn(6)) return [...value, random.pick(oddValues)]
    const index = random.below(value.length)
    if (random.oneIn(8)) return value.toSpliced(index, 1)
    if (random.oneIn(8)) return [...value, value[index] ?? null]
    return value.with(index, spoil(random, value[index] ?? null))
  }
  if (!isRecord(value)) return random.pick(oddValues)
  const copy = { ...value }
  const keys = Object.keys(copy)
  const key = keys[random.below(keys.length)]
  const dice = random.below(10)
  if (key === undefined || dice === 0) define(copy, random.pick(oddKeys), random.pick(oddValues))
  else if (dice === 1) delete copy[key]
  else if (dice === 2) copy[key] = random.pick(oddValues)
  else copy[key] = spoil(random, copy[key] ?? null)
  return copy
}

/** Text that is cut off, doubled in part, or has bytes changed. */
export const garble = (random: SeededRandom, text: string): Buffer => {
  const bytes = Buffer.from(text)
  if (bytes.length === 0) return bytes
  const at = random.below(bytes.length)
  if (random.oneIn(3)) return bytes.subarray(0, at)
  if (random.oneIn(3)) return Buffer.concat([bytes, bytes.subarray(at)])
  for (let n = 1 + random.below(4); n > 0; n--) bytes[random.below(bytes.length)] = random.below(256)
  return bytes
}

const parameters: readonly [string, ...string[]] = [
  'watch',
  'limit',
  'continue',
  'resourceVersion',
  'resourceVersionMatch',
  'labelSelector',
  'fieldSelector',
  'timeoutSeconds',
  'sendInitialEvents',
  'allowWatchBookmarks',
  'dryRun',
  'fieldManager',
  'fieldValidation',
  'force',
  'propagationPolicy',
  'gracePeriodSeconds',
  'orphanDependents',
  'pretty',
  'includeObject',
  'command',
  'container',
  'tailLines',
  'nonsense',
]
const argumentsOf: readonly [string, ...string[]] = [
  '',
  '0',
  '1',
  '-1',
  '1.5',
  '99999999999999999999',
  'true',
  'All',
  'Strict',
  'Exact',
  'NotOlderThan',
  'a=b',
  'a in (b,c),!d',
  'a in (',
  'metadata.name=x',
  'spec.nodeName==',
  'status.phase!=Running,',
  ',,,',
  '%00',
  '%zz',
  'é',
  'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJ4In0',
  'x'.repeat(2000),
]

/** Up to four parameters. A watch ends soon: it is given a second. */
export const oddQuery = (random: SeededRandom): string => {
  const parts = Array.from(
    { length: random.below(4) },
    () =>
      `${random.pick(parameters)}=${encodeURI(random.pick(argumentsOf)).replaceAll('&', '%26').replaceAll('#', '%23')}`,
  )
  if (parts.some((part) => part.startsWith('watch='))) parts.push('timeoutSeconds=1')
  return parts.length === 0 ? '' : `?${parts.join('&')}`
}
