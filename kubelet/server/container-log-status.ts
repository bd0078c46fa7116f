/**
 * Which container has the wanted log, or why there is none yet.
 * Upstream: validateContainerLogStatus in pkg/kubelet/kubelet_pods.go
 */
import type { Pod } from '../../api/types.ts'
import { HttpError } from './http.ts'

type ContainerStatus = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number]

const statusOf = (pod: Pod, containerName: string): ContainerStatus | undefined =>
  [
    ...(pod.status?.containerStatuses ?? []),
    ...(pod.status?.initContainerStatuses ?? []),
    ...(pod.status?.ephemeralContainerStatuses ?? []),
  ].find(({ name }) => name === containerName)

/** `docker://abc` is `abc`. */
const bareId = (containerId: string): string => containerId.slice(containerId.indexOf('://') + 3)

const waitingText = (reason: string | undefined): string => {
  switch (reason) {
    case undefined:
    case '':
      return 'is waiting to start - no logs yet'
    case 'ErrImagePull':
      return "is waiting to start: image can't be pulled"
    case 'ImagePullBackOff':
      return 'is waiting to start: trying and failing to pull image'
    default:
      return `is waiting to start: ${reason}`
  }
}

/** Runtime ID of the container whose log is wanted. Throws HttpError (400) with upstream's sentence. */
export const containerIdForLogs = (pod: Pod, containerName: string, previous: boolean): string => {
  const container = `container ${JSON.stringify(containerName)} in pod ${JSON.stringify(pod.metadata?.name ?? '')}`
  const status = statusOf(pod, containerName)
  if (status === undefined) throw new HttpError(400, `${container} is not available`)
  const lastId = status.lastState?.terminated?.containerID ?? ''
  if (previous) {
    if (lastId === '') throw new HttpError(400, `previous terminated ${container} not found`)
    return bareId(lastId)
  }
  const { running, terminated, waiting } = status.state ?? {}
  if (running !== undefined) {
    if ((status.containerID ?? '') === '') throw new HttpError(400, `${container} is not available`)
    return bareId(status.containerID ?? '')
  }
  // A container that ended before it got an ID leaves only the log of the one before it.
  const endedId = terminated?.containerID ?? ''
  if (endedId !== '') return bareId(endedId)
  if (lastId !== '') return bareId(lastId)
  if (terminated !== undefined || status.lastState?.terminated !== undefined) {
    throw new HttpError(400, `${container} is terminated`)
  }
  throw new HttpError(400, `${container} ${waitingText(waiting?.reason)}`)
}
