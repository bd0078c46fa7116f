/** What ends Pods for the node's sake: too little memory, disk or processes, and its shutdown. */
import type { PodCgroups } from '../cgroups/pod-cgroups.ts'
import { createEvictionManager } from '../eviction/eviction-manager.ts'
import { removeEndedContainers } from '../eviction/reclaim.ts'
import type { KubeletMetrics } from '../metrics.ts'
import type { EventRecorder } from '../recorder.ts'
import type { ImageService, RuntimeService } from '../runtime/runtime-service.ts'
import { createLogind } from '../shutdown/logind.ts'
import { createShutdownManager } from '../shutdown/shutdown-manager.ts'
import { createPodDiskReader } from '../stats/pod-disk.ts'
import { createUsageSource } from '../stats/usage-source.ts'
import type { PodWorkers } from '../sync/pod-worker.ts'
import type { Base } from './base.ts'

export interface PressureDeps {
  readonly runtime: RuntimeService
  readonly images: ImageService
  readonly cgroups: PodCgroups
  readonly workers: PodWorkers
  readonly metrics: KubeletMetrics
  readonly recorder: EventRecorder
  /** Frees the disk of all images that nobody uses. */
  readonly collectImages: () => Promise<unknown>
}

export const createPressure = ({ config, paths, now, node, wakeNode, log }: Base, deps: PressureDeps) => {
  const { runtime, images, cgroups, workers, metrics, recorder } = deps
  const podDisk = createPodDiskReader({
    runtime,
    paths,
    podLogsDir: config.podLogsDir,
    maxAgeMs: config.volumeStatsPeriodMs,
    now,
  })
  const ends = { runningPods: workers.running, evict: workers.evict, isStopped: workers.isStopped, now }
  const eviction = createEvictionManager({
    ...config.eviction,
    ...ends,
    localStorageIsolation: config.localStorageIsolation,
    usage: createUsageSource({
      runtime,
      rootDir: config.rootDir,
      imageFolder: () => images.imageFolder(),
      podDisk,
      cgroups,
    }),
    reclaimDisk: async () => {
      await removeEndedContainers(runtime, workers.isStopped)
      await deps.collectImages()
    },
    node,
    nodeName: config.nodeName,
    recorder,
    evictions: metrics.evictions,
    onConditionsChanged: wakeNode,
    log: log.child({ subsystem: 'eviction' }),
  })
  const shutdown = createShutdownManager({
    ...ends,
    grace: config.shutdownGrace,
    source: createLogind(),
    onChange: wakeNode,
    log: log.child({ subsystem: 'shutdown' }),
  })
  return { eviction, shutdown }
}
