/** Columns of `kubectl get pods`. STATUS is the phase, or what the containers say where that is more. Upstream: printPod. */
import type { PrinterColumn } from '../../kind.ts'
import { isConditionTrue } from '../../meta/conditions.ts'
import { isPodReady, isPodTerminal, isRestartableInitContainer } from '../../meta/pods.ts'
import { ageColumn, column, nameColumn, textOr, wideColumn } from '../../printers/columns.ts'
import { age } from '../../printers/duration.ts'
import type { ContainerStatus, Pod } from '../../types.ts'

interface Restarts {
  count: number
  /** The latest end of a container, '' if none ended. */
  last: string
}

export interface PodSummary {
  readonly ready: number
  readonly total: number
  readonly reason: string
  readonly restarts: Restarts
}

const addRestarts = (restarts: Restarts, status: ContainerStatus): void => {
  restarts.count += status.restartCount ?? 0
  const finished = status.lastState?.terminated?.finishedAt ?? ''
  if (finished > restarts.last) restarts.last = finished
}

type Terminated = NonNullable<NonNullable<ContainerStatus['state']>['terminated']>

const terminatedReason = ({ reason, signal, exitCode }: Terminated): string => {
  if ((reason ?? '') !== '') return reason ?? ''
  return (signal ?? 0) === 0 ? `ExitCode:${exitCode}` : `Signal:${signal}`
}

interface InitSummary {
  /** What initialization hangs on; undefined once it is done. */
  readonly reason: string | undefined
  readonly readySidecars: number
  readonly all: Restarts
  readonly sidecars: Restarts
}

const summarizeInit = (pod: Pod, sidecarNames: ReadonlySet<string>): InitSummary => {
  const all: Restarts = { count: 0, last: '' }
  const sidecars: Restarts = { count: 0, last: '' }
  let readySidecars = 0
  let reason: string | undefined
  for (const [index, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
    addRestarts(all, status)
    const isSidecar = sidecarNames.has(status.name)
    if (isSidecar) addRestarts(sidecars, status)
    const { terminated, waiting } = status.state ?? {}
    if (terminated?.exitCode === 0) continue
    if (isSidecar && status.started === true) {
      if (status.ready) readySidecars++
      continue
    }
    const waitingReason = waiting?.reason ?? ''
    if (terminated !== undefined) reason = `Init:${terminatedReason(terminated)}`
    else if (waitingReason !== '' && waitingReason !== 'PodInitializing') reason = `Init:${waitingReason}`
    else reason = `Init:${index}/${pod.spec?.initContainers?.length ?? 0}`
    break
  }
  return { reason, readySidecars, all, sidecars }
}

const reportedReason = (pod: Pod): string => {
  const gated = pod.status?.conditions?.some(
    ({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated',
  )
  return gated === true ? 'SchedulingGated' : textOr(pod.status?.reason, pod.status?.phase ?? '')
}

const deletionReason = (pod: Pod, reason: string): string => {
  if (pod.metadata?.deletionTimestamp === undefined) return reason
  if (pod.status?.reason === 'NodeLost') return 'Unknown'
  return isPodTerminal(pod) ? reason : 'Terminating'
}

/** READY, STATUS and RESTARTS of a Pod. */
export const summarizePod = (pod: Pod): PodSummary => {
  const initContainers = pod.spec?.initContainers ?? []
  const sidecarNames = new Set(initContainers.filter(isRestartableInitContainer).map(({ name }) => name))
  const total = (pod.spec?.containers?.length ?? 0) + sidecarNames.size
  const init = summarizeInit(pod, sidecarNames)
  let reason = init.reason ?? reportedReason(pod)
  let ready = init.readySidecars
  let restarts = init.all
  if (init.reason === undefined || isConditionTrue(pod.status?.conditions, 'Initialized')) {
    restarts = init.sidecars
    let running = false
    for (const status of [...(pod.status?.containerStatuses ?? [])].reverse()) {
      addRestarts(restarts, status)
      const { waiting, terminated, running: isRunning } = status.state ?? {}
      if ((waiting?.reason ?? '') !== '') reason = waiting?.reason ?? ''
      else if (terminated !== undefined) reason = terminatedReason(terminated)
      else if (status.ready && isRunning !== undefined) {
        running = true
        ready++
      }
    }
    if (reason === 'Completed' && running) reason = isPodReady(pod) ? 'Running' : 'NotReady'
  }
  return { ready, total, reason: deletionReason(pod, reason), restarts }
}

const readinessGates = (pod: Pod): string => {
  const gates = pod.spec?.readinessGates ?? []
  if (gates.length === 0) return '<none>'
  const met = gates.filter(({ conditionType }) => isConditionTrue(pod.status?.conditions, conditionType))
  return `${met.length}/${gates.length}`
}

export const podColumns: readonly PrinterColumn<Pod>[] = [
  nameColumn,
  column('Ready', 'Ready containers of all that keep running.', (pod) => {
    const { ready, total } = summarizePod(pod)
    return `${ready}/${total}`
  }),
  column('Status', 'What the Pod and its containers are doing, in one word.', (pod) => summarizePod(pod).reason),
  column('Restarts', 'How often containers were started again, and when last.', (pod, now) => {
    const { count, last } = summarizePod(pod).restarts
    return count === 0 || last === '' ? String(count) : `${count} (${age(last, now)} ago)`
  }),
  ageColumn,
  wideColumn('IP', 'Address of the Pod in the cluster.', (pod) =>
    textOr(pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP, '<none>'),
  ),
  wideColumn('Node', 'Node that the Pod is bound to.', (pod) => textOr(pod.spec?.nodeName, '<none>')),
  wideColumn('Nominated Node', 'Node where preemption makes room for the Pod.', (pod) =>
    textOr(pod.status?.nominatedNodeName, '<none>'),
  ),
  wideColumn('Readiness Gates', 'Conditions that must hold beside ready containers, and how many do.', readinessGates),
]
