/** What every group of the kubelet's parts is made from. */
import type { Node } from '../../api/types.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { KubeletConfig } from '../config/config.ts'
import type { KubeletPaths } from '../paths.ts'

export interface Base {
  readonly config: KubeletConfig
  readonly paths: KubeletPaths
  readonly now: () => number
  /** This node as it was last seen; undefined before it is registered, and without an API server. */
  readonly node: () => Node | undefined
  /** The status of the node has news. */
  readonly wakeNode: () => void
  /** A Pod has news, or all have. */
  readonly wakePod: (podUid: string) => void
  readonly wakeAll: () => void
  readonly log: Logger
  readonly signal: AbortSignal
}
