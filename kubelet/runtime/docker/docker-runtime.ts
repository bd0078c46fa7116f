/** RuntimeService and ImageService on a Docker engine. */
import type { Logger } from '../../../component-base/logging/logger.ts'
import type { Cni } from '../cni/cni.ts'
import { containerNameLabel, podUidLabel } from '../labels.ts'
import type { ContainerEngine } from '../engine.ts'
import { type RuntimeService, UnsupportedError } from '../runtime-service.ts'
import { unavailableCapabilities } from './capabilities.ts'
import { connectDocker, engineMessage, orUndefined } from './client.ts'
import type { EngineFacts } from './container-body.ts'
import { createContainers } from './containers.ts'
import { createDiskUsageReader } from './disk-usage.ts'
import { dockerEvents } from './events.ts'
import { createHostNetwork } from './host-network.ts'
import { createImages } from './images.ts'
import { logPathLabel, ownerFilter } from './labels.ts'
import { createLogCopier } from './log-copier.ts'
import { createNamespaceDialer } from './namespace-dialer.ts'
import { ensurePauseImage } from './pause-image.ts'
import { createSandboxes } from './sandboxes.ts'
import { runExec, startAttach, startExec, streamLogs } from './streaming.ts'
import { createUsageReader } from './usage.ts'

export interface DockerRuntimeOptions {
  readonly endpoint: string
  readonly nodeName: string
  readonly rootDir: string
  readonly pauseImage: string
  readonly cni: Cni
  readonly logMaxSizeBytes: number
  readonly logMaxFiles: number
  readonly log: Logger
}

