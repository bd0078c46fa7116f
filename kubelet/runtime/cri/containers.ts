/** Containers on a CRI runtime. */
import { formatDuration } from '../../../component-base/flags/duration.ts'
import { containerNameLabel, imageNameAnnotation, podUidLabel } from '../labels.ts'
import {
  type ContainerConfig,
  type ContainerDiskUsage,
  type ContainerStats,
  type ContainerStatus,
  type ContainerSummary,
  type ExecResult,
  type CgroupSettings,
  type PodSandboxConfig,
  TimeoutError,
  UnsupportedError,
} from '../runtime-service.ts'
import { type CriClient, isDeadline, isUnimplemented, millis, orUndefined, unlessGone } from './client.ts'
import type { Container, ContainerStats as CriStats, ContainerStatus as CriStatus } from './container-messages.ts'
import { containerMessage, resourcesMessage, sandboxMessage } from './convert.ts'
import type { Owners } from './owners.ts'
import { runtimeMethods as methods } from './runtime-messages.ts'

export interface CriContainers {
  create(sandboxId: string, config: ContainerConfig, sandboxConfig: PodSandboxConfig): Promise<string>
  start(id: string): Promise<void>
  stop(id: string, graceMs: number, signal?: AbortSignal): Promise<void>
  remove(id: string): Promise<void>
  status(id: string): Promise<ContainerStatus | undefined>
  list(podUid?: string): Promise<readonly ContainerSummary[]>
  update(id: string, resources: CgroupSettings): Promise<void>
  reopenLog(id: string): Promise<void>
  checkpoint(id: string, location: string): Promise<void>
  execSync(id: string, command: readonly string[], timeoutMs: number): Promise<ExecResult>
  stats(podUid?: string): Promise<readonly ContainerStats[]>
  /** Undefined where the runtime does not tell what a container has written. */
  diskUsage(id: string): Promise<ContainerDiskUsage | undefined>
}

/** What a call may take beyond the time that it is about. */
const marginMs = 120_000

const selector = (podUid: string | undefined) =>
  podUid === undefined ? {} : { labelSelector: { [podUidLabel]: podUid } }

const summaryOf = (found: Container): ContainerSummary => {
  const labels = Object.fromEntries(found.labels)
  return {
    id: found.id,
    sandboxId: found.podSandboxId,
    podUid: labels[podUidLabel] ?? '',
    name: labels[containerNameLabel] ?? found.metadata?.name ?? '',
    attempt: found.metadata?.attempt ?? 0,
    state: found.state,
    imageRef: found.imageId === '' ? found.imageRef : found.imageId,
    createdAt: millis(found.createdAt),
    labels,
    annotations: Object.fromEntries(found.annotations),
  }
}

/** Undefined where the runtime does not tell (containerd before 1.7), or tells nothing. */
const settingsOf = ({ resources }: CriStatus): CgroupSettings | undefined => {
  const linux = resources?.linux
  if (linux === undefined || linux.cpuShares + linux.cpuPeriod + linux.memoryLimitInBytes === 0) return undefined
  return {
    cpuShares: linux.cpuShares,
    cpuQuota: Math.max(0, linux.cpuQuota),
    cpuPeriod: linux.cpuPeriod,
    memoryLimitBytes: linux.memoryLimitInBytes,
  }
}

const statusOf = (found: CriStatus): ContainerStatus => {
  const labels = Object.fromEntries(found.labels)
  const annotations = Object.fromEntries(found.annotations)
  const user = found.user?.linux
  return {
    id: found.id,
    sandboxId: '',
    podUid: labels[podUidLabel] ?? '',
    name: labels[containerNameLabel] ?? found.metadata?.name ?? '',
    attempt: found.metadata?.attempt ?? 0,
    state: found.state,
    createdAt: millis(found.createdAt),
    startedAt: millis(found.startedAt),
    finishedAt: found.state === 'exited' ? millis(found.finishedAt) : 0,
    exitCode: found.exitCode,
    image: annotations[imageNameAnnotation] ?? found.image?.image ?? '',
    imageId: found.imageRef,
    imageRef: found.imageId === '' ? found.imageRef : found.imageId,
    reason: found.reason,
    message: found.message,
    resources: settingsOf(found),
    logPath: found.logPath,
    user: user && { uid: user.uid, gid: user.gid, supplementalGroups: user.supplementalGroups },
    labels,
    annotations,
  }
}

