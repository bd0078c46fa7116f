/** Which Pods belong together, by the Services and the controller that select them. Upstream: helper.DefaultSelector. */
import { matcherFromLabelSelector, matchesSet, type Matcher } from '../../api/meta/labels.ts'
import { controllerOf } from '../../api/meta/owners.ts'
import { replicaSets, replicationControllers, type ResourceRef, services, statefulSets } from '../../api/resources.ts'
import type { KubeObject, LabelSelector, Pod } from '../../api/types.ts'
import type { InformerFactory } from '../../client/cache/informer.ts'
import type { Lister } from '../../client/cache/store.ts'

/** Undefined: nothing selects the Pod. */
export type DefaultSelector = (pod: Pod) => Matcher | undefined

/** Only names and selectors are kept of what the scheduler never reads otherwise. */
const keepSelector = <T extends KubeObject>(object: T): T => {
  const { name, namespace, uid, resourceVersion } = object.metadata ?? {}
  const { spec } = object as { spec?: { selector?: unknown } }
  return { metadata: { name, namespace, uid, resourceVersion }, spec: { selector: spec?.selector } } as unknown as T
}

const isEmpty = ({ matchLabels = {}, matchExpressions = [] }: LabelSelector): boolean =>
  Object.keys(matchLabels).length + matchExpressions.length === 0

export const createDefaultSelector = (informers: InformerFactory): DefaultSelector => {
  const listerOf = <T extends KubeObject>(ref: ResourceRef<T>): Lister<T> =>
    informers.for(ref, { transform: keepSelector }).lister
  const allServices = listerOf(services)
  const controllers = listerOf(replicationControllers)
  const sets = listerOf(replicaSets)
  const stateful = listerOf(statefulSets)

  /** Of the Pod's controller, if it is one that selects by labels. */
  const ownerSelector = (pod: Pod): LabelSelector | undefined => {
    const owner = controllerOf(pod)
    if (owner === undefined) return undefined
    const key = `${pod.metadata?.namespace ?? ''}/${owner.name}`
    switch (`${owner.apiVersion}/${owner.kind}`) {
      case 'v1/ReplicationController': {
        const matchLabels = controllers.get(key)?.spec?.selector
        return matchLabels === undefined ? undefined : { matchLabels }
      }
      case 'apps/v1/ReplicaSet':
        return sets.get(key)?.spec?.selector
      case 'apps/v1/StatefulSet':
        return stateful.get(key)?.spec?.selector
      default:
        return undefined
    }
  }

  return (pod) => {
    const labels = pod.metadata?.labels
    const matchLabels: Record<string, string> = {}
    for (const { spec } of allServices.byNamespace(pod.metadata?.namespace ?? '')) {
      if (spec?.selector !== undefined && matchesSet(spec.selector, labels)) Object.assign(matchLabels, spec.selector)
    }
    const selectors = [{ matchLabels }, ownerSelector(pod) ?? {}].filter((selector) => !isEmpty(selector))
    if (selectors.length === 0) return undefined
    const matchers = selectors.map(matcherFromLabelSelector)
    return (other) => matchers.every((matches) => matches(other))
  }
}
