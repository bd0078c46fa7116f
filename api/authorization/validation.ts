/** Access reviews. Upstream: pkg/apis/authorization/validation. */
import { child, type FieldError, invalid } from '../meta/field-error.ts'
import type { LocalSubjectAccessReview, SelfSubjectAccessReview, SubjectAccessReview } from '../types.ts'

interface ReviewSpec {
  readonly resourceAttributes?: { readonly namespace?: string }
  readonly nonResourceAttributes?: object
}

const validateAttributes = (spec: ReviewSpec | undefined): FieldError[] => {
  const { resourceAttributes, nonResourceAttributes } = spec ?? {}
  const errors: FieldError[] = []
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined) {
    errors.push(
      invalid(
        'spec.nonResourceAttributes',
        nonResourceAttributes,
        'cannot be specified in combination with resourceAttributes',
      ),
    )
  }
  if (resourceAttributes === undefined && nonResourceAttributes === undefined) {
    errors.push(
      invalid(
        'spec.resourceAttributes',
        null,
        'exactly one of nonResourceAttributes or resourceAttributes must be specified',
      ),
    )
  }
  return errors
}

export const validateSelfSubjectAccessReview = ({ spec }: SelfSubjectAccessReview): FieldError[] =>
  validateAttributes(spec)

export const validateSubjectAccessReview = ({ spec }: SubjectAccessReview | LocalSubjectAccessReview): FieldError[] => {
  const errors = validateAttributes(spec)
  if ((spec?.user ?? '') === '' && (spec?.groups ?? []).length === 0) {
    errors.push(invalid('spec.user', spec?.user ?? '', 'at least one of user or group must be specified'))
  }
  return errors
}

export const validateLocalSubjectAccessReview = (review: LocalSubjectAccessReview): FieldError[] => {
  const errors = validateSubjectAccessReview(review)
  const namespace = review.metadata?.namespace ?? ''
  const wanted = review.spec?.resourceAttributes?.namespace
  if (wanted !== namespace) {
    errors.push(
      invalid(child('spec', 'resourceAttributes', 'namespace'), wanted ?? '', 'must match metadata.namespace'),
    )
  }
  if (review.spec?.nonResourceAttributes !== undefined) {
    errors.push(
      invalid('spec.nonResourceAttributes', review.spec.nonResourceAttributes, 'disallowed on this kind of request'),
    )
  }
  return errors
}
