/**
 * `--admission-control-config-file`: an AdmissionConfiguration, whose plugins are configured in place or by files
 * beside it. Upstream: k8s.io/apiserver/pkg/admission/config.go
 */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseYaml } from '../../../api/codec/yaml.ts'
import type { ParsedText } from '../../../api/codec/json.ts'
import { isJsonObject } from '../../../api/patch/apply/typed-value.ts'
import { UsageError } from '../../../component-base/process/run.ts'
import { ConfigError, decodeConfig } from './decode-config.ts'
import { listOf, objectOf, raw, text } from './schema.ts'

/** The configuration of each plugin that has one, not yet decoded. */
export type PluginConfigurations = ReadonlyMap<string, ParsedText>

const admissionConfiguration = {
  kind: 'AdmissionConfiguration',
  apiVersions: ['apiserver.config.k8s.io/v1', 'apiserver.k8s.io/v1alpha1'],
  fields: {
    plugins: listOf(objectOf('v1.AdmissionPluginConfiguration', { name: text, path: text, configuration: raw })),
  },
}

interface PluginEntry {
  readonly name?: string
  readonly path?: string
  readonly configuration?: unknown
}

/** Plugins that once took the whole file as theirs, and what tells such a file. */
const legacyFiles: Readonly<Record<string, string>> = {
  imagePolicy: 'ImagePolicyWebhook',
  podNodeSelectorPluginConfig: 'PodNodeSelector',
}

const read = (path: string, what: string): ParsedText => {
  try {
    return parseYaml(readFileSync(path))
  } catch (error) {
    throw new UsageError(`unable to read ${what} from ${JSON.stringify(path)} [${(error as Error).message}]`)
  }
}

const isLegacy = ({ value }: ParsedText): boolean =>
  isJsonObject(value) &&
  value['kind'] === undefined &&
  Object.keys(legacyFiles).some((field) => value[field] !== undefined)

const configurationOf = ({ path = '', configuration }: PluginEntry, file: string): ParsedText | undefined => {
  if (configuration !== undefined) return { value: configuration, duplicates: [] }
  return path === '' ? undefined : read(resolve(dirname(file), path), 'admission plugin configuration')
}

/** Reads `file`; '' has none. A plugin that is named twice has the first. Throws UsageError. */
export const readPluginConfigurations = (file: string): PluginConfigurations => {
  if (file === '') return new Map()
  const document = read(file, 'admission control configuration')
  if (isLegacy(document)) return new Map(Object.values(legacyFiles).map((name) => [name, document]))
  try {
    const { plugins = [] } = decodeConfig(document, admissionConfiguration) as { plugins?: readonly PluginEntry[] }
    const found = new Map<string, ParsedText>()
    for (const entry of plugins) {
      const name = entry.name ?? ''
      const configuration = found.has(name) ? undefined : configurationOf(entry, file)
      if (configuration !== undefined) found.set(name, configuration)
    }
    return found
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(`failed to read plugin config: ${error.message}`)
    throw error
  }
}
