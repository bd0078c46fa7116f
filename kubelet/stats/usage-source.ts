/** What eviction looks at, measured: the node's memory, disks and processes, and what each Pod has of them. */
import { stat } from 'node:fs/promises'
import type { UsageSource } from '../eviction/eviction-manager.ts'
import { observe } from '../eviction/observations.ts'
import type { Candidate, PodUse } from '../eviction/rank.ts'
import { fileSystemBytes } from '../node/machine.ts'
import type { PodCgroups } from '../cgroups/pod-cgroups.ts'
import type { BoundPod } from '../pod.ts'
import type { RuntimeService } from '../runtime/runtime-service.ts'
import { readNodeUsage } from './node-usage.ts'
import type { PodDiskReader } from './pod-disk.ts'

export interface UsageSourceDeps {
  readonly runtime: RuntimeService
  readonly rootDir: string
  /** A folder on the file system that images are kept on. */
  readonly imageFolder: () => Promise<string>
  readonly podDisk: PodDiskReader
  readonly cgroups: PodCgroups
}

export const createUsageSource = (deps: UsageSourceDeps): UsageSource => {
  const { runtime, rootDir, imageFolder, podDisk, cgroups } = deps
  /** That of images, or the node's own where it cannot be looked at: an engine may be inside a machine of its own. */
  const imageDir = async (): Promise<string> => {
    const folder = await imageFolder()
    return stat(folder).then(
      () => folder,
      () => rootDir,
    )
  }

  const isSeparate = async (folder: string): Promise<boolean> => {
    const [images, node] = await Promise.all([stat(folder), stat(rootDir)])
    return images.dev !== node.dev
  }

  const useOf = async (pod: BoundPod, disk: boolean): Promise<PodUse> => {
    const { uid } = pod.metadata
    const [stats, processes, onDisk] = await Promise.all([
      runtime.containerStats(uid),
      cgroups.processes(uid),
      disk ? podDisk.read(pod) : undefined,
    ])
    return {
      containers: stats.map(({ name, memoryWorkingSetBytes }) => ({ name, memoryBytes: memoryWorkingSetBytes })),
      processes,
      disk: onDisk,
    }
  }

  return {
    hasImageFs: async () => isSeparate(await imageDir()),
    observations: async () => {
      const images = await imageDir()
      const [node, nodeFs, imageFs, separate, pods] = await Promise.all([
        readNodeUsage(),
        fileSystemBytes(rootDir),
        fileSystemBytes(images),
        isSeparate(images),
        cgroups.allPodsMemory(),
      ])
      return observe({ node, nodeFs, imageFs, hasImageFs: separate, pods })
    },
    candidates: (pods, disk) =>
      Promise.all(
        pods.map(
          async (pod): Promise<Candidate> => ({
            pod,
            use: await useOf(pod, disk).catch(() => undefined),
          }),
        ),
      ),
  }
}
