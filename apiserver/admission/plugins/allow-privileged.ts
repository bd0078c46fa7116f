/** Refuses privileged containers where --allow-privileged is false. Upstream does this in Pod validation. */
import { type FieldError, forbiddenField, invalidObject } from '../../../api/meta/field-error.ts'
import type { Pod } from '../../../api/types.ts'
import { type AdmissionPlugin, isResource } from '../admission.ts'

export const allowPrivileged = (allowed: boolean): AdmissionPlugin => ({
  name: 'AllowPrivileged',
  operations: allowed ? [] : ['CREATE', 'UPDATE'],
  validate: (attributes) => {
    if (!isResource(attributes, 'pods', attributes.subresource) || attributes.kind.kind !== 'Pod') return
    const { spec, metadata } = attributes.object as Pod
    const errors = (['containers', 'initContainers', 'ephemeralContainers'] as const).flatMap((list): FieldError[] =>
      (spec?.[list] ?? []).flatMap(({ securityContext }, index) =>
        securityContext?.privileged === true
          ? [forbiddenField(`spec.${list}[${index}].securityContext.privileged`, 'disallowed by cluster policy')]
          : [],
      ),
    )
    if (errors.length > 0) throw invalidObject(attributes.kind, metadata?.name ?? '', errors)
  },
})
