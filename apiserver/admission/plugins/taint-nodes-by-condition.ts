/** A new Node is not ready until its kubelet says so: until then nothing is scheduled onto it. */
import type { Node } from '../../../api/types.ts'
import { type AdmissionPlugin, isResource } from '../admission.ts'

const notReady = 'node.kubernetes.io/not-ready'

export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  operations: ['CREATE'],
  admit: (attributes) => {
    if (!isResource(attributes, 'nodes') || attributes.object === undefined) return
    const node = attributes.object as Node
    const spec = (node.spec ??= {})
    const taints = spec.taints ?? []
    if (taints.some(({ key, effect }) => key === notReady && effect === 'NoSchedule')) return
    spec.taints = [...taints, { key: notReady, effect: 'NoSchedule' }]
  },
}
