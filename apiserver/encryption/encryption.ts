/**
 * Encryption of what is stored, by `--encryption-provider-config`; with `-automatic-reload` the file is followed while
 * the server runs. Upstream: EtcdOptions.maybeApplyResourceTransformers and encryptionconfig/controller
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { realClock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { UsageError } from '../../component-base/process/run.ts'
import { watchFiles } from '../../component-base/tls/tls-files.ts'
import { type BuildDependencies, buildTransformers, type Transformers } from './build.ts'
import { parseEncryptionConfiguration } from './config.ts'
import type { EncryptionMetrics } from './metrics.ts'
import type { ResourceName } from './resource-names.ts'
import type { Transformer } from './transformer.ts'

export interface EncryptionOptions {
  readonly path: string
  readonly reload: boolean
}

export interface EncryptionDependencies {
  readonly log: Logger
  readonly metrics: EncryptionMetrics
  readonly signal: AbortSignal
}

export interface Encryption {
  /** What encrypts a resource now; ask again for each value. */
  transformerOf(resource: ResourceName): Transformer
  /** undefined where there is no check: no plugin, and none can come. */
  readonly check: (() => Promise<void>) | undefined
}

interface Loaded {
  readonly hash: string
  readonly transformers: Transformers
}

const hashOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`

const readConfiguration = (path: string): string => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(
      `error while parsing file: error while loading file: error reading encryption provider configuration file ${JSON.stringify(path)}: ${(error as Error).message}`,
      { cause: error },
    )
  }
  if (text !== '') return text
  throw new Error(
    `error while parsing file: error while loading file: encryption provider configuration file ${JSON.stringify(path)} is empty`,
  )
}

const load = async (text: string, path: string, reload: boolean, deps: BuildDependencies): Promise<Loaded> => {
  let configuration: ReturnType<typeof parseEncryptionConfiguration>
  try {
    configuration = parseEncryptionConfiguration(text, reload)
  } catch (error) {
    throw new Error(
      `error while parsing file: error decoding encryption provider configuration file ${JSON.stringify(path)}: ${(error as Error).message}`,
      { cause: error },
    )
  }
  try {
    return { hash: hashOf(text), transformers: await buildTransformers(configuration, deps) }
  } catch (error) {
    throw new Error(`error while building transformers: ${(error as Error).message}`, { cause: error })
  }
}

/** Plugins may take their time to be well before they are trusted with what is stored. */
const minGraceMs = 10_000

/** Throws UsageError if the file is of no use. */
export const openEncryption = async (
  { path, reload }: EncryptionOptions,
  { log, metrics, signal }: EncryptionDependencies,
): Promise<Encryption> => {
  const deps = { log, metrics }
  let current: Loaded
  try {
    current = await load(readConfiguration(path), path, reload, deps)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
  metrics.configLoaded(current.hash)
  /** By resource; made anew for each configuration. */
  let made = new Map<string, Transformer>()
  signal.addEventListener('abort', () => current.transformers.close(), { once: true })

  const replace = async (): Promise<void> => {
    const text = readConfiguration(path)
    if (hashOf(text) === current.hash) return
    const next = await load(text, path, true, deps)
    try {
      await whenWell(next.transformers)
    } catch (error) {
      next.transformers.close()
      throw error
    }
    const { transformers: old } = current
    current = next
    made = new Map()
    // Reads that began with the old ones end with them.
    realClock.setTimeout(() => old.close(), old.graceMs).unref()
    metrics.reloaded(true, next.hash)
    log.info({ path, hash: next.hash }, 'encryption configuration replaced')
  }
  let replacing: Promise<void> = Promise.resolve()
  if (reload) {
    const look = (): void => {
      replacing = replacing.then(replace).catch((err: unknown) => {
        metrics.reloaded(false, undefined)
        log.error({ err, path }, 'error processing encryption config file')
      })
    }
    watchFiles([path], look, { signal })
  }
  return {
    transformerOf: (resource) => {
      const name = `${resource.group}/${resource.resource}`
      let transformer = made.get(name)
      if (transformer === undefined) {
        transformer = current.transformers.of(resource)
        made.set(name, transformer)
      }
      return transformer
    },
    check: reload || current.transformers.usesKms ? () => current.transformers.check() : undefined,
  }
}

/** Rejects if a plugin is not well within its grace. Upstream: validateNewTransformersHealth */
const whenWell = async (transformers: Transformers): Promise<void> => {
  const deadline = realClock.now() + Math.max(transformers.graceMs, minGraceMs)
  for (;;) {
    try {
      return await transformers.check()
    } catch (error) {
      if (realClock.now() >= deadline) {
        throw new Error(`health check for new transformers failed: ${(error as Error).message}`, { cause: error })
      }
      await new Promise<void>((resolve) => void realClock.setTimeout(resolve, 100))
    }
  }
}
