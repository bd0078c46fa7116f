/** Resolves a Pod's priority class to its number; at most one class may be the global default. */
import type { Pod, PriorityClass } from '../../../api/types.ts'
import type { Resource } from '../../registry/resource.ts'
import { type AdmissionAttributes, type AdmissionPlugin, isResource } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'

const group = 'scheduling.k8s.io'

const defaultClass = (classes: Resource): PriorityClass | undefined => {
  let found: PriorityClass | undefined
  for (const { object } of classes.store.cache.values()) {
    const candidate = object as PriorityClass
    // Of several (a race of two writers) the lowest holds, as upstream.
    if (candidate.globalDefault === true && (found === undefined || (candidate.value ?? 0) < (found.value ?? 0)))
      found = candidate
  }
  return found
}

const admitPod = async (attributes: AdmissionAttributes, classes: Resource): Promise<void> => {
  const spec = (attributes.object as Pod | undefined)?.spec
  if (spec === undefined) return
  await classes.store.cache.ready()
  if (attributes.operation === 'UPDATE') {
    const old = (attributes.oldObject as Pod | undefined)?.spec
    // Immutable; a client that does not know the fields leaves them out.
    if (spec.priority === undefined && old?.priority !== undefined) spec.priority = old.priority
    if (spec.preemptionPolicy === undefined && old?.preemptionPolicy !== undefined)
      spec.preemptionPolicy = old.preemptionPolicy
    return
  }
  const name = spec.priorityClassName ?? ''
  const found =
    name === '' ? defaultClass(classes) : ((await classes.store.getCached(name))?.object as PriorityClass | undefined)
  if (name !== '' && found === undefined) {
    throw admissionForbidden(attributes, `no PriorityClass with name ${name} was found`)
  }
  const value = found?.value ?? 0
  const policy = found === undefined ? 'PreemptLowerPriority' : found.preemptionPolicy
  if (spec.priority !== undefined && spec.priority !== value) {
    throw admissionForbidden(
      attributes,
      `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
    )
  }
  if (policy !== undefined && spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy) {
    throw admissionForbidden(
      attributes,
      `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
    )
  }
  if (found?.metadata?.name !== undefined) spec.priorityClassName = found.metadata.name
  spec.priority = value
  if (policy !== undefined) spec.preemptionPolicy = policy
}

const validateClass = async (attributes: AdmissionAttributes, classes: Resource): Promise<void> => {
  const priorityClass = attributes.object as PriorityClass | undefined
  if (priorityClass?.globalDefault !== true) return
  await classes.store.cache.ready()
  const other = defaultClass(classes)
  const isItself = attributes.operation === 'UPDATE' && other?.metadata?.name === priorityClass.metadata?.name
  if (other === undefined || isItself) return
  throw admissionForbidden(
    attributes,
    `PriorityClass ${other.metadata?.name} is already marked as default. Only one default can exist`,
  )
}

export const priority = (classes: Resource): AdmissionPlugin => ({
  name: 'Priority',
  operations: ['CREATE', 'UPDATE'],
  admit: (attributes) => (isResource(attributes, 'pods') ? admitPod(attributes, classes) : undefined),
  validate: (attributes) =>
    isResource(attributes, 'priorityclasses', '', group) ? validateClass(attributes, classes) : undefined,
})
