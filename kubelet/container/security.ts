/** The security context of a container, after the Pod's. */
import { join } from 'node:path'
import type { Container } from '../../api/types.ts'
import { type BoundPod, formatPod } from '../pod.ts'
import type { SecurityConfig } from '../runtime/runtime-service.ts'
import { ConfigError } from './objects.ts'
import { type ProcMount, unmasked } from './proc-mount.ts'

type SeccompProfile = NonNullable<NonNullable<Container['securityContext']>['seccompProfile']>

const noNewPrivileges = (container: Container): boolean => container.securityContext?.allowPrivilegeEscalation === false

const seccompOf = (profile: SeccompProfile | undefined, seccompRoot: string): SecurityConfig['seccomp'] => {
  if (profile?.type === 'RuntimeDefault') return { type: 'default' }
  if (profile?.type === 'Localhost')
    return { type: 'localhost', path: join(seccompRoot, profile.localhostProfile ?? '') }
  return { type: 'unconfined' }
}

/** Throws ConfigError where runAsNonRoot is asked for and the container would be root. */
const verifyNonRoot = (pod: BoundPod, container: Container, imageUser: string): void => {
  const nonRoot = container.securityContext?.runAsNonRoot ?? pod.spec.securityContext?.runAsNonRoot
  if (nonRoot !== true) return
  const uid = container.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser
  const place = `(pod: "${formatPod(pod)}", container: ${container.name})`
  if (uid !== undefined) {
    if (uid === 0) throw new ConfigError(`container's runAsUser breaks non-root policy ${place}`)
    return
  }
  const user = imageUser.split(':')[0] ?? ''
  if (user === '' || user === '0' || user === 'root') {
    throw new ConfigError(`container has runAsNonRoot and image will run as root ${place}`)
  }
  if (!/^\d+$/.test(user)) {
    throw new ConfigError(
      `container has runAsNonRoot and image has non-numeric user (${user}), cannot verify user is non-root ${place}`,
    )
  }
}

const userOf = (pod: BoundPod, container: Container, imageUser: string): string => {
  const uid = container.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser
  const gid = container.securityContext?.runAsGroup ?? pod.spec.securityContext?.runAsGroup
  if (gid === undefined) return uid === undefined ? '' : String(uid)
  const imageUid = imageUser.split(':')[0] ?? ''
  return `${uid ?? (imageUid === '' ? 0 : imageUid)}:${gid}`
}

const appArmorOf = (pod: BoundPod, container: Container): string => {
  const profile = container.securityContext?.appArmorProfile ?? pod.spec.securityContext?.appArmorProfile
  if (profile?.type === 'Unconfined') return 'unconfined'
  return profile?.type === 'Localhost' ? (profile.localhostProfile ?? '') : ''
}

export interface SecurityRequest {
  readonly pod: BoundPod
  readonly container: Container
  readonly imageUser: string
  readonly seccompRoot: string
  /** KubeletConfiguration.seccompDefault. */
  readonly seccompDefault: boolean
  /** Default procMount. */
  readonly procMount: ProcMount
}

/** What the container may do; throws ConfigError for a policy that the image breaks. */
export const securityConfig = ({
  pod,
  container,
  imageUser,
  seccompRoot,
  seccompDefault,
  procMount,
}: SecurityRequest): SecurityConfig => {
  verifyNonRoot(pod, container, imageUser)
  const own = container.securityContext
  const ofPod = pod.spec.securityContext
  const profile =
    own?.seccompProfile ?? ofPod?.seccompProfile ?? (seccompDefault ? { type: 'RuntimeDefault' } : undefined)
  const groups = [...(ofPod?.supplementalGroups ?? []), ...(ofPod?.fsGroup === undefined ? [] : [ofPod.fsGroup])]
  return {
    privileged: own?.privileged === true,
    readOnlyRootFilesystem: own?.readOnlyRootFilesystem === true,
    noNewPrivileges: noNewPrivileges(container),
    user: userOf(pod, container, imageUser),
    supplementalGroups: [...new Set(groups)],
    supplementalGroupsPolicy: ofPod?.supplementalGroupsPolicy === 'Strict' ? 'Strict' : 'Merge',
    addCapabilities: own?.capabilities?.add ?? [],
    dropCapabilities: own?.capabilities?.drop ?? [],
    seccomp: seccompOf(profile, seccompRoot),
    appArmor: appArmorOf(pod, container),
    ...(own?.procMount === 'Unmasked' || own?.privileged === true ? unmasked : procMount),
  }
}
