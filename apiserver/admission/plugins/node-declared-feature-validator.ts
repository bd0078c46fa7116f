/** NodeDeclaredFeatureValidator: a Pod is not changed in ways that its node says nothing of. */
import { semanticEqual } from '../../../api/meta/equal.ts'
import { compareQuantities, parseQuantity } from '../../../api/meta/quantity.ts'
import type { Node, Pod } from '../../../api/types.ts'
import type { Resource } from '../../registry/resource.ts'
import { type AdmissionPlugin, isResource } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'

type Needs = (pod: Pod, old: Pod) => boolean

const cpuOf = ({ resources }: { readonly resources?: { readonly requests?: Readonly<Record<string, string>> } }) =>
  parseQuantity(resources?.requests?.['cpu'] ?? '0')

/** CPUs of a guaranteed Pod may be pinned: not every node can change their number. */
const resizesGuaranteedCpu: Needs = (pod, old) => {
  if (old.status !== undefined && old.status.qosClass !== 'Guaranteed') return false
  const now = pod.spec?.containers ?? []
  return (old.spec?.containers ?? []).some((before, index) => {
    const after = now[index]
    return after !== undefined && compareQuantities(cpuOf(before), cpuOf(after)) !== 0
  })
}

const resizesPodLevel: Needs = (pod, old) => !semanticEqual(pod.spec?.resources, old.spec?.resources)

/** What updates can need, by the names under which nodes declare it in their status. */
const features: Readonly<Record<string, Needs>> = {
  GuaranteedQoSPodCPUResize: resizesGuaranteedCpu,
  InPlacePodLevelResourcesVerticalScaling: resizesPodLevel,
}

export const nodeDeclaredFeatureValidator = (nodes: Resource): AdmissionPlugin => ({
  name: 'NodeDeclaredFeatureValidator',
  operations: ['UPDATE'],
  validate: async (attributes) => {
    if (!isResource(attributes, 'pods') && !isResource(attributes, 'pods', 'resize')) return
    const pod = attributes.object as Pod
    const old = attributes.oldObject as Pod
    const nodeName = pod.spec?.nodeName ?? ''
    // The generation counts changes of the spec.
    if (nodeName === '' || pod.metadata?.generation === old.metadata?.generation) return
    const needed = Object.keys(features).filter((name) => features[name]?.(pod, old) === true)
    if (needed.length === 0) return
    const node = (await nodes.store.getCached(nodeName))?.object as Node | undefined
    if (node === undefined) throw admissionForbidden(attributes, `node ${JSON.stringify(nodeName)} not found`)
    const missing = needed.filter((name) => node.status?.declaredFeatures?.includes(name) !== true)
    if (missing.length === 0) return
    throw admissionForbidden(
      attributes,
      `pod update requires features ${missing.join(', ')} which are not available on node ${JSON.stringify(nodeName)}`,
    )
  },
})
