/** Leases. Upstream: pkg/apis/coordination/validation. */
import { child, type FieldError, invalid } from '../meta/field-error.ts'
import { nonNegative } from '../meta/checks.ts'
import { isQualifiedName } from '../meta/names.ts'
import type { Lease } from '../types.ts'

export const validateLease = ({ spec }: Lease): FieldError[] => {
  if (spec === undefined) return []
  const errors: FieldError[] = []
  const seconds = spec.leaseDurationSeconds
  if (seconds !== undefined && seconds <= 0) {
    errors.push(invalid('spec.leaseDurationSeconds', seconds, 'must be greater than 0'))
  }
  errors.push(...nonNegative('spec.leaseTransitions', spec.leaseTransitions))
  if (spec.strategy !== undefined) {
    errors.push(...isQualifiedName(spec.strategy).map((message) => invalid('spec.strategy', spec.strategy, message)))
  }
  if ((spec.preferredHolder ?? '') !== '' && (spec.strategy ?? '') === '') {
    errors.push(
      invalid(child('spec', 'preferredHolder'), spec.preferredHolder, 'may only be specified if `strategy` is defined'),
    )
  }
  return errors
}
