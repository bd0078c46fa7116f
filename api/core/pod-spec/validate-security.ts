/** Security contexts. Upstream: ValidateSecurityContext, validatePodSpecSecurityContext. */
import { absent, inRange, oneOf, requiredOneOf } from '../../meta/checks.ts'
import {
  asGoStruct,
  child,
  duplicate,
  type FieldError,
  forbiddenField,
  type GoField,
  invalid,
  notSupported,
  required,
} from '../../meta/field-error.ts'
import type { Container, PodSpec } from '../../types.ts'

type SecurityContext = NonNullable<Container['securityContext']>

const maxId = 2 ** 31 - 1
const localProfileTypes = ['Localhost', 'RuntimeDefault', 'Unconfined']

interface Profile {
  readonly type: string
  readonly localhostProfile?: string
}

const profileFields: readonly GoField[] = [
  ['Type', 'type', ''],
  ['LocalhostProfile', 'localhostProfile', null],
]

/** seccomp and AppArmor: a profile is named if and only if the type is Localhost. */
const validateProfile = (profile: Profile | undefined, path: string, what: 'seccomp' | 'AppArmor'): FieldError[] => {
  if (profile === undefined) return []
  const at = child(path, 'localhostProfile')
  const errors = requiredOneOf(child(path, 'type'), profile.type, localProfileTypes)
  if (profile.type === 'Localhost') {
    if (absent(profile.localhostProfile)) errors.push(required(at, `must be set when ${what} type is Localhost`))
    else if (profile.localhostProfile?.startsWith('/')) {
      errors.push(invalid(at, profile.localhostProfile, 'must be a relative path'))
    }
  } else if (profile.localhostProfile !== undefined) {
    errors.push(invalid(at, asGoStruct(profile, profileFields), `can only be set when ${what} type is Localhost`))
  }
  return errors
}

const validateIds = (
  ids: { readonly runAsUser?: number; readonly runAsGroup?: number },
  path: string,
): FieldError[] => [
  ...inRange(child(path, 'runAsUser'), ids.runAsUser, 0, maxId),
  ...inRange(child(path, 'runAsGroup'), ids.runAsGroup, 0, maxId),
]

export const validateContainerSecurity = (
  context: SecurityContext | undefined,
  path: string,
  hostUsers: boolean,
): FieldError[] => {
  if (context === undefined || context === null) return []
  const errors = validateIds(context, path)
  if (context.procMount !== undefined) {
    if (context.procMount !== 'Default' && context.procMount !== 'Unmasked') {
      errors.push(notSupported(child(path, 'procMount'), context.procMount, ['Default', 'Unmasked']))
    }
    if (hostUsers && context.procMount === 'Unmasked') {
      errors.push(invalid(child(path, 'procMount'), context.procMount, '`hostUsers` must be false to use `Unmasked`'))
    }
  }
  errors.push(
    ...validateProfile(context.seccompProfile, child(path, 'seccompProfile'), 'seccomp'),
    ...validateProfile(context.appArmorProfile, child(path, 'appArmorProfile'), 'AppArmor'),
  )
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged === true) {
      errors.push(invalid(path, context, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'))
    }
    if ((context.capabilities?.add ?? []).includes('CAP_SYS_ADMIN')) {
      errors.push(
        invalid(path, context, 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN'),
      )
    }
  }
  return errors
}

const sysctlName = /^(?:[a-z0-9](?:[-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9](?:[-_a-z0-9]*[a-z0-9])?$/
const sysctlPattern = '^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$'
const maxSysctlBytes = 253

/** Set in a namespace that the Pod shares with the node, they would be the node's. Slashes separate, too. */
const validateHostSysctl = (name: string, { hostNetwork, hostIPC }: PodSpec, path: string): FieldError[] => {
  const dotted = name.replaceAll('/', '.')
  const isIpc = dotted === 'kernel.sem' || /^(kernel\.shm|kernel\.msg|fs\.mqueue\.)/.test(dotted)
  if (hostNetwork === true && dotted.startsWith('net.')) {
    return [invalid(path, name, "may not be specified when 'hostNetwork' is true")]
  }
  return hostIPC === true && isIpc ? [invalid(path, name, "may not be specified when 'hostIPC' is true")] : []
}

const validateSysctls = (spec: PodSpec, path: string): FieldError[] => {
  const names = new Set<string>()
  return (spec.securityContext?.sysctls ?? []).flatMap((sysctl, index) => {
    const at = child(path, index, 'name')
    const name = sysctl.name ?? ''
    const errors: FieldError[] = []
    if (name === '') errors.push(required(at))
    else if (name.length > maxSysctlBytes || !sysctlName.test(name)) {
      errors.push(invalid(at, name, `must have at most ${maxSysctlBytes} characters and match regex ${sysctlPattern}`))
    } else if (names.has(name)) errors.push(duplicate(at, name))
    names.add(name)
    return [...errors, ...validateHostSysctl(name, spec, at)]
  })
}

export const validatePodSecurity = (spec: PodSpec, specPath: string): FieldError[] => {
  const context = spec.securityContext
  const path = child(specPath, 'securityContext')
  const errors: FieldError[] = []
  if (spec.shareProcessNamespace === true && spec.hostPID === true) {
    errors.push(
      invalid(child(path, 'shareProcessNamespace'), true, 'ShareProcessNamespace and HostPID cannot both be enabled'),
    )
  }
  if (spec.hostUsers === false) {
    for (const field of ['hostPID', 'hostIPC', 'hostNetwork'] as const) {
      if (spec[field] === true) errors.push(forbiddenField(child(path, field), 'when `hostUsers` is false'))
    }
  }
  if (context === undefined || context === null) return errors
  errors.push(...inRange(child(path, 'fsGroup'), context.fsGroup, 0, maxId), ...validateIds(context, path))
  for (const [index, group] of (context.supplementalGroups ?? []).entries()) {
    errors.push(...inRange(child(path, 'supplementalGroups', index), group, 0, maxId))
  }
  errors.push(
    ...validateSysctls(spec, child(path, 'sysctls')),
    ...oneOf(child(path, 'supplementalGroupsPolicy'), context.supplementalGroupsPolicy, ['Merge', 'Strict']),
    ...validateProfile(context.seccompProfile, child(path, 'seccompProfile'), 'seccomp'),
    ...validateProfile(context.appArmorProfile, child(path, 'appArmorProfile'), 'AppArmor'),
  )
  if (context.fsGroupChangePolicy !== undefined) {
    errors.push(
      ...requiredOneOf(child(path, 'fsGroupChangePolicy'), context.fsGroupChangePolicy, ['Always', 'OnRootMismatch']),
    )
  }
  return errors
}
