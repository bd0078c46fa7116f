/** Extenders: schedulers' helpers outside, asked over HTTP. What the cycle and preemption know of one. */
import type { Pod } from '../../api/types.ts'
import type { LiveNodeInfo } from './node-info.ts'

/** Pods that would have to go from a node, the most important first. */
export interface Victims {
  readonly pods: readonly Pod[]
  readonly pdbViolations: number
}

export interface ExtenderFiltered {
  readonly feasible: readonly LiveNodeInfo[]
  /** Message by node name; preemption may help. */
  readonly failed: ReadonlyMap<string, string>
  readonly failedAndUnresolvable: ReadonlyMap<string, string>
}

/** Undefined functions: the extender has no such verb. All of them reject when the extender cannot be reached. */
export interface Extender {
  /** Its URL. */
  readonly name: string
  /** Its failures are passed over. */
  readonly ignorable: boolean
  readonly weight: number
  /** Resources that only the extender knows: NodeResourcesFit passes them over. */
  readonly ignoredResources: ReadonlySet<string>
  /** False: the Pod asks for none of its resources. */
  readonly isInterested: (pod: Pod) => boolean
  readonly filter?: (pod: Pod, nodes: readonly LiveNodeInfo[]) => Promise<ExtenderFiltered>
  /** Scores from 0 to 10 by node name. */
  readonly prioritize?: (pod: Pod, nodes: readonly LiveNodeInfo[]) => Promise<ReadonlyMap<string, number>>
  readonly preempt?: (pod: Pod, victims: ReadonlyMap<string, Victims>) => Promise<ReadonlyMap<string, Victims>>
  readonly bind?: (pod: Pod, nodeName: string) => Promise<void>
}
