/** Pods, and where kinds that make Pods keep the template. */
import { type TemplatePlace, templatePlaceOf } from '../../api/core/pod-spec/template-place.ts'
import type { AdmissionAttributes } from './admission.ts'
import type { PodFacts } from './pod-security/checks/check.ts'

const placeOf = ({ resource, group }: AdmissionAttributes): TemplatePlace | undefined =>
  templatePlaceOf(resource, group)

/** True for Pods and for what makes them. */
export const hasPodSpec = (attributes: AdmissionAttributes): boolean => placeOf(attributes) !== undefined

/** The Pod, or the Pods that the object will make; undefined if it has no template (yet). */
export const podFactsOf = (attributes: AdmissionAttributes): PodFacts | undefined => {
  const { object } = attributes
  const template = object === undefined ? undefined : placeOf(attributes)?.find(object)
  if (template === undefined) return undefined
  const { metadata = {}, spec = { containers: [] } } = template
  return { metadata, spec } as PodFacts
}

/** Where the Pod's spec is in the object; '' for other kinds. */
export const podSpecPath = (attributes: AdmissionAttributes): string => placeOf(attributes)?.specPath ?? ''