/** Connects, learns the engine's facts and makes sure of the sandbox's image. Rejects when the engine does not answer. */
export const createDockerRuntime = async (options: DockerRuntimeOptions): Promise<ContainerEngine> => {
  const { nodeName, rootDir, pauseImage, cni } = options
  const docker = connectDocker(options.endpoint)
  const info: unknown = await docker.info()
  const engine = info as {
    CgroupDriver?: string
    SecurityOptions?: string[]
    DockerRootDir?: string
    Runtimes?: Record<string, unknown>
  }
  await ensurePauseImage(docker, pauseImage)
  const facts: EngineFacts = {
    nodeName,
    rootDir,
    pauseImage,
    logMaxSizeBytes: options.logMaxSizeBytes,
    logMaxFiles: options.logMaxFiles,
    appArmor: (engine.SecurityOptions ?? []).some((option) => option.includes('apparmor')),
    // Engines without CAP_SYS_RESOURCE (in a VM or rootless) cannot go below their own value.
    oomScoreAdjMinimum: 0,
    unavailableCapabilities: await unavailableCapabilities(),
  }
  const usages = createUsageReader(docker)
  const sandboxes = createSandboxes({
    docker,
    facts,
    cni,
    hostNetwork: createHostNetwork(docker, facts),
  })
  const containers = createContainers(docker, facts)
  const dialer = createNamespaceDialer()
  const copier = createLogCopier((error, id) => options.log.warn({ err: error, container: id }, 'a log is not copied'))

  /** Keeps the copy of a container's log under /var/log/pods, from where it is now. Never rejects: nobody waits for it. */
  const copyLog = async (id: string): Promise<void> => {
    try {
      const found = await orUndefined(docker.getContainer(id).inspect())
      const target = found?.Config.Labels[logPathLabel] ?? ''
      const source = found?.LogPath ?? ''
      if (found === undefined || target === '' || source === '') return
      await copier.follow({ id, source, target })
      if (!found.State.Running) await copier.finish(id)
    } catch (error) {
      const why = 'a log is not copied: the engine does not tell where it is, or its file cannot be read from here'
      options.log.warn({ err: error, container: id }, why)
    }
  }

  const isTty = async (id: string): Promise<boolean> => (await docker.getContainer(id).inspect()).Config.Tty

  const runtime: RuntimeService = {
    // The engine has one user namespace for all its containers (userns-remap), and no recursive read-only mounts
    // before version 25.
    features: {
      userNamespaces: false,
      recursiveReadOnlyMounts: false,
      supplementalGroupsPolicy: true,
      handlers: ['', ...Object.keys(engine.Runtimes ?? {})].map((name) => ({
        name,
        recursiveReadOnlyMounts: false,
        userNamespaces: false,
      })),
    },
    version: async () => {
      const version = await docker.version()
      return { name: 'docker', version: version.Version }
    },
    status: async () => {
      const runtimeReady = await docker.ping().then(
        () => '',
        (error: unknown) => `container runtime is down: ${engineMessage(error)}`,
      )
      return { runtimeReady, networkReady: await cni.notReadyReason() }
    },
    runPodSandbox: sandboxes.run,
    stopPodSandbox: sandboxes.stop,
    removePodSandbox: sandboxes.remove,
    podSandboxStatus: sandboxes.status,
    listPodSandboxes: sandboxes.list,
    createContainer: (sandbox, config) => containers.create(sandbox, config),
    startContainer: async (id) => {
      await containers.start(id)
      void copyLog(id)
    },
    stopContainer: containers.stop,
    removeContainer: async (id) => {
      await copier.finish(id).catch(() => undefined)
      await containers.remove(id)
    },
    containerStatus: containers.status,
    listContainers: containers.list,
    updateContainerResources: containers.update,
    // The engine turns its own files: this is about the copy.
    reopenContainerLog: copier.reopen,
    // The engine wires no networks.
    updatePodCidr: async () => undefined,
    checkpointContainer: async () => {
      throw new UnsupportedError('checkpoints of containers are not implemented by kubets on a Docker engine')
    },
    execSync: (id, command, timeoutMs) => runExec(docker, id, { command, timeoutMs }),
    exec: (id, execOptions) => startExec(docker, id, execOptions),
    attach: (id, attachOptions) => startAttach(docker, id, attachOptions),
    portForward: async (sandboxId, port) => {
      const { State } = await docker.getContainer(sandboxId).inspect()
      if (!State.Running) throw new Error(`sandbox ${sandboxId} is not running`)
      return dialer.dial(State.Pid, port)
    },
    containerLogs: async (id, logOptions, signal) =>
      streamLogs(docker, id, { ...logOptions, tty: await isTty(id) }, signal),
    containerDiskUsage: createDiskUsageReader(docker),
    containerStats: async (podUid) => {
      const running = (await containers.list(podUid)).filter(({ state }) => state === 'running')
      if (podUid === undefined) usages.keep(running.map(({ id }) => id))
      const stats = await Promise.all(
        running.map(async ({ id, labels }) => {
          const usage = await usages.read(id)
          return usage && { ...usage, podUid: labels[podUidLabel] ?? '', name: labels[containerNameLabel] ?? '' }
        }),
      )
      return stats.filter((entry) => entry !== undefined)
    },
    events: async function* (signal) {
      for await (const event of dockerEvents(docker, facts, signal)) {
        if (event.type === 'stopped') copier.finish(event.containerId).catch(() => undefined)
        yield event
      }
    },
  }

  const close = (): void => {
    dialer.close()
    copier.close()
  }
  // Network leftovers of sandboxes that were removed while no kubelet ran.
  const all = await docker.listContainers({ all: true, filters: { label: ownerFilter(facts) } })
  for (const { Id, Labels } of all) if (Labels[logPathLabel] !== undefined) void copyLog(Id)
  await cni.collectGarbage(new Set(all.map(({ Id }) => Id)))
  return {
    runtime,
    images: createImages(docker, engine.DockerRootDir ?? '/var/lib/docker'),
    cgroupDriver: engine.CgroupDriver ?? 'cgroupfs',
    wiresPods: false,
    sharesImages: true,
    networkNotReady: cni.notReadyReason,
    close,
  }
}
