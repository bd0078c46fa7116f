/** The 403 of an admission plugin. Upstream: admission.NewForbidden */
import { forbidden, type StatusError } from '../../api/meta/status-error.ts'
import type { AdmissionAttributes } from './admission.ts'

export const admissionForbidden = (attributes: AdmissionAttributes, message: string): StatusError => {
  const { metadata } = attributes.object ?? {}
  // Names are generated after admission: until then the base stands for it.
  const name = attributes.name || metadata?.name || metadata?.generateName || 'Unknown'
  return forbidden({ group: attributes.group, resource: attributes.resource }, name, message)
}
