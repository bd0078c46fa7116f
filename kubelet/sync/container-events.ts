/** Events about one container of a Pod. */
import { type BoundPod, findContainer } from '../pod.ts'
import type { EventRecorder } from '../recorder.ts'

export interface ContainerEvents {
  record(
    pod: BoundPod | undefined,
    container: string,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ): void
}

const listOf = {
  container: 'containers',
  init: 'initContainers',
  sidecar: 'initContainers',
  ephemeral: 'ephemeralContainers',
} as const

export const createContainerEvents = (recorder: EventRecorder): ContainerEvents => ({
  record: (pod, container, type, reason, message) => {
    if (pod === undefined) return
    const kind = findContainer(pod, container)?.type ?? 'container'
    recorder.event(pod, type, reason, message, { fieldPath: `spec.${listOf[kind]}{${container}}` })
  },
})
