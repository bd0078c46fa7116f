/** Why a Pod fits nowhere: by node, by plugin, and in upstream's one sentence. */
import { messageOf, type Rejection, unresolvable } from './status.ts'

/** What one scheduling cycle found out. Upstream: framework.Diagnosis. */
export interface FitDiagnosis {
  readonly nodeToStatus: Map<string, Rejection>
  /** Holds for every node that `nodeToStatus` does not name. */
  absentNodesStatus: Rejection
  /** Plugins that rejected the Pod: their events wake it. */
  readonly unschedulablePlugins: Set<string>
  /** Those of them that wait for something outside: their events spare it the back-off. */
  readonly pendingPlugins: Set<string>
  preFilterRejection: Rejection | undefined
  postFilterMessage: string
}

/** The name under which extenders reject. */
export const extenderName = 'Extender'

export const newDiagnosis = (): FitDiagnosis => ({
  nodeToStatus: new Map(),
  absentNodesStatus: unresolvable(),
  unschedulablePlugins: new Set(),
  pendingPlugins: new Set(),
  preFilterRejection: undefined,
  postFilterMessage: '',
})

export const noteRejection = (diagnosis: FitDiagnosis, { code, plugin }: Rejection): void => {
  if (plugin === undefined) return
  diagnosis.unschedulablePlugins.add(plugin)
  if (code === 'Pending') diagnosis.pendingPlugins.add(plugin)
}

/** A node is out. */
export const rejectNode = (diagnosis: FitDiagnosis, nodeName: string, rejection: Rejection): void => {
  diagnosis.nodeToStatus.set(nodeName, rejection)
  noteRejection(diagnosis, rejection)
}

/** `2 Insufficient cpu`, for each reason the number of nodes that have it, sorted as text. */
const reasonHistogram = ({ nodeToStatus, absentNodesStatus }: FitDiagnosis, nodes: number): string[] => {
  const counts = new Map<string, number>()
  const add = (rejection: Rejection, by: number): void => {
    for (const reason of rejection.reasons) counts.set(reason, (counts.get(reason) ?? 0) + by)
  }
  for (const rejection of nodeToStatus.values()) add(rejection, 1)
  if (nodeToStatus.size < nodes) add(absentNodesStatus, nodes - nodeToStatus.size)
  return [...counts].map(([reason, count]) => `${count} ${reason}`).sort()
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. preemption: …`. Upstream: FitError.Error. */
export const fitErrorMessage = (diagnosis: FitDiagnosis, nodes: number): string => {
  const reasons =
    diagnosis.preFilterRejection === undefined
      ? reasonHistogram(diagnosis, nodes).join(', ')
      : messageOf(diagnosis.preFilterRejection)
  const parts = [`0/${nodes} nodes are available:`, ...(reasons === '' ? [] : [`${reasons}.`])]
  if (diagnosis.postFilterMessage !== '') parts.push(diagnosis.postFilterMessage)
  return parts.join(' ')
}
