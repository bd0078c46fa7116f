/** LimitPodHardAntiAffinityTopology: nobody keeps others out of more than a node. */
import { forbidden } from '../../../api/meta/status-error.ts'
import type { Pod } from '../../../api/types.ts'
import { type AdmissionPlugin, isResource } from '../admission.ts'

const hostname = 'kubernetes.io/hostname'

export const limitPodHardAntiAffinityTopology: AdmissionPlugin = {
  name: 'LimitPodHardAntiAffinityTopology',
  operations: ['CREATE', 'UPDATE'],
  validate: (attributes) => {
    if (!isResource(attributes, 'pods')) return
    const { spec, metadata } = attributes.object as Pod
    const terms = spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []
    const wide = terms.find(({ topologyKey }) => topologyKey !== hostname)
    if (wide === undefined) return
    throw forbidden(
      { group: '', resource: 'pods' },
      metadata?.name ?? '',
      `affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey ${wide.topologyKey} but only key ${hostname} is allowed`,
    )
  },
}
