/** What Pods have on the disk: layers and logs of their containers, local volumes. Measured now and then, since it is work. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { podLogDirectory } from '../logs/paths.ts'
import type { KubeletPaths } from '../paths.ts'
import type { BoundPod } from '../pod.ts'
import type { RuntimeService } from '../runtime/runtime-service.ts'
import { addUsage, diskUsage, type FsUsage } from './disk-usage.ts'

export interface ContainerDisk {
  readonly rootfs: FsUsage
  readonly logs: FsUsage
}

export interface PodDisk {
  readonly containers: ReadonlyMap<string, ContainerDisk>
  /** Of every local volume, by name. */
  readonly volumes: ReadonlyMap<string, FsUsage>
  /** Of the node's disk: without volumes in memory. */
  readonly ephemeralStorage: FsUsage
}

export interface PodDiskReader {
  /** At most `maxAgeMs` old. */
  read(pod: BoundPod): Promise<PodDisk>
  forget(podUid: string): void
}

export interface PodDiskDeps {
  readonly runtime: RuntimeService
  readonly paths: KubeletPaths
  readonly podLogsDir: string
  readonly maxAgeMs: number
  readonly now: () => number
}

/** Kinds of volumes whose files are the kubelet's own. */
const localKinds = ['empty-dir', 'configmap', 'secret', 'downward-api', 'projected']

const isInMemory = ({ spec }: BoundPod, volume: string): boolean => {
  const found = spec.volumes?.find(({ name }) => name === volume)
  return found?.emptyDir === undefined ? found?.configMap === undefined : found.emptyDir.medium === 'Memory'
}

export const createPodDiskReader = ({ runtime, paths, podLogsDir, maxAgeMs, now }: PodDiskDeps): PodDiskReader => {
  const known = new Map<string, { readonly at: number; readonly disk: Promise<PodDisk> }>()

  const volumesOf = async (uid: string): Promise<Map<string, FsUsage>> => {
    const found = await Promise.all(
      localKinds.map(async (kind) => {
        const folder = join(paths.podVolumes(uid), `kubernetes.io~${kind}`)
        const names = await readdir(folder).catch((): string[] => [])
        return Promise.all(names.map(async (name) => [name, await diskUsage(join(folder, name))] as const))
      }),
    )
    return new Map(found.flat())
  }

  const measure = async (pod: BoundPod): Promise<PodDisk> => {
    const { uid } = pod.metadata
    const [summaries, volumes, hosts] = await Promise.all([
      runtime.listContainers(uid),
      volumesOf(uid),
      diskUsage(paths.etcHosts(uid)),
    ])
    const byName = Map.groupBy(summaries, ({ name }) => name)
    const logFolder = podLogDirectory(podLogsDir, pod.metadata)
    const containers = new Map(
      await Promise.all(
        [...byName].map(async ([name, attempts]): Promise<[string, ContainerDisk]> => {
          const [inFolder, ...ofEngine] = await Promise.all([
            diskUsage(join(logFolder, name)),
            ...attempts.map(({ id }) => runtime.containerDiskUsage?.(id)),
          ])
          const known = ofEngine.filter((usage) => usage !== undefined)
          const inEngine = addUsage(known.map(({ logs }) => logs))
          // An engine may keep the log itself, and the Pod's folder a copy or a link of it.
          const logs = inEngine.usedBytes > inFolder.usedBytes ? inEngine : inFolder
          return [name, { rootfs: addUsage(known.map(({ rootfs }) => rootfs)), logs }]
        }),
      ),
    )
    const onDisk = [...volumes].filter(([name]) => !isInMemory(pod, name)).map(([, usage]) => usage)
    const parts = [...containers.values()].flatMap(({ rootfs, logs }) => [rootfs, logs])
    return { containers, volumes, ephemeralStorage: addUsage([...parts, ...onDisk, hosts]) }
  }

  return {
    read: (pod) => {
      const { uid } = pod.metadata
      const last = known.get(uid)
      if (last !== undefined && now() - last.at < maxAgeMs) return last.disk
      const disk = measure(pod)
      known.set(uid, { at: now(), disk })
      disk.catch(() => known.delete(uid))
      return disk
    },
    forget: (podUid) => void known.delete(podUid),
  }
}
