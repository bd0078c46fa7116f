/** PodTopologyLabels: a Pod gets the zone and region of its node as labels, when it is bound. */
import type { Binding, KubeObject, Pod } from '../../../api/types.ts'
import type { Resource } from '../../registry/resource.ts'
import { type AdmissionPlugin, isResource } from '../admission.ts'

const topology = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region']

export const podTopologyLabels = (nodes: Resource): AdmissionPlugin => {
  const copyTo = async (object: KubeObject, nodeName: string): Promise<void> => {
    const labels = (await nodes.store.getCached(nodeName))?.object.metadata?.labels ?? {}
    const copied = Object.entries(labels).filter(([name]) => topology.includes(name))
    if (copied.length === 0) return
    const metadata = (object.metadata ??= {})
    metadata.labels = { ...metadata.labels, ...Object.fromEntries(copied) }
  }
  return {
    name: 'PodTopologyLabels',
    operations: ['CREATE'],
    admit: (attributes) => {
      const { object } = attributes
      if (object === undefined) return undefined
      if (isResource(attributes, 'pods', 'binding')) {
        const { target } = object as Binding
        return target?.kind === 'Node' ? copyTo(object, target.name ?? '') : undefined
      }
      const nodeName = isResource(attributes, 'pods') ? ((object as Pod).spec?.nodeName ?? '') : ''
      return nodeName === '' ? undefined : copyTo(object, nodeName)
    },
  }
}
