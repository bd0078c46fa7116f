/**
 * Plugins register by a socket in `<root>/plugins_registry`: the kubelet asks there who they are, tells the handler of
 * their type, and answers whether that took them. A socket that goes away takes its plugin along; one that comes anew
 * is asked again. Upstream: pkg/kubelet/pluginmanager.
 */
import { type FSWatcher, watch } from 'node:fs'
import { mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { whenAborted } from '../../component-base/async/aborted.ts'
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

interface Found {
  /** By path, what tells a socket from its successor there. */
  readonly sockets: Map<string, string>
  readonly folders: string[]
}

/** Sockets and folders at or below the folder; names that begin with a dot are not looked at. */
const find = async (folder: string, found: Found = { sockets: new Map(), folders: [] }): Promise<Found> => {
  found.folders.push(folder)
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const path = join(folder, entry.name)
    if (entry.name.startsWith('.')) continue
    if (entry.isDirectory()) await find(path, found)
    if (!entry.isSocket()) continue
    const info = await stat(path).catch(() => undefined)
    if (info !== undefined) found.sockets.set(path, `${info.ino}/${info.ctimeMs}`)
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

  /** Returns the folders that there are. */
  const scan = async (): Promise<readonly string[]> => {
    const { sockets, folders } = await find(folder)
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
    return folders
  }

  return {
    /** Follows the folder until the signal aborts. */
    run: async (signal: AbortSignal): Promise<void> => {
      await mkdir(folder, { recursive: true, mode: 0o750 })
      const watchers = new Map<string, FSWatcher>()
      let scanning = false
      let again = false

      /** True where a folder was not watched before: what came into it meanwhile is not known. */
      const watchAll = (folders: readonly string[]): boolean => {
        for (const [path, watcher] of watchers) {
          if (folders.includes(path)) continue
          watcher.close()
          watchers.delete(path)
        }
        const fresh = folders.filter((path) => !watchers.has(path))
        for (const path of fresh) {
          const watcher = watch(path, () => void rescan())
          watcher.on('error', () => watchers.delete(path))
          watchers.set(path, watcher)
        }
        return fresh.length > 0
      }

      const rescan = async (): Promise<void> => {
        again = true
        if (scanning) return
        scanning = true
        while (again && !signal.aborted) {
          again = false
          try {
            if (watchAll(await scan())) again = true
          } catch (error) {
            log.warn({ err: error }, 'cannot look for plugins')
          }
        }
        scanning = false
      }

      await rescan()
      await whenAborted(signal)
      for (const watcher of watchers.values()) watcher.close()
      for (const { retry } of known.values()) clearTimeout(retry)
      // What is still being asked is asked no more.
      known.clear()
    },
  }
}
