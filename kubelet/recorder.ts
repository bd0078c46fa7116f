/** Events about Pods and the Node: client's event recorder, or a log line in a kubelet without an API server. */
import type { KubeObject } from '../api/types.ts'
import type { EventRecorder } from '../client/events/event-recorder.ts'
import type { RestClient } from '../client/rest/rest-client.ts'
import { createTokenBucket } from '../client/rest/rate-limiter.ts'
import type { Logger } from '../component-base/logging/logger.ts'

type EventClient = Pick<RestClient, 'create' | 'patch'>

/** Events wait for their turn; a recorder whose queue is full drops them. Upstream: eventRecordQPS, eventBurst. */
export const limitEvents = (
  client: EventClient,
  { qps, burst }: { readonly qps: number; readonly burst: number },
): EventClient => {
  if (qps <= 0) return client
  const bucket = createTokenBucket(qps, burst)
  return {
    create: async (ref, object, options) => {
      await bucket.wait()
      return client.create(ref, object, options)
    },
    patch: async (ref, name, namespace, body, options) => {
      await bucket.wait()
      return client.patch(ref, name, namespace, body, options)
    },
  }
}

export type { EventRecorder } from '../client/events/event-recorder.ts'

export const createLogRecorder = (log: Logger): EventRecorder => ({
  event: (object: KubeObject, type, reason, message) => {
    log.info(
      { object: `${object.metadata?.namespace ?? ''}/${object.metadata?.name ?? ''}`, type, reason, text: message },
      'event',
    )
  },
})
