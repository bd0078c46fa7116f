/** Indices over the shared caches that several controllers use; names are theirs alone. */
import { controllerOf } from '../api/meta/owners.ts'
import { pods, replicaSets } from '../api/resources.ts'
import type { KubeObject, Pod, ReplicaSet } from '../api/types.ts'
import type { Informer, InformerFactory } from '../client/cache/informer.ts'
import type { Lister } from '../client/cache/store.ts'
import { namespaceOf } from './objects.ts'

const controllerIndex = 'controllerUid'
const nodeIndex = 'nodeName'

/** The uid of the controller; for orphans their namespace, so that candidates for adoption are found at once. */
const byController = (object: KubeObject): string[] => {
  const owner = controllerOf(object)
  return [owner === undefined ? `orphans/${namespaceOf(object)}` : owner.uid]
}

/** The shared cache of Pods, indexed by controller and by node. */
export const podInformer = (informers: InformerFactory): Informer<Pod> =>
  informers.for(pods, {
    indexers: { [controllerIndex]: byController, [nodeIndex]: (pod) => [pod.spec?.nodeName ?? ''] },
  })

export const replicaSetInformer = (informers: InformerFactory): Informer<ReplicaSet> =>
  informers.for(replicaSets, { indexers: { [controllerIndex]: byController } })

/** Any cache with the index that `ownedBy` and `orphansIn` read. */
export const controllerIndexers = { [controllerIndex]: byController }

/** Objects that the owner with this uid controls. */
export const ownedBy = <T>(lister: Lister<T>, uid: string): T[] => lister.byIndex(controllerIndex, uid)

/** Objects of the namespace that nobody controls. */
export const orphansIn = <T>(lister: Lister<T>, namespace: string): T[] =>
  lister.byIndex(controllerIndex, `orphans/${namespace}`)

/** Pods assigned to the node; '' gives those that are not assigned. */
export const podsOnNode = (lister: Lister<Pod>, node: string): Pod[] => lister.byIndex(nodeIndex, node)