const statsOf = ({ attributes, cpu, memory }: CriStats): ContainerStats | undefined => {
  // A container that was just started has no figures yet.
  if (attributes === undefined || cpu === undefined || memory === undefined) return undefined
  const labels = attributes.labels
  return {
    id: attributes.id,
    podUid: labels.get(podUidLabel) ?? '',
    name: labels.get(containerNameLabel) ?? attributes.metadata?.name ?? '',
    timestamp: millis(cpu.timestamp),
    cpuUsageNanoSeconds: cpu.usageCoreNanoSeconds?.value ?? 0,
    memoryUsageBytes: memory.usageBytes?.value ?? memory.workingSetBytes?.value ?? 0,
    memoryWorkingSetBytes: memory.workingSetBytes?.value ?? 0,
  }
}

export const createContainers = (client: CriClient, owners: Owners): CriContainers => ({
  create: async (sandboxId, config, sandboxConfig) => {
    const { containerId } = await client.call(methods.createContainer, {
      podSandboxId: sandboxId,
      config: containerMessage(config, sandboxConfig),
      sandboxConfig: sandboxMessage(sandboxConfig),
    })
    owners.set(containerId, sandboxConfig.metadata.uid)
    return containerId
  },
  start: async (id) => {
    await client.call(methods.startContainer, { containerId: id })
  },
  stop: async (id, graceMs, signal) => {
    const seconds = Math.ceil(Math.max(0, graceMs) / 1000)
    await unlessGone(
      client.call(
        methods.stopContainer,
        { containerId: id, timeout: seconds },
        { timeoutMs: seconds * 1000 + marginMs, signal },
      ),
    )
  },
  remove: (id) => unlessGone(client.call(methods.removeContainer, { containerId: id })),
  status: async (id) => {
    const found = (await orUndefined(client.call(methods.containerStatus, { containerId: id })))?.status
    return found === undefined ? undefined : statusOf(found)
  },
  list: async (podUid) => {
    const { containers } = await client.call(methods.listContainers, { filter: selector(podUid) })
    const found = containers.map(summaryOf)
    for (const { id, podUid: uid } of found) owners.set(id, uid)
    return found.toSorted((a, b) => b.createdAt - a.createdAt || b.attempt - a.attempt)
  },
  update: async (id, resources) => {
    await client.call(methods.updateContainerResources, { containerId: id, linux: resourcesMessage(resources) })
  },
  reopenLog: async (id) => {
    await client.call(methods.reopenContainerLog, { containerId: id })
  },
  checkpoint: async (id, location) => {
    try {
      await client.call(methods.checkpointContainer, { containerId: id, location })
    } catch (error) {
      if (!isUnimplemented(error)) throw error
      throw new UnsupportedError('the container runtime does not support checkpoints', { cause: error })
    }
  },
  execSync: async (id, command, timeoutMs) => {
    const seconds = Math.ceil(timeoutMs / 1000)
    try {
      return await client.call(
        methods.execSync,
        { containerId: id, cmd: command, timeout: seconds },
        // Without a time of its own it takes what it takes.
        { timeoutMs: seconds === 0 ? undefined : seconds * 1000 + marginMs },
      )
    } catch (error) {
      if (!isDeadline(error)) throw error
      throw new TimeoutError(`${JSON.stringify(command.join(' '))} timed out after ${formatDuration(timeoutMs)}`, {
        cause: error,
      })
    }
  },
  diskUsage: async (id) => {
    const { stats } = await client.call(methods.listContainerStats, { filter: { id } })
    const layer = stats[0]?.writableLayer
    if (layer === undefined) return undefined
    const rootfs = {
      usedBytes: Number(layer.usedBytes?.value ?? 0n),
      inodesUsed: Number(layer.inodesUsed?.value ?? 0n),
    }
    return { rootfs, logs: { usedBytes: 0, inodesUsed: 0 } }
  },
  stats: async (podUid) => {
    const { stats } = await client.call(methods.listContainerStats, { filter: selector(podUid) })
    return stats.map(statsOf).filter((entry) => entry !== undefined)
  },
})
