/**
 * Folders, links, rotation and removal of logs, whatever runtime writes them. Upstream: pkg/kubelet/logs,
 * kuberuntime's legacy links and garbage collection.
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, readdir, rename, rm, stat, symlink, utimes } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { podNameLabel, podNamespaceLabel } from '../runtime/labels.ts'
import type { ContainerSummary, RuntimeService } from '../runtime/runtime-service.ts'
import { rotatedLogs, rotatedName } from './log-files.ts'
import { containerLogLink, containerLogPath, containersLogsDir, podLogDirectory, podUidOfFolder } from './paths.ts'

export interface LogManagerOptions {
  readonly runtime: RuntimeService
  readonly podLogsDir: string
  readonly maxSizeBytes: number
  /** The present file counted. */
  readonly maxFiles: number
  readonly workers: number
  readonly monitorMs: number
  readonly now: () => number
  readonly log: Logger
}

export interface LogManager {
  /** The runtime, with folders and links made before logs are written, and logs taken away with their containers. */
  readonly runtime: RuntimeService
  /** Takes away all logs of a Pod that is gone. */
  removePod(podUid: string): Promise<void>
  /** Takes away logs of Pods that nobody knows. */
  removeUnknown(isKnown: (podUid: string) => boolean): Promise<void>
  /** Rotates what has become too large; until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
  /** One round of it. */
  rotateAll(): Promise<void>
}

type Removable = Pick<ContainerSummary, 'id' | 'name' | 'attempt' | 'labels' | 'podUid'>

const identityOf = ({ labels, podUid }: Removable) => ({
  namespace: labels[podNamespaceLabel] ?? '',
  name: labels[podNameLabel] ?? '',
  uid: podUid,
})

/** Packs a rotated file; the packed one takes its place when it is whole. */
const compress = async (path: string): Promise<void> => {
  const { atime, mtime } = await stat(path)
  const temporary = `${path}.gz.tmp`
  await pipeline(createReadStream(path), createGzip(), createWriteStream(temporary, { mode: 0o640 }))
  await utimes(temporary, atime, mtime)
  await rename(temporary, `${path}.gz`)
  await rm(path)
}

export const createLogManager = (options: LogManagerOptions): LogManager => {
  const { runtime, podLogsDir, maxSizeBytes, maxFiles, workers, monitorMs, now, log } = options
  const folderOf = (container: Removable): string => podLogDirectory(podLogsDir, identityOf(container))
  const fileOf = (container: Removable): string =>
    join(folderOf(container), containerLogPath(container.name, container.attempt))

  const link = async (file: string, identity: { name: string; namespace: string }, container: string, id: string) => {
    await mkdir(containersLogsDir(podLogsDir), { recursive: true })
    await symlink(file, containerLogLink(podLogsDir, identity, container, id)).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    })
  }

  const removeLogs = async (container: Removable): Promise<void> => {
    const file = fileOf(container)
    const files = [file, ...(await rotatedLogs(file)).map(({ path }) => path)]
    const linked = containerLogLink(podLogsDir, identityOf(container), container.name, container.id)
    await Promise.all([...files, linked].map((path) => rm(path, { force: true })))
  }

  /** Room for the file that is put away now: what is too much goes, what is left is packed. */
  const makeRoom = async (file: string): Promise<void> => {
    const folder = dirname(file)
    const unfinished = (await readdir(folder)).filter(
      (name) => name.startsWith(`${basename(file)}.`) && name.endsWith('.tmp'),
    )
    await Promise.all(unfinished.map((name) => rm(join(folder, name), { force: true })))
    const old = await rotatedLogs(file)
    const surplus = old.slice(0, Math.max(0, old.length - (maxFiles - 2)))
    await Promise.all(surplus.map(({ path }) => rm(path, { force: true })))
    for (const { path, compressed } of old.slice(surplus.length)) if (!compressed) await compress(path)
  }

  const rotate = async (container: ContainerSummary): Promise<void> => {
    const file = fileOf(container)
    await makeRoom(file)
    const rotated = rotatedName(file, now())
    await rename(file, rotated)
    try {
      await runtime.reopenContainerLog(container.id)
    } catch (error) {
      // The runtime goes on writing to the same file: it must have its name back.
      await rename(rotated, file)
      throw error
    }
  }

  const rotateAll = async (): Promise<void> => {
    const running = (await runtime.listContainers()).filter(({ state }) => state === 'running')
    const sizes = await Promise.all(running.map((container) => stat(fileOf(container)).catch(() => undefined)))
    const large = running.filter((_container, index) => (sizes[index]?.size ?? 0) >= maxSizeBytes)
    const work = large.values()
    const worker = async (): Promise<void> => {
      for (const container of work) {
        await rotate(container).catch((error: unknown) =>
          log.warn({ err: error, container: container.id }, 'cannot rotate a log'),
        )
      }
    }
    await Promise.all(Array.from({ length: Math.min(workers, large.length) }, worker))
  }

  const removeFolder = async (folder: string): Promise<void> => {
    const path = join(podLogsDir, folder)
    const links = containersLogsDir(podLogsDir)
    await rm(path, { recursive: true, force: true })
    // Names of links do not tell whose they are: those that point nowhere now are gone.
    const [namespace = '', name = ''] = folder.split('_')
    const names = (await readdir(links).catch((): string[] => [])).filter((entry) =>
      entry.startsWith(`${name}_${namespace}_`),
    )
    await Promise.all(
      names.map(async (entry) => {
        const target = join(links, entry)
        if ((await stat(target).catch(() => undefined)) === undefined) await rm(target, { force: true })
      }),
    )
  }

  const folders = (): Promise<string[]> => readdir(podLogsDir).catch((): string[] => [])

  return {
    runtime: {
      ...runtime,
      runPodSandbox: async (config) => {
        await mkdir(config.logDirectory, { recursive: true, mode: 0o755 })
        return runtime.runPodSandbox(config)
      },
      createContainer: async (sandbox, config, sandboxConfig) => {
        const file = join(sandboxConfig.logDirectory, config.logPath)
        await mkdir(dirname(file), { recursive: true, mode: 0o755 })
        const id = await runtime.createContainer(sandbox, config, sandboxConfig)
        await link(file, sandboxConfig.metadata, config.name, id)
        return id
      },
      removeContainer: async (id) => {
        const status = await runtime.containerStatus(id)
        await runtime.removeContainer(id)
        if (status !== undefined) await removeLogs(status)
      },
    },
    removePod: async (podUid) => {
      for (const folder of await folders()) if (podUidOfFolder(folder) === podUid) await removeFolder(folder)
    },
    removeUnknown: async (isKnown) => {
      for (const folder of await folders()) {
        const uid = podUidOfFolder(folder)
        if (uid !== undefined && !isKnown(uid)) await removeFolder(folder)
      }
    },
    run: async (signal) => {
      while (!signal.aborted) {
        await sleep(monitorMs, signal).catch(() => undefined)
        if (signal.aborted) return
        await rotateAll().catch((error: unknown) => log.warn({ err: error }, 'logs cannot be rotated'))
      }
    },
    rotateAll,
  }
}
