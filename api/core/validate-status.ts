/** Status of the small kinds of the core group. Upstream: the Validate…StatusUpdate of pkg/apis/core/validation. */
import { absent } from '../meta/checks.ts'
import { type FieldError, invalid, key, notSupported, required } from '../meta/field-error.ts'
import { compareQuantities, quantityValue, zeroQuantity } from '../meta/quantity.ts'
import type { Namespace, PersistentVolumeClaim } from '../types.ts'
import { quantityOf } from './pod-spec/validate-resources.ts'

/** The phase follows the deletion timestamp. */
export const validateNamespaceStatusUpdate = ({ metadata, status }: Namespace): FieldError[] => {
  const deleting = !absent(metadata?.deletionTimestamp)
  const wanted = deleting ? 'Terminating' : 'Active'
  if (status?.phase === wanted) return []
  return [
    invalid(
      'status.Phase',
      status?.phase ?? '',
      `may only be '${wanted}' if \`deletionTimestamp\` is ${deleting ? 'not ' : ''}empty`,
    ),
  ]
}

const validateAmount = (text: string, path: string): FieldError[] => {
  const quantity = quantityOf(text)
  return quantity !== undefined && compareQuantities(quantity, zeroQuantity) < 0
    ? [invalid(path, quantityValue(quantity), 'must be a valid resource quantity')]
    : []
}

const resizeStatuses = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
  'NodeResizePending',
]

export const validateClaimStatusUpdate = ({ spec, status }: PersistentVolumeClaim): FieldError[] => {
  const errors = (spec?.accessModes ?? []).length === 0 ? [required('Spec.accessModes')] : []
  for (const [name, text] of Object.entries(status?.capacity ?? {})) {
    errors.push(...validateAmount(text, key('status.capacity', name)))
  }
  for (const [name, state] of Object.entries(status?.allocatedResourceStatuses ?? {})) {
    if (!resizeStatuses.includes(state)) {
      errors.push(notSupported(key('status.allocatedResourceStatus', name), state, resizeStatuses))
    }
  }
  for (const [name, text] of Object.entries(status?.allocatedResources ?? {})) {
    if (name !== 'storage') errors.push(notSupported('status.allocatedResources', name, ['storage']))
    else errors.push(...validateAmount(text, key('status.allocatedResources', name)))
  }
  return errors
}
