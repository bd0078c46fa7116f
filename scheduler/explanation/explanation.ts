/** Why a Pod waits: its last attempt, node by node. Beyond upstream: there one sentence for all nodes is all there is. */
import { nowRfc3339 } from '../../api/meta/time.ts'
import type { Pod } from '../../api/types.ts'
import type { FitDiagnosis } from '../framework/diagnosis.ts'
import type { Snapshot } from '../framework/handle.ts'
import type { Rejection } from '../framework/status.ts'
import { adviceFor } from './advice.ts'

export interface NodeExplanation {
  readonly node: string
  readonly plugin: string
  readonly reasons: readonly string[]
  /** Whether removing other Pods could help. */
  readonly preemptible: boolean
  /** What would have to change; absent where the reasons say it. */
  readonly change?: string
}

export interface Explanation {
  readonly apiVersion: 'kubets.dev/v1alpha1'
  readonly kind: 'SchedulingExplanation'
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string }
  readonly schedulerName: string
  /** When the attempt was made, and which one it was. */
  readonly time: string
  readonly attempts: number
  /** As in the Pod's condition. */
  readonly message: string
  /** Plugins that rejected the Pod: their events wake it. */
  readonly rejectedBy: readonly string[]
  readonly nominatedNode?: string
  readonly nodes: readonly NodeExplanation[]
  /** Nodes that are left out, since there are too many. */
  readonly omittedNodes: number
}

/** Nodes that one explanation shows. */
const maxNodes = 500

/** An attempt as it is kept: small, until somebody asks. */
export interface Attempt {
  readonly pod: Pod
  readonly timeMs: number
  readonly attempts: number
  readonly message: string
  readonly nominatedNodeName: string | undefined
  /** Undefined: something else than a node's rejection, such as an error. */
  readonly diagnosis: FitDiagnosis | undefined
}

/** The node's numbers are those of now, its rejection is that of the attempt. */
const explainNode = (pod: Pod, name: string, { rejection, snapshot }: { rejection: Rejection; snapshot: Snapshot }) => {
  const change = adviceFor(pod, snapshot.get(name), rejection)
  const explained: NodeExplanation = {
    node: name,
    plugin: rejection.plugin ?? '',
    reasons: rejection.reasons,
    preemptible: rejection.code === 'Unschedulable',
    ...(change === '' ? {} : { change }),
  }
  return explained
}

export const explain = (attempt: Attempt, snapshot: Snapshot): Explanation => {
  const { pod, diagnosis, nominatedNodeName } = attempt
  const rejections =
    diagnosis === undefined
      ? []
      : snapshot.nodes.map(({ name }) => ({
          name,
          rejection: diagnosis.nodeToStatus.get(name) ?? diagnosis.absentNodesStatus,
        }))
  const { namespace = '', name = '', uid = '' } = pod.metadata ?? {}
  return {
    apiVersion: 'kubets.dev/v1alpha1',
    kind: 'SchedulingExplanation',
    pod: { namespace, name, uid },
    schedulerName: pod.spec?.schedulerName ?? 'default-scheduler',
    time: nowRfc3339(attempt.timeMs),
    attempts: attempt.attempts,
    message: attempt.message,
    rejectedBy: [...(diagnosis?.unschedulablePlugins ?? [])].sort(),
    ...(nominatedNodeName === undefined || nominatedNodeName === '' ? {} : { nominatedNode: nominatedNodeName }),
    nodes: rejections
      .slice(0, maxNodes)
      .map((one) => explainNode(pod, one.name, { rejection: one.rejection, snapshot })),
    omittedNodes: Math.max(0, rejections.length - maxNodes),
  }
}

/** For people: the sentence, then a line a node. */
export const toText = (explanation: Explanation): string => {
  const { pod, attempts, time, message, nodes, omittedNodes, nominatedNode } = explanation
  const lines = nodes.map(({ node, plugin, reasons, change }) => {
    const why = `${node}: ${plugin === '' ? '' : `${plugin}: `}${reasons.join(', ')}`
    return change === undefined ? `  ${why}` : `  ${why}\n      → ${change}`
  })
  return [
    `${pod.namespace}/${pod.name}, attempt ${attempts} at ${time}:`,
    message,
    ...(nominatedNode === undefined ? [] : [`Room is being made on ${nominatedNode}.`]),
    ...lines,
    ...(omittedNodes === 0 ? [] : [`  and ${omittedNodes} more nodes`]),
    '',
  ].join('\n')
}
