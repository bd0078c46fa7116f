/**
 * Programs that know credentials for images (CredentialProviderConfig): asked by standard input, remembered as long as
 * they say. Upstream: pkg/credentialprovider/plugin.
 */
import { spawn } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseDuration } from '../../../component-base/flags/duration.ts'
import { loadConfigFile } from '../../../component-base/config/config-file.ts'
import type { Logger } from '../../../component-base/logging/logger.ts'
import { UsageError } from '../../../component-base/process/run.ts'
import { registryOf } from './image-reference.ts'
import { type KeyringEntry, matchesImage, repositoryOf } from './keyring.ts'

export interface PluginConfig {
  readonly name: string
  readonly file: string
  readonly apiVersion: string
  readonly matchImages: readonly string[]
  readonly defaultCacheMs: number
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

const group = 'credentialprovider.kubelet.k8s.io'
const apiVersions = ['v1', 'v1beta1', 'v1alpha1'].map((version) => `${group}/${version}`)
const configVersions = ['v1', 'v1beta1', 'v1alpha1'].map((version) => `kubelet.config.k8s.io/${version}`)
const timeoutMs = 60_000
/** An answer is a few hundred bytes. */
const maxAnswerBytes = 1024 * 1024

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')

const durationOf = (value: unknown): number | undefined =>
  typeof value === 'string' ? parseDuration(value) : undefined

const toPlugin = (value: unknown, binDir: string): PluginConfig => {
  const fail = (why: string): UsageError => new UsageError(`failed to validate credential provider config: ${why}`)
  if (!isRecord(value)) throw fail('providers: Invalid value: a provider is a mapping')
  const { name, apiVersion, matchImages, defaultCacheDuration, args = [], env = [], tokenAttributes } = value
  if (typeof name !== 'string' || name === '') throw fail('providers.name: Required value: name is required')
  if (name.includes('/') || name === '.' || name === '..' || name.includes(' '))
    throw fail(`providers.name: Invalid value: ${JSON.stringify(name)}: name cannot be a path`)
  if (typeof apiVersion !== 'string' || !apiVersions.includes(apiVersion)) {
    throw fail(
      `providers.apiVersion: Unsupported value: ${JSON.stringify(apiVersion)}: supported values: ${apiVersions.map((version) => JSON.stringify(version)).join(', ')}`,
    )
  }
  if (!isTexts(matchImages) || matchImages.length === 0)
    throw fail('providers.matchImages: Required value: at least 1 item in matchImages is required')
  const defaultCacheMs = durationOf(defaultCacheDuration)
  if (defaultCacheMs === undefined)
    throw fail('providers.defaultCacheDuration: Required value: defaultCacheDuration is required')
  if (defaultCacheMs < 0)
    throw fail(
      `providers.defaultCacheDuration: Invalid value: ${String(defaultCacheDuration)}: defaultCacheDuration must be greater than or equal to 0`,
    )
  if (tokenAttributes !== undefined) throw fail('tokens of service accounts for plugins are not implemented by kubets')
  if (!isTexts(args) || !Array.isArray(env)) throw fail('args and env must be lists')
  const pairs = env.map((item: unknown): [string, string] => {
    if (!isRecord(item) || typeof item['name'] !== 'string') throw fail('providers.env: every entry has a name')
    return [item['name'], typeof item['value'] === 'string' ? item['value'] : '']
  })
  const file = join(binDir, name)
  try {
    accessSync(file, constants.X_OK)
  } catch {
    throw new UsageError(`plugin binary executable ${file} did not exist`)
  }
  return { name, file, apiVersion, matchImages, defaultCacheMs, args, env: Object.fromEntries(pairs) }
}

/** Reads --image-credential-provider-config. Throws UsageError for what upstream refuses. */
export const loadPlugins = (configFile: string, binDir: string): PluginConfig[] => {
  if (configFile === '') return []
  if (statSync(binDir, { throwIfNoEntry: false }) === undefined)
    throw new UsageError(`plugin binary directory ${binDir} did not exist`)
  let config: Record<string, unknown> | undefined
  let problem: unknown
  for (const apiVersion of configVersions) {
    try {
      config ??= loadConfigFile(configFile, { apiVersion, kind: 'CredentialProviderConfig' })
    } catch (error) {
      problem ??= error
    }
  }
  if (config === undefined) throw problem
  const { providers } = config
  if (!Array.isArray(providers) || providers.length === 0) {
    throw new UsageError(
      'failed to validate credential provider config: providers: Required value: at least 1 item in plugins is required',
    )
  }
  return providers.map((provider) => toPlugin(provider, binDir))
}

interface Answer {
  readonly entries: readonly KeyringEntry[]
  readonly cacheKeyType: 'Image' | 'Registry' | 'Global'
  readonly cacheMs: number
}

/** What a plugin wrote. Throws where it is no CredentialProviderResponse. */
const parseAnswer = (text: string, { apiVersion, defaultCacheMs }: PluginConfig): Answer => {
  const value: unknown = JSON.parse(text)
  if (!isRecord(value) || value['kind'] !== 'CredentialProviderResponse' || value['apiVersion'] !== apiVersion) {
    throw new Error(`it did not answer with a CredentialProviderResponse of ${apiVersion}`)
  }
  const { cacheKeyType, cacheDuration, auth } = value
  if (cacheKeyType !== 'Image' && cacheKeyType !== 'Registry' && cacheKeyType !== 'Global') {
    throw new Error(`credential provider plugin did not return a valid cacheKeyType: ${JSON.stringify(cacheKeyType)}`)
  }
  const entries = Object.entries(isRecord(auth) ? auth : {}).map(([match, entry]): KeyringEntry => {
    const { username, password } = isRecord(entry) ? entry : {}
    return {
      match,
      username: typeof username === 'string' ? username : '',
      password: typeof password === 'string' ? password : '',
    }
  })
  return { entries, cacheKeyType, cacheMs: durationOf(cacheDuration) ?? defaultCacheMs }
}

/** Runs a plugin; rejects with what it wrote to standard error. */
const execPlugin = async ({ file, args, env, apiVersion }: PluginConfig, image: string): Promise<string> => {
  const child = spawn(file, args, {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    if (stdout.length > maxAnswerBytes) child.kill('SIGKILL')
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-1000)
  })
  child.stdin.on('error', () => undefined) // one that does not read says so by its exit code
  child.stdin.end(`${JSON.stringify({ apiVersion, kind: 'CredentialProviderRequest', image })}\n`)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  if (code !== 0) throw new Error(`it ended with ${code ?? 'a signal'}: ${stderr.trim()}`)
  return stdout
}

