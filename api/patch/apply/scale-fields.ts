/**
 * managedFields of /scale: who owns a workload's replicas owns the Scale's, and the other way round.
 * Upstream: ScaleHandler in apimachinery/pkg/util/managedfields.
 */
import type { KubeObject } from '../../types.ts'
import { difference, hasPath, isEmpty, setOfPath } from './field-set.ts'
import { decodeManagers, type Manager, managersOf, sameManager, setManagers } from './managed-fields.ts'

const replicas = ['spec', 'replicas']
const replicasSet = setOfPath(replicas)
const scaleVersion = 'autoscaling/v1'

/** The identity that a workload's entry has among those of its Scale. */
const asScaleManager = (manager: Manager): Manager => ({ ...manager, apiVersion: scaleVersion, fields: replicasSet })

/** Sets managedFields of a Scale, in place: of the workload's owners of replicas. */
export const setScaleManagers = (scale: KubeObject, workload: KubeObject): void =>
  setManagers(
    scale,
    managersOf(workload)
      .filter(({ fields }) => hasPath(fields, replicas))
      .map(asScaleManager),
  )

/**
 * Sets managedFields of a workload, in place, after its Scale was written: entries that do not own the Scale's
 * replicas any more lose them, new ones are added in the workload's version.
 */
export const setWorkloadManagers = (workload: KubeObject, scale: KubeObject, apiVersion: string): void => {
  const scaleManagers = [...(decodeManagers(scale.metadata?.managedFields) ?? [])]
  const kept: Manager[] = []
  for (const manager of managersOf(workload)) {
    if (!hasPath(manager.fields, replicas)) {
      kept.push(manager)
      continue
    }
    const index = scaleManagers.findIndex((other) => sameManager(other, asScaleManager(manager)))
    if (index < 0) {
      const fields = difference(manager.fields, replicasSet)
      if (!isEmpty(fields)) kept.push({ ...manager, fields })
    } else {
      kept.push(manager)
      scaleManagers.splice(index, 1)
    }
  }
  const added = scaleManagers
    .filter(({ fields }) => hasPath(fields, replicas))
    // Upstream takes the time from the workload's entries, where these are new: they have none.
    .map((manager) => ({ ...manager, apiVersion, time: undefined }))
  setManagers(workload, [...kept, ...added])
}
