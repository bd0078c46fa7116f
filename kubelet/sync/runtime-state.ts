/** What the runtime knows of one Pod at one moment. */
import type { ContainerStatus, PodSandboxStatus, RuntimeService } from '../runtime/runtime-service.ts'
import { terminationMessage } from './termination-message.ts'

export interface PodRuntimeState {
  /** Newest first. */
  readonly sandboxes: readonly PodSandboxStatus[]
  /** Newest first, all attempts of all containers. */
  readonly containers: readonly ContainerStatus[]
}

export type ReadPodState = (podUid: string) => Promise<PodRuntimeState>

/** Reads from the runtime; containers that have stopped do not change any more and are remembered. */
export const createStateReader = (runtime: RuntimeService): ReadPodState => {
  const stopped = new Map<string, ContainerStatus>()
  const maxRemembered = 500

  const statusOf = async (id: string): Promise<ContainerStatus | undefined> => {
    const known = stopped.get(id)
    if (known !== undefined) return known
    const status = await runtime.containerStatus(id)
    if (status?.state !== 'exited') return status
    const complete = { ...status, message: await terminationMessage(runtime, status) }
    if (stopped.size >= maxRemembered) stopped.clear()
    stopped.set(id, complete)
    return complete
  }

  return async (podUid) => {
    const [sandboxes, summaries] = await Promise.all([runtime.listPodSandboxes(podUid), runtime.listContainers(podUid)])
    const containers = await Promise.all(
      // One that is started again keeps its ID: only what the list calls stopped may come from memory.
      summaries.map(({ id, state }) =>
        state === 'exited'
          ? statusOf(id)
          : runtime.containerStatus(id).then((status) => (status?.state === 'exited' ? statusOf(id) : status)),
      ),
    )
    return {
      sandboxes,
      containers: containers
        .filter((status) => status !== undefined)
        .toSorted((a, b) => b.createdAt - a.createdAt || b.attempt - a.attempt),
    }
  }
}

/** The latest attempt of a container. */
export const latestContainer = (state: PodRuntimeState, name: string): ContainerStatus | undefined =>
  state.containers.find((container) => container.name === name)

/** Addresses of the Pod: those of its newest sandbox that is ready. */
export const podIPsOf = (state: PodRuntimeState): readonly string[] =>
  state.sandboxes.find((sandbox) => sandbox.state === 'ready')?.ips ?? []
