/** Pull, create, start, postStart. Upstream: kuberuntime startContainer. */
import { makeContainerConfig, makeSandboxConfig, type NodeFacts } from '../container/container-config.ts'
import { ConfigError } from '../container/objects.ts'
import { runHook } from '../lifecycle/hooks.ts'
import type { BoundPod, PodContainer } from '../pod.ts'
import { type ImageManager, ImageError } from '../runtime/images/image-manager.ts'
import type { PullCredentials } from '../runtime/images/keyring.ts'
import type { PodSandboxStatus, RuntimeService } from '../runtime/runtime-service.ts'
import type { MountImageVolumes } from '../volumes/image-volume.ts'
import type { MountedVolume } from '../volumes/mounted-volume.ts'
import type { ContainerEvents } from './container-events.ts'
import type { PodKiller } from './kill-pod.ts'
import { latestContainer, type PodRuntimeState } from './runtime-state.ts'

/** Why a container does not run; reason and message go to its Waiting state. */
export class StartError extends Error {
  override readonly name = 'StartError'
  readonly reason: string
  readonly retryAfterMs: number

  constructor(reason: string, message: string, retryAfterMs: number) {
    super(message)
    this.reason = reason
    this.retryAfterMs = retryAfterMs
  }
}

export interface StarterDeps {
  readonly runtime: RuntimeService
  readonly images: ImageManager
  readonly mountImageVolumes: MountImageVolumes
  readonly facts: NodeFacts
  readonly events: ContainerEvents
  readonly killer: PodKiller
  /** Told before a container starts; rejects with ConfigError where it may not. */
  readonly preStart: (pod: BoundPod, container: string) => Promise<void>
  readonly credentials: (pod: BoundPod, image: string) => Promise<readonly PullCredentials[]>
}

export interface StartRequest {
  readonly pod: BoundPod
  readonly entry: PodContainer
  readonly sandbox: PodSandboxStatus
  readonly state: PodRuntimeState
  readonly volumes: ReadonlyMap<string, MountedVolume>
  readonly signal: AbortSignal
}

/** What came of the container's pulls. */
interface Pulled {
  readonly image: { readonly id: string; readonly user: string }
  readonly imageVolumes: ReadonlyMap<string, MountedVolume>
}

export type StartContainer = (request: StartRequest) => Promise<void>

/** How soon a start that failed for another reason than its image is tried again. */
const configRetryMs = 5000

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** One more than the highest attempt that is known here or in the API: counts never go back. */
const nextAttempt = ({ pod, entry, state }: StartRequest): number => {
  const { name } = entry.container
  const latest = latestContainer(state, name)
  if (latest !== undefined) return latest.attempt + 1
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])]
  const old = statuses.find((status) => status.name === name)
  const ran = old?.containerID !== undefined && old.containerID !== ''
  return ran ? old.restartCount + 1 : (old?.restartCount ?? 0)
}

/** Rejects with StartError; events tell every step. */
export const createContainerStarter = ({
  runtime,
  images,
  mountImageVolumes,
  facts,
  events,
  killer,
  preStart,
  credentials,
}: StarterDeps): StartContainer => {
  const fail = (request: StartRequest, reason: string, error: unknown): never => {
    const message = messageOf(error)
    events.record(request.pod, request.entry.container.name, 'Warning', 'Failed', `Error: ${message}`)
    throw new StartError(reason, message, configRetryMs)
  }

  const pull = async (request: StartRequest): Promise<Pulled> => {
    const { pod, entry, signal } = request
    const record = (type: 'Normal' | 'Warning', reason: string, message: string): void =>
      events.record(pod, entry.container.name, type, reason, message)
    const how = { record, signal, credentials: (image: string) => credentials(pod, image) }
    try {
      const image = await images.ensureImage({
        pod,
        reference: entry.container.image ?? '',
        pullPolicy: entry.container.imagePullPolicy,
        ...how,
      })
      return { image, imageVolumes: await mountImageVolumes(pod, entry.container, how) }
    } catch (error) {
      if (!(error instanceof ImageError)) throw error
      record('Warning', 'Failed', `Error: ${error.reason}`)
      throw new StartError(error.reason, error.message, error.retryAfterMs)
    }
  }

  const create = async (request: StartRequest, { image, imageVolumes }: Pulled): Promise<string> => {
    const { pod, entry, sandbox, state, volumes } = request
    try {
      await preStart(pod, entry.container.name)
      const config = await makeContainerConfig(
        {
          pod,
          entry,
          attempt: nextAttempt(request),
          image,
          podIPs: sandbox.ips,
          volumes: new Map([...volumes, ...imageVolumes]),
          runningContainer: (name) =>
            state.containers.find((status) => status.name === name && status.state === 'running')?.id,
        },
        facts,
      )
      return await runtime.createContainer(sandbox, config, makeSandboxConfig(pod, sandbox.metadata.attempt, facts, ''))
    } catch (error) {
      return fail(request, error instanceof ConfigError ? 'CreateContainerConfigError' : 'CreateContainerError', error)
    }
  }

  const postStart = async (request: StartRequest, id: string): Promise<void> => {
    const { pod, entry, sandbox, state, signal } = request
    const handler = entry.container.lifecycle?.postStart
    if (handler === undefined) return
    try {
      const podIP = sandbox.network === 'node' ? (facts.hostIPs[0] ?? '') : (sandbox.ips[0] ?? '')
      await runHook(runtime, handler, { containerId: id, container: entry.container, podIP }, signal)
    } catch (error) {
      if (signal.aborted) throw error
      const message = `PostStartHook failed`
      events.record(pod, entry.container.name, 'Warning', 'FailedPostStartHook', message)
      const status = await runtime.containerStatus(id)
      if (status !== undefined) await killer.killContainer(status, state, { pod, message: 'FailedPostStartHook' })
      throw new StartError('PostStartHookError', messageOf(error), configRetryMs)
    }
  }

  return async (request) => {
    const { name } = request.entry.container
    const image = await pull(request)
    request.signal.throwIfAborted()
    const id = await create(request, image)
    events.record(request.pod, name, 'Normal', 'Created', 'Container created')
    try {
      await runtime.startContainer(id)
    } catch (error) {
      fail(request, 'RunContainerError', error)
    }
    events.record(request.pod, name, 'Normal', 'Started', 'Container started')
    await postStart(request, id)
  }
}
