/** Tells which Services a change of a Pod concerns. Upstream: endpointutil.GetServicesToUpdateOnPodChange. */
import type { Pod, Service } from '../api/types.ts'
import type { Informer } from '../client/cache/informer.ts'
import type { Lister } from '../client/cache/store.ts'
import { labelsOf, namespaceOf } from './objects.ts'
import { semanticEqual } from './semantic-equal.ts'
import { endpointsChanged, servicesOfPod } from './service-endpoints.ts'

/** Calls `enqueue` for each Service whose endpoints the change may change; other changes of Pods are passed over. */
export const onServicePodChange = (
  pods: Informer<Pod>,
  services: Lister<Service>,
  enqueue: (service: Service) => void,
): void => {
  const enqueueAll = (pod: Pod): void => {
    for (const service of servicesOfPod(pod, services.byNamespace(namespaceOf(pod)))) enqueue(service)
  }
  pods.addHandler({
    onAdd: enqueueAll,
    onDelete: enqueueAll,
    onUpdate: (old, pod) => {
      const relabelled = !semanticEqual(labelsOf(old), labelsOf(pod), 'labels')
      if (!relabelled && !endpointsChanged(old, pod)) return
      enqueueAll(pod)
      if (relabelled) enqueueAll(old)
    },
  })
}
