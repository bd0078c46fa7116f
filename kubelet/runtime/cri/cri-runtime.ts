/** RuntimeService and ImageService on any runtime that speaks CRI v1: containerd, CRI-O. */
import { preciseNow, sleep } from '../../../component-base/clock.ts'
import { readLog } from '../../logs/read-log.ts'
import type { ContainerEngine } from '../engine.ts'
import type { RuntimeFeatures, RuntimeHandler, RuntimeService } from '../runtime-service.ts'
import { type CriClient, connectCri, isUnavailable, isUnimplemented, rpcErrorText } from './client.ts'
import { createContainers } from './containers.ts'
import { createEvents } from './events.ts'
import { createImages } from './images.ts'
import { createOwners } from './owners.ts'
import { runtimeMethods as methods, type StatusResponse } from './runtime-messages.ts'
import { createSandboxes } from './sandboxes.ts'
import { openPort, openSession } from './streaming.ts'

export interface CriRuntimeOptions {
  readonly endpoint: string
  /** '' is the runtime's. */
  readonly imageEndpoint: string
  /** For runtimes that do not tell their own. */
  readonly cgroupDriver: string
}

/** A runtime that names no handlers (containerd before 2.0) has its default, and tells nothing of others. */
export const featuresOf = ({ runtimeHandlers, features }: StatusResponse): RuntimeFeatures => {
  const handlers = runtimeHandlers.map(
    ({ name, features: of }): RuntimeHandler => ({
      name,
      recursiveReadOnlyMounts: of?.recursiveReadOnlyMounts ?? false,
      // Ranges of IDs for Pods are not handed out by this kubelet, whatever the runtime could do with them.
      userNamespaces: false,
    }),
  )
  const standard = handlers.find(({ name }) => name === '') ?? {
    name: '',
    recursiveReadOnlyMounts: false,
    userNamespaces: false,
  }
  return {
    handlers: handlers.length === 0 ? [standard] : handlers,
    recursiveReadOnlyMounts: standard.recursiveReadOnlyMounts,
    userNamespaces: standard.userNamespaces,
    supplementalGroupsPolicy: features?.supplementalGroupsPolicy ?? false,
  }
}

const cgroupDriverOf = async (client: CriClient, configured: string): Promise<string> => {
  try {
    const { linux } = await client.call(methods.runtimeConfig, {})
    return linux?.cgroupDriver ?? configured
  } catch (error) {
    if (isUnimplemented(error)) return configured
    throw error
  }
}

/** '' where the condition holds, else upstream's words for its absence. */
export const conditionText = ({ status }: StatusResponse, type: string, what: string): string => {
  const condition = status?.conditions.find((candidate) => candidate.type === type)
  if (condition?.status === true) return ''
  const { reason, message } = condition ?? { reason: '', message: '' }
  return `container runtime ${what}: ${type}=false reason:${reason} message:${message}`
}

/** How long a runtime that is started beside the kubelet may take. */
const startTimeoutMs = 10_000
const startPollMs = 100

const whenUp = async <T>(ask: () => Promise<T>): Promise<T> => {
  const deadline = preciseNow() + startTimeoutMs
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (!isUnavailable(error) || preciseNow() > deadline) throw error
      await sleep(startPollMs)
    }
  }
}

/** Connects and learns the runtime's facts. Rejects when it does not answer. */
export const createCriRuntime = async (options: CriRuntimeOptions): Promise<ContainerEngine> => {
  const client = connectCri(options.endpoint)
  const imageClient = options.imageEndpoint === '' ? client : connectCri(options.imageEndpoint)
  const version = await whenUp(() => client.call(methods.version, { version: 'v1' }))
  const status = (): Promise<StatusResponse> => client.call(methods.status, {})
  const features = featuresOf(await status())
  const cgroupDriver = await cgroupDriverOf(client, options.cgroupDriver)
  const owners = createOwners()
  const sandboxes = createSandboxes(client, owners)
  const containers = createContainers(client, owners)

  const events = createEvents({
    client,
    owners,
    stateOf: async (id) => (await containers.status(id))?.state,
    list: async () => {
      const [all, pods] = await Promise.all([containers.list(), sandboxes.list()])
      return new Map([...all, ...pods].map(({ id, state }) => [id, state]))
    },
  })

  const runtime: RuntimeService = {
    features,
    version: async () => ({ name: version.runtimeName, version: version.runtimeVersion }),
    status: async () => {
      try {
        const answer = await status()
        return {
          runtimeReady: conditionText(answer, 'RuntimeReady', 'status check may not have completed yet'),
          networkReady: conditionText(answer, 'NetworkReady', 'network not ready'),
        }
      } catch (error) {
        return { runtimeReady: `container runtime is down: ${rpcErrorText(error)}`, networkReady: '' }
      }
    },
    runPodSandbox: sandboxes.run,
    stopPodSandbox: sandboxes.stop,
    removePodSandbox: sandboxes.remove,
    podSandboxStatus: sandboxes.status,
    listPodSandboxes: sandboxes.list,
    createContainer: (sandbox, config, sandboxConfig) => containers.create(sandbox.id, config, sandboxConfig),
    startContainer: containers.start,
    stopContainer: containers.stop,
    removeContainer: containers.remove,
    containerStatus: containers.status,
    listContainers: containers.list,
    updateContainerResources: containers.update,
    reopenContainerLog: containers.reopenLog,
    checkpointContainer: containers.checkpoint,
    updatePodCidr: async (podCidr) => {
      await client.call(methods.updateRuntimeConfig, { runtimeConfig: { networkConfig: { podCidr } } })
    },
    execSync: containers.execSync,
    exec: async (id, { command, tty, stdin }) => {
      const { url } = await client.call(methods.exec, {
        containerId: id,
        cmd: command,
        tty,
        stdin,
        stdout: true,
        stderr: !tty,
      })
      return openSession(url, { stdin, tty })
    },
    attach: async (id, { stdin, tty }) => {
      const { url } = await client.call(methods.attach, { containerId: id, stdin, tty, stdout: true, stderr: !tty })
      return openSession(url, { stdin, tty })
    },
    portForward: async (sandboxId, port) => {
      const { url } = await client.call(methods.portForward, { podSandboxId: sandboxId, port: [port] })
      return openPort(url, port)
    },
    containerLogs: async (id, logOptions, signal) => {
      const found = await containers.status(id)
      if (found === undefined || found.logPath === '') throw new Error(`container ${id} has no log`)
      const isRunning = async (): Promise<boolean> => (await containers.status(id))?.state === 'running'
      return readLog(found.logPath, { ...logOptions, isRunning }, signal)
    },
    containerStats: containers.stats,
    containerDiskUsage: containers.diskUsage,
    events,
  }
  return {
    runtime,
    images: createImages(imageClient),
    cgroupDriver,
    wiresPods: true,
    sharesImages: false,
    networkNotReady: async () => (await runtime.status()).networkReady,
    close: () => {
      client.close()
      imageClient.close()
    },
  }
}
