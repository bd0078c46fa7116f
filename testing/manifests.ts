/** Manifests as a test author has them: files, folders of files, and objects. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import { loadAll } from 'js-yaml'
import type { KubeObject } from '../api/types.ts'

/** A YAML or JSON file, a folder of them (not its subfolders), or an object. */
export type Manifest = string | Readonly<Record<string, unknown>>

const extensions = new Set(['.json', '.yaml', '.yml'])

const filesOf = (path: string): string[] =>
  statSync(path).isDirectory()
    ? readdirSync(path)
        .filter((file) => extensions.has(extname(file)))
        .sort()
        .map((file) => join(path, file))
    : [path]

const isObject = (value: unknown): value is KubeObject => typeof value === 'object' && value !== null

const documentsOf = (file: string): KubeObject[] => {
  try {
    return loadAll(readFileSync(file, 'utf8')).filter(isObject)
  } catch (cause) {
    throw new Error(`${file}: ${(cause as Error).message}`, { cause })
  }
}

/**
 * The objects of these kinds, in the order of their files; of two with one name the last counts, as in envtest. Others
 * are left out: folders of an operator hold more than definitions. A path that is not there is an error.
 */
export const readManifests = (manifests: readonly Manifest[], kinds: readonly string[]): KubeObject[] => {
  const found = new Map<string, KubeObject>()
  for (const manifest of manifests) {
    const objects =
      typeof manifest === 'string' ? filesOf(manifest).flatMap(documentsOf) : [structuredClone(manifest) as KubeObject]
    for (const object of objects) {
      if (!kinds.includes(object.kind ?? '')) continue
      const key = `${object.kind}/${object.metadata?.name ?? ''}`
      found.delete(key)
      found.set(key, object)
    }
  }
  return [...found.values()]
}
