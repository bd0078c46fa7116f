/** The kubelet's files: `--config`, and the drop-ins of `--config-dir` over it. Upstream: mergeKubeletConfigurations. */
import { readdirSync } from 'node:fs'
import { dirname, extname, isAbsolute, join, resolve } from 'node:path'
import { applyMergePatch } from '../../api/patch/merge-patch.ts'
import { loadConfigFile } from '../../component-base/config/config-file.ts'
import { UsageError } from '../../component-base/process/run.ts'

export type Document = Readonly<Record<string, unknown>>

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Paths in a file are relative to that file. */
const pathFields = ['staticPodPath', 'tlsCertFile', 'tlsPrivateKeyFile', 'resolvConf'] as const

const absolute = (value: unknown, folder: string): unknown =>
  typeof value !== 'string' || value === '' || isAbsolute(value) ? value : resolve(folder, value)

const withAbsolutePaths = (fields: Document, folder: string): Record<string, unknown> => {
  const result = { ...fields }
  for (const field of pathFields) if (field in result) result[field] = absolute(result[field], folder)
  const { authentication } = result
  if (!isRecord(authentication) || !isRecord(authentication['x509'])) return result
  const { x509 } = authentication
  const clientCAFile = absolute(x509['clientCAFile'], folder)
  return { ...result, authentication: { ...authentication, x509: { ...x509, clientCAFile } } }
}

const loadFile = (path: string): Record<string, unknown> => {
  const identity = { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration' }
  const { apiVersion: _apiVersion, kind: _kind, ...fields } = loadConfigFile(path, identity)
  return withAbsolutePaths(fields, resolve(dirname(path)))
}

/** Every `.conf` below the folder in the order in which Go walks it: by name, a folder's files in the folder's place. */
const dropInFiles = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return dropInFiles(path)
      return extname(entry.name) === '.conf' ? [path] : []
    })

const failing = <Result>(words: string, work: () => Result): Result => {
  try {
    return work()
  } catch (error) {
    throw new UsageError(`${words}, error: ${(error as Error).message}`)
  }
}

/** What the files say together. '' is no file, no folder. Throws UsageError. */
export const readConfiguration = (file: string, folder: string): Record<string, unknown> => {
  let merged = file === '' ? {} : failing(`failed to load kubelet config file, path: ${file}`, () => loadFile(file))
  if (folder === '') return merged
  let paths: string[]
  try {
    paths = dropInFiles(folder)
  } catch (error) {
    throw new UsageError(
      `failed to merge kubelet configs: failed to walk through kubelet dropin directory ${JSON.stringify(folder)}: ${(error as Error).message}`,
    )
  }
  for (const path of paths) {
    const words = `failed to merge kubelet configs: failed to walk through kubelet dropin directory ${JSON.stringify(folder)}: failed to load kubelet dropin file, path: ${path}`
    const patch = failing(words, () => loadFile(path))
    // Inner objects are merged, null takes a field away, everything else replaces, lists too.
    merged = applyMergePatch(merged, patch)
  }
  return merged
}
