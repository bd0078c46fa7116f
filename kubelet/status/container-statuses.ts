/** Container statuses of the API from those of the runtime. Upstream: convertToAPIContainerStatuses. */
import { nowRfc3339 } from '../../api/meta/time.ts'
import type { Container, ContainerStatus as ApiContainerStatus } from '../../api/types.ts'
import { actualResources } from '../allocation/actuation.ts'
import type { BoundPod, PodContainer } from '../pod.ts'
import type { ContainerStatus } from '../runtime/runtime-service.ts'
import type { PodRuntimeState } from '../sync/runtime-state.ts'
import { shouldContainerBeRestarted } from '../sync/restart-rules.ts'

type ApiState = NonNullable<ApiContainerStatus['state']>

/** Why a container could not be started the last time, from the sync that failed. */
export interface StartFailure {
  readonly reason: string
  readonly message: string
}

export interface ContainerStatusRequest {
  readonly pod: BoundPod
  readonly state: PodRuntimeState
  readonly old: readonly ApiContainerStatus[]
  readonly failures: (container: string) => StartFailure | undefined
  /** 'docker': what container IDs begin with. */
  readonly runtimeName: string
}

const maxMessageBytes = 4096

const terminated = (status: ContainerStatus, runtimeName: string): ApiState => ({
  terminated: {
    exitCode: status.exitCode,
    ...(status.reason === '' ? {} : { reason: status.reason }),
    ...(status.message === '' ? {} : { message: status.message.slice(0, maxMessageBytes) }),
    startedAt: nowRfc3339(status.startedAt),
    finishedAt: nowRfc3339(status.finishedAt),
    containerID: `${runtimeName}://${status.id}`,
  },
})

const stateOf = (status: ContainerStatus, runtimeName: string): ApiState => {
  switch (status.state) {
    case 'running':
      return { running: { startedAt: nowRfc3339(status.startedAt) } }
    case 'exited':
      return terminated(status, runtimeName)
    case 'created':
    case 'unknown':
      return { waiting: { reason: 'ContainerCreating' } }
  }
}

const resourcesOf = ({ resources = {} }: Container, status: ContainerStatus): Partial<ApiContainerStatus> => {
  if (status.state !== 'running') return {}
  return {
    ...(resources.requests === undefined ? {} : { allocatedResources: resources.requests }),
    // Empty, but there: it tells that the node can resize the container.
    resources: actualResources(resources, status.resources) ?? resources,
  }
}

const mountsOf = (pod: BoundPod, { volumeMounts = [] }: Container): Partial<ApiContainerStatus> => {
  const known = volumeMounts.filter(({ name }) => pod.spec.volumes?.some((volume) => volume.name === name) === true)
  if (known.length === 0) return {}
  return {
    volumeMounts: known.map(({ name, mountPath, readOnly, recursiveReadOnly }) => ({
      name,
      mountPath,
      ...(readOnly === true
        ? { readOnly, recursiveReadOnly: recursiveReadOnly === 'Enabled' ? 'Enabled' : 'Disabled' }
        : {}),
    })),
  }
}

const fromRuntime = (
  { pod, runtimeName }: ContainerStatusRequest,
  container: Container,
  latest: ContainerStatus,
  previous: ContainerStatus | undefined,
): ApiContainerStatus => ({
  name: container.name,
  state: stateOf(latest, runtimeName),
  lastState: previous?.state === 'exited' ? terminated(previous, runtimeName) : {},
  ready: false,
  started: false,
  restartCount: latest.attempt,
  image: latest.image,
  imageID: latest.imageId,
  containerID: `${runtimeName}://${latest.id}`,
  ...resourcesOf(container, latest),
  ...mountsOf(pod, container),
  ...(latest.state === 'running' && latest.user !== undefined
    ? { user: { linux: { ...latest.user, supplementalGroups: [...latest.user.supplementalGroups] } } }
    : {}),
})

/** The runtime has nothing: it never was, or it was removed behind our back. */
const absent = (request: ContainerStatusRequest, container: Container, waitingReason: string): ApiContainerStatus => {
  const old = request.old.find(({ name }) => name === container.name)
  if (old?.state?.terminated !== undefined) return old
  const base: ApiContainerStatus = {
    name: container.name,
    state: { waiting: { reason: waitingReason } },
    lastState: old?.lastState ?? {},
    ready: false,
    started: false,
    restartCount: old?.restartCount ?? 0,
    image: container.image ?? '',
    imageID: '',
    ...mountsOf(request.pod, container),
  }
  if (old?.state?.running === undefined) return base
  return {
    ...base,
    restartCount: old.restartCount + 1,
    lastState: {
      terminated: {
        reason: 'ContainerStatusUnknown',
        message: 'The container could not be located when the pod was deleted.  The container used to be Running',
        exitCode: 137,
      } as NonNullable<ApiState['terminated']>,
    },
  }
}

/** Statuses of some of the Pod's containers, in the order of the spec. `ready` and `started` are the probes' to fill. */
export const containerStatuses = (
  request: ContainerStatusRequest,
  entries: readonly PodContainer[],
): ApiContainerStatus[] => {
  const { pod, state, failures } = request
  const waitingReason = (pod.spec.initContainers ?? []).length > 0 ? 'PodInitializing' : 'ContainerCreating'
  return entries.map(({ container, type }) => {
    const [latest, previous] = state.containers.filter(({ name }) => name === container.name)
    const status =
      latest === undefined
        ? absent(request, container, waitingReason)
        : fromRuntime(request, container, latest, previous)
    const failure = failures(container.name)
    const done = type === 'init' && latest?.state === 'exited' && latest.exitCode === 0
    if (failure === undefined || done || !shouldContainerBeRestarted(container, pod, state)) return status
    return {
      ...status,
      ...(status.state?.terminated === undefined ? {} : { lastState: { terminated: status.state.terminated } }),
      state: { waiting: { reason: failure.reason, message: failure.message } },
    }
  })
}
