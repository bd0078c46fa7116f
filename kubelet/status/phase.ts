/** A Pod's phase from its containers. Upstream: getPhase. */
import type { Container, ContainerStatus } from '../../api/types.ts'
import { type BoundPod, restartPolicyOf } from '../pod.ts'
import { decidesRestart } from '../sync/restart-rules.ts'

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown'

const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always'

/**
 * `podIsTerminal` is set when nothing will be started any more (deletion, deadline, eviction): a container that never
 * ran does not keep the Pod pending then.
 */
export const podPhase = (pod: BoundPod, statuses: readonly ContainerStatus[], podIsTerminal: boolean): PodPhase => {
  const statusOf = (name: string): ContainerStatus | undefined => statuses.find((status) => status.name === name)
  /** By its own policy and rules, which may say another thing than the Pod's. */
  const comesBack = (container: Container, exitCode: number): boolean =>
    decidesRestart(container, restartPolicyOf(pod), exitCode)
  let pendingInit = 0
  let failedInit = 0
  for (const container of pod.spec.initContainers ?? []) {
    const status = statusOf(container.name)
    const { running, terminated } = status?.state ?? {}
    const last = status?.lastState?.terminated
    if (isSidecar(container)) {
      // A sidecar keeps the Pod pending only until it has started once.
      const stopped = terminated !== undefined || last !== undefined
      if (!stopped && (running === undefined || status?.started !== true)) pendingInit++
      continue
    }
    if (running !== undefined) pendingInit++
    else {
      const exitCode = (terminated ?? last)?.exitCode ?? 0
      if (exitCode !== 0 && !comesBack(container, exitCode)) failedInit++
    }
    if (running === undefined && terminated === undefined && (last === undefined || last.exitCode !== 0)) pendingInit++
  }
  if (failedInit > 0) return 'Failed'

  let unknown = 0
  let running = 0
  let waiting = 0
  let succeeded = 0
  let stopped = 0
  let returning = 0
  for (const container of pod.spec.containers) {
    const status = statusOf(container.name)
    if (status === undefined) {
      unknown++
      continue
    }
    if (status.state?.running !== undefined) running++
    else if (status.state?.terminated !== undefined) {
      stopped++
      if (status.state.terminated.exitCode === 0) succeeded++
      if (comesBack(container, status.state.terminated.exitCode)) returning++
    } else if (status.state?.waiting !== undefined) {
      // One that waits to be started again has stopped before.
      if (status.lastState?.terminated !== undefined) {
        stopped++
        returning++
      } else waiting++
    } else unknown++
  }

  if (pendingInit > 0 && !podIsTerminal) {
    const hasStarted = running + stopped > 0
    if (!hasStarted) return 'Pending'
  }
  if (waiting > 0) return podIsTerminal ? 'Failed' : 'Pending'
  if (running > 0 && unknown === 0) return 'Running'
  if (running === 0 && stopped > 0 && unknown === 0) {
    if (podIsTerminal) return stopped === succeeded ? 'Succeeded' : 'Failed'
    if (returning > 0) return 'Running'
    return stopped === succeeded ? 'Succeeded' : 'Failed'
  }
  return podIsTerminal ? 'Failed' : 'Pending'
}
