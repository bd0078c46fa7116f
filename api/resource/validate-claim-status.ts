/** Status of a ResourceClaim: who has it, and what was allocated. Upstream: ValidateResourceClaimStatusUpdate. */
import { absent, immutable, requiredText } from '../meta/checks.ts'
import { child, duplicate, type FieldError, forbiddenField, tooMany } from '../meta/field-error.ts'
import type { ResourceClaim } from '../types.ts'

type Consumer = NonNullable<NonNullable<ResourceClaim['status']>['reservedFor']>[number]

const maxReservations = 256
const path = 'status.reservedFor'

const validateConsumer = (consumer: Consumer, at: string): FieldError[] => [
  ...requiredText(child(at, 'resource'), consumer.resource),
  ...requiredText(child(at, 'name'), consumer.name),
  ...requiredText(child(at, 'uid'), consumer.uid),
]

const validateReservations = (reservedFor: readonly Consumer[]): FieldError[] => {
  const errors: FieldError[] = []
  if (reservedFor.length > maxReservations) errors.push(tooMany(path, reservedFor.length, maxReservations))
  const seen = new Set<string>()
  for (const [index, consumer] of reservedFor.entries()) {
    const at = child(path, index)
    errors.push(...validateConsumer(consumer, at))
    if (seen.has(consumer.uid)) errors.push(duplicate(child(at, 'uid'), consumer.uid))
    seen.add(consumer.uid)
  }
  return errors
}

export const validateResourceClaimStatusUpdate = (claim: ResourceClaim, old: ResourceClaim): FieldError[] => {
  const reservedFor = claim.status?.reservedFor ?? []
  const errors = validateReservations(reservedFor)
  if (reservedFor.length > 0) {
    const before = new Set((old.status?.reservedFor ?? []).map(({ uid }) => uid))
    if (claim.status?.allocation === undefined) {
      errors.push(forbiddenField(path, 'may not be specified when `allocated` is not set'))
    } else if (!absent(claim.metadata?.deletionTimestamp) && reservedFor.some(({ uid }) => !before.has(uid))) {
      errors.push(
        forbiddenField(
          path,
          'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set',
        ),
      )
    }
  }
  if (old.status?.allocation !== undefined && claim.status?.allocation !== undefined) {
    errors.push(...immutable('status.allocation', claim.status.allocation, old.status.allocation))
  }
  return errors
}
