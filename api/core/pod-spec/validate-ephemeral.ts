/** Ephemeral containers: for a look inside, never part of the workload. Upstream: validateEphemeralContainers. */
import { absent } from '../../meta/checks.ts'
import { semanticEqual } from '../../meta/equal.ts'
import { child, duplicate, type FieldError, forbiddenField, notFoundField } from '../../meta/field-error.ts'
import type { Container, PodSpec } from '../../types.ts'
import { type Surroundings, validateContainer } from './validate-containers.ts'

type EphemeralContainer = NonNullable<PodSpec['ephemeralContainers']>[number]

const message = 'cannot be set for an Ephemeral Container'

/** What a container of the workload has and this one may not. */
const forbiddenFields = [
  'ports',
  'resources',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
] as const satisfies readonly (keyof Container)[]

const validateFields = (container: EphemeralContainer, path: string): FieldError[] => {
  const errors: FieldError[] = []
  for (const field of forbiddenFields) {
    if (!semanticEqual(container[field], undefined)) errors.push(forbiddenField(child(path, field), message))
  }
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    for (const field of ['subPath', 'subPathExpr'] as const) {
      if (!absent(mount[field])) errors.push(forbiddenField(child(path, 'volumeMounts', index, field), message))
    }
  }
  return errors
}

export const validateEphemeralContainers = (spec: PodSpec, path: string, around: Surroundings): FieldError[] => {
  const containers = spec.ephemeralContainers ?? []
  if (containers.length === 0) return []
  const others = new Set([...(spec.initContainers ?? []), ...(spec.containers ?? [])].map(({ name }) => name))
  const names = new Set(others)
  return containers.flatMap((container, index) => {
    const at = child(path, index)
    const errors = validateContainer(container, at, around)
    if (names.has(container.name)) errors.push(duplicate(child(at, 'name'), container.name))
    names.add(container.name)
    const target = container.targetContainerName ?? ''
    if (target !== '' && !others.has(target)) errors.push(notFoundField(child(at, 'targetContainerName'), target))
    return [...errors, ...validateFields(container, at)]
  })
}
