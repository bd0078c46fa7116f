/** What a user is told of a Pod that was not scheduled: an Event, the condition PodScheduled, the nominated node. */
import { isReason } from '../api/meta/status-error.ts'
import { nowRfc3339 } from '../api/meta/time.ts'
import { pods as podsRef } from '../api/resources.ts'
import type { Pod } from '../api/types.ts'
import type { EventRecorder } from '../client/events/event-recorder.ts'
import type { RestClient } from '../client/rest/rest-client.ts'
import type { Clock } from '../component-base/clock.ts'
import type { Logger } from '../component-base/logging/logger.ts'

export interface Failure {
  /** `Unschedulable`: no node took it; `SchedulerError`: something went wrong. */
  readonly reason: 'Unschedulable' | 'SchedulerError'
  readonly message: string
  /** Undefined: the nomination stays as it is; '': it is cleared. */
  readonly nominatedNodeName: string | undefined
}

/** Longest note of an Event. */
const maxNoteLength = 1024
const suffix = ' ...'

const truncated = (message: string): string =>
  message.length <= maxNoteLength ? message : message.slice(0, maxNoteLength - suffix.length) + suffix

/** The status that differs from the Pod's; undefined: it says all that already. */
export const failureStatus = (pod: Pod, failure: Failure, nowMs: number): Record<string, unknown> | undefined => {
  const { reason, message, nominatedNodeName } = failure
  const known = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')
  const isSaid = known?.status === 'False' && known.reason === reason && known.message === message
  const nomination =
    nominatedNodeName === undefined || nominatedNodeName === (pod.status?.nominatedNodeName ?? '')
      ? {}
      : { nominatedNodeName: nominatedNodeName === '' ? null : nominatedNodeName }
  const condition = {
    type: 'PodScheduled',
    status: 'False',
    reason,
    message,
    observedGeneration: pod.metadata?.generation,
    lastTransitionTime: known?.status === 'False' ? known.lastTransitionTime : nowRfc3339(nowMs),
  }
  const status = { ...(isSaid ? {} : { conditions: [condition] }), ...nomination }
  return Object.keys(status).length === 0 ? undefined : status
}

/** Tells; never rejects. What could not be written the next attempt tells again. */
export const reportFailure = async (
  pod: Pod,
  failure: Failure,
  to: { readonly client: RestClient; readonly recorder: EventRecorder; readonly clock: Clock; readonly log: Logger },
): Promise<void> => {
  to.recorder.event(pod, 'Warning', 'FailedScheduling', truncated(failure.message))
  const status = failureStatus(pod, failure, to.clock.now())
  if (status === undefined) return
  const { name = '', namespace = '', uid } = pod.metadata ?? {}
  try {
    const body = { metadata: { uid }, status }
    await to.client.patch(podsRef, name, namespace, body, { type: 'strategic', subresource: 'status' })
  } catch (err) {
    // A Pod that is gone needs no report.
    if (!isReason(err, 'NotFound', 'Conflict')) to.log.warn({ err, pod: `${namespace}/${name}` }, 'status not written')
  }
}
