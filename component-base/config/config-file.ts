import { readFileSync } from 'node:fs'
import { load } from 'js-yaml'
import { UsageError } from '../process/run.ts'

/** Reads a component's `--config` file (YAML or JSON) and checks its apiVersion and kind. Throws UsageError. */
export const loadConfigFile = (
  path: string,
  expected: { readonly apiVersion: string; readonly kind: string },
): Record<string, unknown> => {
  let document: unknown
  try {
    document = load(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new UsageError(`failed to load config file ${path}: ${(error as Error).message}`)
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw new UsageError(`config file ${path} is not a mapping`)
  }
  const config = document as Record<string, unknown>
  if (config['apiVersion'] !== expected.apiVersion || config['kind'] !== expected.kind) {
    throw new UsageError(
      `config file ${path}: no kind "${String(config['kind'])}" is registered for version "${String(config['apiVersion'])}"; wanted ${expected.kind} of ${expected.apiVersion}`,
    )
  }
  return config
}
