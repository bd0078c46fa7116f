/** Events about Pods and the Node: client's event recorder, or a log line in a kubelet without an API server. */
import type { KubeObject } from '../api/types.ts'
import type { EventRecorder } from '../client/events/event-recorder.ts'
import type { Logger } from '../component-base/logging/logger.ts'

export type { EventRecorder } from '../client/events/event-recorder.ts'

export const createLogRecorder = (log: Logger): EventRecorder => ({
  event: (object: KubeObject, type, reason, message) => {
    log.info(
      { object: `${object.metadata?.namespace ?? ''}/${object.metadata?.name ?? ''}`, type, reason, text: message },
      'event',
    )
  },
})
