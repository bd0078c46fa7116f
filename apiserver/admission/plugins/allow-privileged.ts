/**
 * Refuses privileged containers where --allow-privileged is false, in Pods and in what makes them. Upstream does this in
 * validation.
 */
import { type FieldError, forbiddenField, invalidObject } from '../../../api/meta/field-error.ts'
import type { AdmissionPlugin } from '../admission.ts'
import { podFactsOf, podSpecPath } from '../pod-template.ts'

/** Of other subresources the object is no Pod, or its spec cannot be changed. */
const looksAt = new Set(['', 'ephemeralcontainers', 'resize'])

export const allowPrivileged = (allowed: boolean): AdmissionPlugin => ({
  name: 'AllowPrivileged',
  operations: allowed ? [] : ['CREATE', 'UPDATE'],
  validate: (attributes) => {
    const facts = looksAt.has(attributes.subresource) ? podFactsOf(attributes) : undefined
    if (facts === undefined) return
    const path = podSpecPath(attributes)
    const errors = (['containers', 'initContainers', 'ephemeralContainers'] as const).flatMap((list): FieldError[] =>
      (facts.spec[list] ?? []).flatMap(({ securityContext }, index) =>
        securityContext?.privileged === true
          ? [forbiddenField(`${path}.${list}[${index}].securityContext.privileged`, 'disallowed by cluster policy')]
          : [],
      ),
    )
    if (errors.length > 0) throw invalidObject(attributes.kind, attributes.name, errors)
  },
})