export interface CredentialPlugins {
  /** Credentials of all plugins that are for the image; one that fails is told of, and has none. */
  entriesFor(image: string): Promise<readonly KeyringEntry[]>
}

export const createCredentialPlugins = (
  plugins: readonly PluginConfig[],
  { now, log }: { readonly now: () => number; readonly log: Logger },
): CredentialPlugins => {
  const states = plugins.map((plugin) => ({
    plugin,
    cache: new Map<string, { readonly entries: readonly KeyringEntry[]; readonly until: number }>(),
    asking: new Map<string, Promise<Answer>>(),
  }))

  const keysOf = (image: string) =>
    ({ Image: `image ${image}`, Registry: `registry ${registryOf(image)}`, Global: 'global' }) as const

  const ask = async ({ plugin, cache, asking }: (typeof states)[number], image: string) => {
    const keys = keysOf(image)
    for (const [key, { until }] of cache) if (until <= now()) cache.delete(key)
    const known = cache.get(keys.Image) ?? cache.get(keys.Registry) ?? cache.get(keys.Global)
    if (known !== undefined) return known.entries
    const running =
      asking.get(image) ??
      execPlugin(plugin, image)
        .then((text) => parseAnswer(text, plugin))
        .finally(() => asking.delete(image))
    asking.set(image, running)
    const { entries, cacheKeyType, cacheMs } = await running
    if (cacheMs > 0) cache.set(keys[cacheKeyType], { entries, until: now() + cacheMs })
    return entries
  }

  return {
    entriesFor: async (image) => {
      const repository = repositoryOf(image)
      const concerned = states.filter(({ plugin }) =>
        plugin.matchImages.some((match) => matchesImage(match.replace(/^https?:\/\//, ''), repository)),
      )
      const found = await Promise.all(
        concerned.map((state) =>
          ask(state, repository).catch((error: unknown) => {
            log.error({ err: error, plugin: state.plugin.name, image }, 'a credential provider plugin failed')
            return []
          }),
        ),
      )
      return found.flat()
    },
  }
}
