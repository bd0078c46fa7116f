/**
 * OpenAPI of version 2, ours and that of aggregated servers in one. Of theirs only the paths of their group and version
 * count, and what these refer to; definitions of one name that differ get another name. Pure.
 * Upstream: kube-openapi's aggregator.MergeSpecsIgnorePathConflictRenamingDefinitionsAndParameters
 */
import { isDeepStrictEqual } from 'node:util'

type JsonObject = Record<string, unknown>

export interface AggregatedSpec {
  /** `/apis/<group>/<version>` */
  readonly prefix: string
  readonly document: JsonObject
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const objectAt = (document: JsonObject, name: string): JsonObject => {
  const value = document[name]
  return isObject(value) ? value : {}
}

/** The parts of a document that others refer to. */
const sections = ['definitions', 'parameters'] as const
type Section = (typeof sections)[number]

const referencePattern = /^#\/(definitions|parameters)\/(.+)$/

/** Calls back for every `$ref` below. */
const eachReference = (value: unknown, found: (section: Section, name: string) => void): void => {
  if (Array.isArray(value)) for (const item of value) eachReference(item, found)
  else if (isObject(value)) {
    for (const [key, inner] of Object.entries(value)) {
      const match = key === '$ref' && typeof inner === 'string' ? referencePattern.exec(inner) : null
      if (match === null) eachReference(inner, found)
      else found(match[1] as Section, match[2] ?? '')
    }
  }
}

type Names = Readonly<Record<Section, Map<string, string>>>

/** A copy whose references have their new names. */
const renamed = (value: unknown, names: Names): unknown => {
  if (Array.isArray(value)) return value.map((item) => renamed(item, names))
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const match = key === '$ref' && typeof inner === 'string' ? referencePattern.exec(inner) : null
      if (match === null) return [key, renamed(inner, names)]
      const [, section, name = ''] = match
      return [key, `#/${section}/${names[section as Section].get(name) ?? name}`]
    }),
  )
}

const isBelow = (path: string, prefix: string): boolean => path === prefix || path.startsWith(`${prefix}/`)

/** What of a section the paths need, directly or through others. */
const needed = (document: JsonObject, paths: JsonObject): Record<Section, Set<string>> => {
  const names: Record<Section, Set<string>> = { definitions: new Set(), parameters: new Set() }
  const visit = (section: Section, name: string): void => {
    if (names[section].has(name)) return
    names[section].add(name)
    eachReference(objectAt(document, section)[name], visit)
  }
  eachReference(paths, visit)
  return names
}

/** The name under which a part stands beside the others: its own, or one with the first free number. */
const nameFor = (taken: JsonObject, name: string, part: unknown): string => {
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${name}_v${number}`
    if (!Object.hasOwn(taken, candidate) || isDeepStrictEqual(taken[candidate], part)) return candidate
  }
}

/** Rounds after which names that still change stay as they are: no document's references are so deep. */
const maxRounds = 20

/** New names for all that is wanted: what one refers to decides whether two are the same, so until nothing changes. */
const namesFor = (
  document: JsonObject,
  wanted: Record<Section, ReadonlySet<string>>,
  taken: Record<Section, JsonObject>,
): Names => {
  const names: Names = { definitions: new Map(), parameters: new Map() }
  for (let round = 0, changed = true; changed && round < maxRounds; round++) {
    changed = false
    for (const section of sections) {
      const parts = objectAt(document, section)
      for (const name of wanted[section]) {
        const next = nameFor(taken[section], name, renamed(parts[name], names))
        changed ||= names[section].get(name) !== next
        names[section].set(name, next)
      }
    }
  }
  return names
}

export const mergeOpenApiV2 = (own: JsonObject, others: readonly AggregatedSpec[]): JsonObject => {
  if (others.length === 0) return own
  const merged: Record<'paths' | Section, JsonObject> = {
    paths: { ...objectAt(own, 'paths') },
    definitions: { ...objectAt(own, 'definitions') },
    parameters: { ...objectAt(own, 'parameters') },
  }
  for (const { prefix, document } of others) {
    const paths = Object.fromEntries(
      Object.entries(objectAt(document, 'paths')).filter(([path]) => isBelow(path, prefix)),
    )
    const wanted = needed(document, paths)
    const names = namesFor(document, wanted, merged)
    for (const section of sections) {
      const parts = objectAt(document, section)
      for (const [name, next] of names[section]) {
        if (parts[name] !== undefined) merged[section][next] ??= renamed(parts[name], names)
      }
    }
    for (const [path, item] of Object.entries(paths)) merged.paths[path] ??= renamed(item, names)
  }
  return { ...own, ...merged }
}
