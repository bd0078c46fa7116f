/** What pods/ephemeralcontainers may do. Upstream: ValidatePodEphemeralContainersUpdate. */
import { semanticEqual } from '../../meta/equal.ts'
import { type FieldError, forbiddenField } from '../../meta/field-error.ts'
import type { Pod } from '../../types.ts'
import { isMirrorPod, validatePod } from './validation.ts'

/** Ephemeral containers may be added, never changed or removed. */
export const validateEphemeralContainersUpdate = (pod: Pod, old: Pod): FieldError[] => {
  if (isMirrorPod(old)) return [forbiddenField('', 'static pods do not support ephemeral containers')]
  const after = new Map(pod.spec?.ephemeralContainers?.map((container) => [container.name, container]))
  const errors = validatePod(pod)
  for (const container of old.spec?.ephemeralContainers ?? []) {
    const now = after.get(container.name)
    if (now !== undefined && semanticEqual(now, container)) continue
    const change = now === undefined ? 'removed' : 'changed'
    errors.push(
      forbiddenField(
        'spec.ephemeralContainers',
        `existing ephemeral containers ${JSON.stringify(container.name)} may not be ${change}\n`,
      ),
    )
  }
  return errors
}
