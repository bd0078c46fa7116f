/** Applies a RuntimeClass to a Pod: overhead, node selector and tolerations; the class must exist. */
import type { Pod, RuntimeClass, Toleration } from '../../../api/types.ts'
import type { Resource } from '../../registry/resource.ts'
import { equalJson } from '../../storage/json.ts'
import { type AdmissionAttributes, type AdmissionPlugin, isResource } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'

const applyScheduling = (attributes: AdmissionAttributes, pod: Pod, runtimeClass: RuntimeClass): void => {
  const { spec } = pod
  const { scheduling } = runtimeClass
  if (spec === undefined || scheduling === undefined) return
  for (const [label, value] of Object.entries(scheduling.nodeSelector ?? {})) {
    const wanted = spec.nodeSelector?.[label]
    if (wanted !== undefined && wanted !== value) {
      throw admissionForbidden(
        attributes,
        'conflict: runtimeClass.scheduling.nodeSelector and pod.spec.nodeSelector do not match',
      )
    }
    spec.nodeSelector = { ...spec.nodeSelector, [label]: value }
  }
  const present = spec.tolerations ?? []
  const isNew = (toleration: Toleration): boolean => !present.some((other) => equalJson(other, toleration))
  const added = (scheduling.tolerations ?? []).filter(isNew)
  if (added.length > 0) spec.tolerations = [...present, ...added.map((toleration) => ({ ...toleration }))]
}

export const runtimeClass = (classes: Resource): AdmissionPlugin => ({
  name: 'RuntimeClass',
  operations: ['CREATE'],
  admit: async (attributes) => {
    if (!isResource(attributes, 'pods')) return
    const pod = attributes.object as Pod
    const name = pod.spec?.runtimeClassName
    if (pod.spec === undefined || name === undefined) return
    const found = (await classes.store.getCached(name))?.object as RuntimeClass | undefined
    if (found === undefined)
      throw admissionForbidden(attributes, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`)
    const overhead = found.overhead?.podFixed
    if (overhead !== undefined) {
      if (pod.spec.overhead !== undefined && !equalJson(pod.spec.overhead, overhead)) {
        throw admissionForbidden(
          attributes,
          `pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead`,
        )
      }
      pod.spec.overhead = { ...overhead }
    }
    applyScheduling(attributes, pod, found)
  },
})
