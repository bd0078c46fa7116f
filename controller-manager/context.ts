/** What every controller gets, and what every controller is. */
import type { InformerFactory } from '../client/cache/informer.ts'
import type { EventRecorder } from '../client/events/event-recorder.ts'
import type { RestClient } from '../client/rest/rest-client.ts'
import type { QueueObserver } from '../client/workqueue/queue-metrics.ts'
import type { Clock } from '../component-base/clock.ts'
import type { Logger } from '../component-base/logging/logger.ts'
import type { ControllerGate } from './features.ts'
import type { ControllerManagerConfig } from './options.ts'

export interface ControllerContext {
  /** Acts with the controller's own identity. */
  readonly client: RestClient
  /** One cache a resource, shared by all controllers. */
  readonly informers: InformerFactory
  readonly events: EventRecorder
  readonly log: Logger
  readonly clock: Clock
  /** Of one more queue of this controller. */
  readonly observeQueue: () => QueueObserver
  readonly config: ControllerManagerConfig
  /** Aborted when this process stops or is no longer the leader. */
  readonly signal: AbortSignal
}

/** Works until the signal of the context is aborted; called when the caches are filled. */
export type RunController = () => Promise<unknown>

/**
 * A controller: `setup` asks for its caches and adds its handlers, what it returns is run once these are filled.
 * Returning undefined means that the flags leave it nothing to do.
 */
export interface Controller {
  /** Upstream's name, as in `--controllers`. */
  readonly name: string
  /** Its service account in kube-system, as upstream's bootstrap roles are bound; undefined: the manager's identity. */
  readonly serviceAccount: string | undefined
  /** The component that its events name, where upstream's is another than its name. */
  readonly eventSource?: string
  /** The gate without which it is not there. */
  readonly featureGate?: ControllerGate
  /** On only when named in `--controllers`. */
  readonly offByDefault?: boolean
  readonly setup: (context: ControllerContext) => RunController | undefined
}
