/** What the operating system of a Pod rules out. Upstream: validateOS, validateLinux, validateWindows. */
import { absent, oneOf } from '../../meta/checks.ts'
import { child, type FieldError, forbiddenField, required } from '../../meta/field-error.ts'
import type { Container, PodSpec } from '../../types.ts'

/** Of the Pod's spec itself, not of its security context. */
const linuxOnlyOfSpec = ['hostUsers', 'hostPID', 'hostIPC', 'shareProcessNamespace', 'resources'] as const
const linuxOnlyOfPod = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'fsGroup',
  'fsGroupChangePolicy',
  'sysctls',
  'runAsUser',
  'runAsGroup',
  'supplementalGroups',
  'supplementalGroupsPolicy',
  'seLinuxChangePolicy',
] as const
const linuxOnlyOfContainer = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
] as const

const windowsMessage = 'cannot be set for a windows pod'
const linuxMessage = 'windows options cannot be set for a linux pod'

const isSet = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== false && !(Array.isArray(value) && value.length === 0)

/** A pointer in the API: false is a value too. */
const isGiven = (value: unknown): boolean => isSet(value) || value === false

const containersOf = (spec: PodSpec, path: string, check: (container: Container, at: string) => FieldError[]) =>
  (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) =>
    (spec[list] ?? []).flatMap((container, index) => check(container, child(path, list, index, 'securityContext'))),
  )

const validateWindows = (spec: PodSpec, path: string): FieldError[] => {
  const context = spec.securityContext
  const errors: FieldError[] = []
  for (const field of linuxOnlyOfSpec) {
    const given = field === 'hostPID' || field === 'hostIPC' ? isSet(spec[field]) : isGiven(spec[field])
    if (given) errors.push(forbiddenField(child(path, field), windowsMessage))
  }
  for (const field of linuxOnlyOfPod) {
    if (isGiven(context?.[field])) errors.push(forbiddenField(child(path, 'securityContext', field), windowsMessage))
  }
  return [
    ...errors,
    ...containersOf(spec, path, ({ securityContext }, at) =>
      linuxOnlyOfContainer
        .filter((field) => isGiven(securityContext?.[field]))
        .map((field) => forbiddenField(child(at, field), windowsMessage)),
    ),
  ]
}

const validateLinux = (spec: PodSpec, path: string): FieldError[] => {
  const errors: FieldError[] = []
  if (isGiven(spec.securityContext?.windowsOptions)) {
    errors.push(forbiddenField(child(path, 'securityContext', 'windowsOptions'), linuxMessage))
  }
  return [
    ...errors,
    ...containersOf(spec, path, ({ securityContext }, at) =>
      isGiven(securityContext?.windowsOptions) ? [forbiddenField(child(at, 'windowsOptions'), linuxMessage)] : [],
    ),
  ]
}

export const validateOs = (spec: PodSpec, path: string): FieldError[] => {
  if (spec.os === undefined || spec.os === null) return []
  const at = child(path, 'os')
  if (absent(spec.os.name)) return [required(child(at, 'name'), 'cannot be empty')]
  const errors = oneOf(at, spec.os.name, ['linux', 'windows'])
  if (spec.os.name === 'linux') errors.push(...validateLinux(spec, path))
  if (spec.os.name === 'windows') errors.push(...validateWindows(spec, path))
  return errors
}
