/**
 * Texts of fields and kinds, for OpenAPI and `kubectl explain`. They are not part of kubets: they are read at run time
 * from the doc comments of @kubernetes/client-node, and kept in a cache file of the caller's so that it happens once.
 */
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { definitionNames } from '../schema/schema.ts'

interface DefinitionText {
  readonly text: string
  readonly fields: Readonly<Record<string, string>>
}

/** Texts by definition name; kinds that the package does not have are missing. */
export type Descriptions = ReadonlyMap<string, DefinitionText>

export const noDescriptions: Descriptions = new Map()

/** Bump it when the extraction changes, so that old cache files are not used. */
const cacheFormat = 1
const filesAtOnce = 8

interface CacheFile {
  readonly format: number
  readonly package: string
  readonly definitions: Readonly<Record<string, DefinitionText>>
}

const modelsDirectory = (): string => {
  const require = createRequire(import.meta.url)
  return path.join(path.dirname(require.resolve('@kubernetes/client-node')), 'gen', 'models')
}

/** `V1Deployment`, `CoreV1Event`, `VersionInfo`: the class of a definition, most exact first. */
const classNames = (definition: string): string[] => {
  const parts = definition.split('.')
  const [group = '', version = '', kind = ''] = parts.slice(-3)
  const title = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)
  return version === 'version'
    ? [`Version${kind}`]
    : [`${title(group)}${title(version)}${kind}`, `${title(version)}${kind}`]
}

/** The generator escapes quotes, and folds lines. */
const plainText = (comment: string): string =>
  comment
    .replace(/^\s*\* ?/gm, '')
    .replaceAll("\\'", "'")
    .replaceAll('\\"', '"')
    .replaceAll('*_/', '*/')
    .trim()

/** Names are mangled where TypeScript reserves them (`_default`), and where they hold dashes. */
const nameKey = (name: string): string => name.replace(/[^A-Za-z0-9]/g, '').toLowerCase()

const fieldPattern = /\/\*\*\s*\n([\s\S]*?)\*\/\s*\n\s*'([^']+)'\??:/g
const classPattern = /\/\*\*\s*\n((?:(?!\*\/)[\s\S])*)\*\/\s*\nexport declare class/

/** Texts of one declaration file; field names as mangled by the generator. */
export const readDeclaration = (source: string): DefinitionText => {
  const fields: Record<string, string> = {}
  const body = source.slice(source.indexOf('export declare class'))
  for (const [, comment = '', name = ''] of body.matchAll(fieldPattern)) {
    const text = plainText(comment)
    if (text !== '') fields[nameKey(name)] = text
  }
  return { text: plainText(classPattern.exec(source)?.[1] ?? ''), fields }
}

/** The key under which `fieldText` finds a field. */
export const fieldText = (descriptions: Descriptions, definition: string, field: string): string | undefined =>
  descriptions.get(definition)?.fields[nameKey(field)]

const extract = async (directory: string, signal: AbortSignal | undefined): Promise<Map<string, DefinitionText>> => {
  const files = new Set(await readdir(directory))
  const wanted = definitionNames().flatMap((definition) => {
    const file = classNames(definition).find((name) => files.has(`${name}.d.ts`))
    return file === undefined ? [] : [{ definition, file: path.join(directory, `${file}.d.ts`) }]
  })
  const texts = new Map<string, DefinitionText>()
  // A few files at a time: this runs beside requests.
  for (let start = 0; start < wanted.length; start += filesAtOnce) {
    signal?.throwIfAborted()
    await Promise.all(
      wanted.slice(start, start + filesAtOnce).map(async ({ definition, file }) => {
        texts.set(definition, readDeclaration(await readFile(file, 'utf8')))
      }),
    )
  }
  return texts
}

const readCache = async (file: string, packageVersion: string): Promise<Descriptions | undefined> => {
  try {
    const cache = JSON.parse(await readFile(file, 'utf8')) as CacheFile
    if (cache.format !== cacheFormat || cache.package !== packageVersion) return undefined
    return new Map(Object.entries(cache.definitions))
  } catch {
    // Absent or damaged: it is made anew.
    return undefined
  }
}

const packageVersionOf = async (directory: string): Promise<string> => {
  const manifest = JSON.parse(await readFile(path.join(directory, '../../../package.json'), 'utf8')) as {
    version?: string
  }
  return manifest.version ?? ''
}

/**
 * All texts. With `cacheFile` they are read from there if they are there, else extracted (half a second of work in
 * small steps) and written there. Throws where the package is not installed; the API works without texts.
 */
export const loadDescriptions = async (
  options: { cacheFile?: string; signal?: AbortSignal } = {},
): Promise<Descriptions> => {
  const directory = modelsDirectory()
  const packageVersion = await packageVersionOf(directory)
  const { cacheFile, signal } = options
  const cached = cacheFile === undefined ? undefined : await readCache(cacheFile, packageVersion)
  if (cached !== undefined) return cached
  const texts = await extract(directory, signal)
  if (cacheFile !== undefined) {
    const cache: CacheFile = { format: cacheFormat, package: packageVersion, definitions: Object.fromEntries(texts) }
    await mkdir(path.dirname(cacheFile), { recursive: true })
    const temporary = `${cacheFile}.${process.pid}`
    await writeFile(temporary, JSON.stringify(cache))
    await rename(temporary, cacheFile)
  }
  return texts
}
