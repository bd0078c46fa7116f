/** RuntimeClasses. Upstream: pkg/apis/node/validation. */
import { validateResources } from '../core/pod-spec/validate-resources.ts'
import { validateTolerations } from '../core/pod-spec/validate-scheduling.ts'
import { immutable, syntax } from '../meta/checks.ts'
import { child, duplicate, type FieldError } from '../meta/field-error.ts'
import { isDns1123Label } from '../meta/names.ts'
import { validateLabels } from '../meta/validate-metadata.ts'
import type { RuntimeClass } from '../types.ts'

export const validateRuntimeClass = (runtimeClass: RuntimeClass): FieldError[] => {
  const { overhead, scheduling } = runtimeClass
  const errors = syntax('handler', runtimeClass.handler ?? '', isDns1123Label)
  if (overhead?.podFixed !== undefined)
    errors.push(...validateResources({ limits: overhead.podFixed }, 'overhead.podFixed'))
  if (scheduling !== undefined) {
    errors.push(...validateLabels(scheduling.nodeSelector, 'scheduling.nodeSelector'))
    errors.push(...validateTolerations(scheduling.tolerations, 'scheduling.tolerations'))
    const seen = new Set<string>()
    for (const [index, toleration] of (scheduling.tolerations ?? []).entries()) {
      const text = JSON.stringify(toleration)
      if (seen.has(text)) errors.push(duplicate(child('scheduling.tolerations', index), toleration))
      seen.add(text)
    }
  }
  return errors
}

export const validateRuntimeClassUpdate = (next: RuntimeClass, old: RuntimeClass): FieldError[] =>
  immutable('handler', next.handler, old.handler)
