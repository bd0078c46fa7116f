/**
 * Plugins register by a socket in `<root>/plugins_registry`: the kubelet asks there who they are, tells the handler of
 * their type, and answers whether that took them. A socket that goes away takes its plugin along; one that comes anew
 * is asked again. Upstream: pkg/kubelet/pluginmanager.
 */
import { watch } from 'node:fs'
import { mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Backoff } from '../../component-base/backoff.ts'
import { GrpcChannel } from '../../component-base/grpc/client.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { registration } from './messages.ts'

export interface Plugin {
  readonly type: string
  readonly name: string
  /** Where it serves its own API: a path, or '' for the socket that it registered by. */
  readonly endpoint: string
  readonly versions: readonly string[]
}

export interface PluginHandler {
  /** Rejects where the plugin cannot be used; it is told, and asked again later. */
  register(plugin: Plugin): Promise<void>
  deregister(plugin: Plugin): void
}

export interface PluginWatcherDeps {
  readonly folder: string
  /** By type: 'CSIPlugin', 'DRAPlugin'. */
  readonly handlers: ReadonlyMap<string, PluginHandler>
  readonly log: Logger
}

const callMs = 10_000
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Sockets at or below the folder with what tells one from its successor at the same path. */
const findSockets = async (folder: string): Promise<Map<string, string>> => {
  const found = new Map<string, string>()
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.name.startsWith('.')) continue
    if (entry.isDirectory()) for (const [inner, id] of await findSockets(path)) found.set(inner, id)
    if (!entry.isSocket()) continue
    const info = await stat(path).catch(() => undefined)
    if (info !== undefined) found.set(path, `${info.ino}/${info.ctimeMs}`)
  }
  return found
}

interface Known {
  readonly id: string
  readonly backoff: Backoff
  plugin: Plugin | undefined
  retry: NodeJS.Timeout | undefined
}

export const createPluginWatcher = ({ folder, handlers, log }: PluginWatcherDeps) => {
  const known = new Map<string, Known>()

  const handlerOf = (type: string): PluginHandler => {
    const handler = handlers.get(type)
    if (handler === undefined) throw new Error(`no handler registered for plugin type: ${type}`)
    return handler
  }

  const registerAt = async (path: string): Promise<Plugin> => {
    const channel = new GrpcChannel({ endpoints: [`unix://${path}`] })
    try {
      const { type, name, endpoint, supportedVersions } = await channel.unary(
        registration.getInfo,
        {},
        { timeoutMs: callMs },
      )
      const plugin = { type, name, endpoint: endpoint === '' ? path : endpoint, versions: supportedVersions }
      const problem = await Promise.try(() => handlerOf(type).register(plugin)).then(() => '', messageOf)
      const status = { pluginRegistered: problem === '', error: problem }
      try {
        await channel.unary(registration.notifyRegistrationStatus, status, { timeoutMs: callMs })
      } catch (error) {
        // It does not know that it was taken: it is not.
        if (problem === '') handlerOf(type).deregister(plugin)
        throw error
      }
      if (problem !== '') throw new Error(problem)
      return plugin
    } finally {
      channel.close()
    }
  }

  const add = (path: string, entry: Known): void => {
    registerAt(path).then(
      (plugin) => {
        if (known.get(path) !== entry) return handlerOf(plugin.type).deregister(plugin)
        entry.plugin = plugin
        log.info({ plugin: plugin.name, type: plugin.type }, 'plugin registered')
      },
      (error: unknown) => {
        if (known.get(path) !== entry) return
        const delayMs = entry.backoff.next()
        log.warn({ err: error, socket: path, delayMs }, 'cannot register a plugin')
        entry.retry = setTimeout(() => add(path, entry), delayMs)
      },
    )
  }

  const drop = (path: string, { plugin, retry }: Known): void => {
    known.delete(path)
    clearTimeout(retry)
    if (plugin === undefined) return
    log.info({ plugin: plugin.name, type: plugin.type }, 'plugin gone')
    handlerOf(plugin.type).deregister(plugin)
  }

  const scan = async (): Promise<void> => {
    const sockets = await findSockets(folder)
    for (const [path, entry] of known) if (sockets.get(path) !== entry.id) drop(path, entry)
    for (const [path, id] of sockets) {
      if (known.has(path)) continue
      const entry = {
        id,
        backoff: new Backoff({ initialMs: 500, maxMs: 120_000, factor: 2 }),
        plugin: undefined,
        retry: undefined,
      }
      known.set(path, entry)
      add(path, entry)
    }
  }

  return {
    /** Follows the folder until the signal aborts. */
    run: async (signal: AbortSignal): Promise<void> => {
      await mkdir(folder, { recursive: true, mode: 0o750 })
      let scanning: Promise<void> | undefined
      let again = false
      const rescan = (): void => {
        if (scanning !== undefined) {
          again = true
          return
        }
        again = false
        scanning = scan()
          .catch((error: unknown) => log.warn({ err: error }, 'cannot look for plugins'))
          .finally(() => {
            scanning = undefined
            if (again) rescan()
          })
      }
      const watcher = watch(folder, { recursive: true, signal }, rescan)
      rescan()
      await new Promise<void>((resolve) => {
        watcher.on('error', (error) => log.warn({ err: error }, 'the watch of plugins ended'))
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
      for (const { retry } of known.values()) clearTimeout(retry)
    },
  }
}
