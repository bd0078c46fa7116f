/**
 * Since when a Service's endpoints are out of date, which is what a proxy measures its own delay from.
 * Upstream: k8s.io/endpointslice/util, TriggerTimeTracker.
 */
import { findCondition } from '../api/meta/conditions.ts'
import type { KubeObject, Pod, Service } from '../api/types.ts'
import { annotationsOf, createdMs, keyOf, nameOf, timeMs } from './objects.ts'

const annotation = 'endpoints.kubernetes.io/last-change-trigger-time'

interface Seen {
  readonly serviceMs: number
  /** When each Pod became ready or not, by name. */
  readonly podMs: ReadonlyMap<string, number>
}

const readyChangeMs = ({ status }: Pod): number | undefined =>
  timeMs(findCondition(status?.conditions, 'Ready')?.lastTransitionTime)

export class TriggerTimes {
  readonly #seen = new Map<string, Seen>()

  /** The first of the changes that were not seen before, in milliseconds since the epoch; undefined if there is none. */
  next(service: Service, pods: readonly Pod[]): number | undefined {
    const key = keyOf(service)
    const before = this.#seen.get(key)
    const serviceMs = createdMs(service)
    const podMs = new Map(
      pods.flatMap((pod) => {
        const ms = readyChangeMs(pod)
        return ms === undefined ? [] : [[nameOf(pod), ms] as const]
      }),
    )
    this.#seen.set(key, { serviceMs, podMs })
    if (before === undefined) return serviceMs
    const changed = [...podMs].filter(([name, ms]) => ms > (before.podMs.get(name) ?? 0)).map(([, ms]) => ms)
    if (serviceMs > before.serviceMs) changed.push(serviceMs)
    return changed.length === 0 ? undefined : Math.min(...changed)
  }

  forget(serviceKey: string): void {
    this.#seen.delete(serviceKey)
  }
}

/** The object as it is to be written because of a change at that time; without one it says nothing of an earlier one. */
export const withTriggerTime = <T extends KubeObject>(object: T, ms: number | undefined): T => {
  const { [annotation]: _before, ...others } = annotationsOf(object)
  const annotations =
    ms === undefined ? others : { ...others, [annotation]: new Date(ms).toISOString().replace(/\.?0*Z$/, 'Z') }
  const { annotations: _all, ...metadata } = object.metadata ?? {}
  return { ...object, metadata: Object.keys(annotations).length === 0 ? metadata : { ...metadata, annotations } }
}
