/** RuntimeClass: a Pod's class must exist, and gives it overhead, a node selector and tolerations. */
import { semanticEqual } from '../../../api/meta/equal.ts'
import { compareQuantities, parseQuantity } from '../../../api/meta/quantity.ts'
import type { Pod, RuntimeClass } from '../../../api/types.ts'
import type { Resource } from '../../registry/resource.ts'
import { type AdmissionAttributes, type AdmissionPlugin, isResource } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'
import { mergeTolerations } from './merge-tolerations.ts'

type Amounts = Readonly<Record<string, string>>

const sameAmounts = (a: Amounts, b: Amounts): boolean =>
  Object.keys(a).length === Object.keys(b).length &&
  Object.entries(a).every(([name, amount]) => {
    const other = b[name]
    return other !== undefined && compareQuantities(parseQuantity(amount), parseQuantity(other)) === 0
  })

const overheadDiffers = (attributes: AdmissionAttributes) =>
  admissionForbidden(attributes, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")

const setOverhead = (attributes: AdmissionAttributes, { spec }: Pod, { overhead }: RuntimeClass): void => {
  if (spec === undefined || overhead === undefined) return
  const wanted = overhead.podFixed ?? {}
  const given = spec.overhead ?? {}
  if (Object.keys(given).length > 0 && !sameAmounts(given, wanted)) throw overheadDiffers(attributes)
  if (Object.keys(wanted).length > 0) spec.overhead = { ...wanted }
}

const setScheduling = (attributes: AdmissionAttributes, { spec }: Pod, { scheduling }: RuntimeClass): void => {
  if (spec === undefined || scheduling === undefined) return
  const selector = { ...spec.nodeSelector }
  for (const [label, value] of Object.entries(scheduling.nodeSelector ?? {})) {
    const given = selector[label]
    if (given !== undefined && given !== value) {
      throw admissionForbidden(
        attributes,
        `conflict: runtimeClass.scheduling.nodeSelector[${label}] = ${value}; pod.spec.nodeSelector[${label}] = ${given}`,
      )
    }
    selector[label] = value
  }
  if (Object.keys(selector).length > 0) spec.nodeSelector = selector
  const tolerations = mergeTolerations(spec.tolerations ?? [], structuredClone(scheduling.tolerations ?? []))
  if (tolerations.length > 0) spec.tolerations = tolerations
}

const classOf = async (
  attributes: AdmissionAttributes,
  pod: Pod,
  classes: Resource,
): Promise<RuntimeClass | undefined> => {
  const name = pod.spec?.runtimeClassName
  if (name === undefined) return undefined
  const found = (await classes.store.getCached(name))?.object as RuntimeClass | undefined
  if (found === undefined)
    throw admissionForbidden(attributes, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`)
  return found
}

export const runtimeClass = (classes: Resource): AdmissionPlugin => ({
  name: 'RuntimeClass',
  operations: ['CREATE'],
  admit: async (attributes) => {
    if (!isResource(attributes, 'pods')) return
    const pod = attributes.object as Pod
    const found = await classOf(attributes, pod, classes)
    if (found === undefined) return
    setOverhead(attributes, pod, found)
    setScheduling(attributes, pod, found)
  },
  validate: async (attributes) => {
    if (!isResource(attributes, 'pods')) return
    const pod = attributes.object as Pod
    const found = await classOf(attributes, pod, classes)
    const overhead = pod.spec?.overhead ?? {}
    if (semanticEqual(overhead, {})) return
    if (found?.overhead === undefined) {
      throw admissionForbidden(
        attributes,
        'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
      )
    }
    if (!sameAmounts(overhead, found.overhead.podFixed ?? {})) throw overheadDiffers(attributes)
  },
})
