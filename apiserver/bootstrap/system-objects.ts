/** Namespaces, priority classes and other objects that every cluster has from the start. */
import { legacyTokenTracking } from '../../api/core/legacy-token-tracking.ts'
import type { ConfigMap, KubeObject, Namespace, PriorityClass } from '../../api/types.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import { realClock } from '../../component-base/clock.ts'
import type { Resources } from '../registry/resources.ts'
import { ensureExists, ensureLike } from './ensure.ts'

const namespace = (name: string): Namespace => ({ kind: 'Namespace', apiVersion: 'v1', metadata: { name } })

const priorityClass = (name: string, value: number, description: string): PriorityClass => ({
  kind: 'PriorityClass',
  apiVersion: 'scheduling.k8s.io/v1',
  metadata: { name },
  value,
  description,
  preemptionPolicy: 'PreemptLowerPriority',
})

const systemPriorityClasses = [
  priorityClass(
    'system-node-critical',
    2_000_001_000,
    'Used for system critical pods that must not be moved from their current node.',
  ),
  priorityClass(
    'system-cluster-critical',
    2_000_000_000,
    'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  ),
]

export const systemNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease']

/** Since today, unless it is said already since when; what is no date, or to come, is mended. */
const trackingSince = (today: string): ConfigMap => ({
  kind: 'ConfigMap',
  apiVersion: 'v1',
  metadata: { name: legacyTokenTracking.name, namespace: legacyTokenTracking.namespace },
  data: { [legacyTokenTracking.key]: today },
})
const isPastDate = (text: string | undefined, today: string): boolean =>
  text !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)) && text <= today

export const ensureSystemObjects = async (resources: Resources): Promise<void> => {
  const core = (resource: string) => resources.get({ group: '', version: 'v1', resource })
  const today = nowRfc3339(realClock.now()).slice(0, 'yyyy-mm-dd'.length)
  await Promise.all([
    ...systemNamespaces.map((name) => ensureExists(core('namespaces'), namespace(name))),
    ...systemPriorityClasses.map((object) =>
      ensureExists(resources.get({ group: 'scheduling.k8s.io', version: 'v1', resource: 'priorityclasses' }), object),
    ),
    ensureLike(core('configmaps'), trackingSince(today), (current: KubeObject) => {
      const { data } = current as ConfigMap
      if (!isPastDate(data?.[legacyTokenTracking.key], today)) {
        ;(current as ConfigMap).data = { ...data, [legacyTokenTracking.key]: today }
      }
    }),
  ])
}
