/** Whether a container that has stopped is started again. */
import type { Container, Pod } from '../../api/types.ts'
import { type BoundPod, type RestartPolicy, restartPolicyOf } from '../pod.ts'
import type { ContainerStatus } from '../runtime/runtime-service.ts'
import { latestContainer, type PodRuntimeState } from './runtime-state.ts'

/** The container's own policy and rules, after that the Pod's. Sidecars restart always. */
export const decidesRestart = (container: Container, policy: RestartPolicy, exitCode: number): boolean => {
  for (const rule of container.restartPolicyRules ?? []) {
    const { operator, values = [] } = rule.exitCodes ?? {}
    const matches = operator === 'In' ? values.includes(exitCode) : operator === 'NotIn' && !values.includes(exitCode)
    if (matches) return rule.action === 'Restart'
  }
  const own = container.restartPolicy ?? policy
  if (own === 'Never') return false
  return own !== 'OnFailure' || exitCode !== 0
}

/** Upstream: kubecontainer.ShouldContainerBeRestarted. */
export const shouldContainerBeRestarted = (container: Container, pod: BoundPod, state: PodRuntimeState): boolean => {
  if (pod.metadata.deletionTimestamp !== undefined) return false
  const status = latestContainer(state, container.name)
  if (status === undefined || status.state === 'created' || status.state === 'unknown') return true
  if (status.state === 'running') return false
  return decidesRestart(container, restartPolicyOf(pod), status.exitCode)
}

/** A container that must be replaced while it runs (probe failed) comes back unless nothing may be restarted. */
export const restartsAfterKill = (container: Container, pod: BoundPod): boolean =>
  (container.restartPolicy ?? restartPolicyOf(pod)) !== 'Never'

export const hasSucceeded = (status: ContainerStatus | undefined): boolean =>
  status?.state === 'exited' && status.exitCode === 0

/** A Pod that is being deleted, or has come to its end by its API status. */
export const isTerminatedInApi = (pod: Pod): boolean =>
  pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
