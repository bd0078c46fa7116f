/** Whether this machine enforces the AppArmor profiles that a Pod asks for. Upstream: pkg/security/apparmor. */
import { readFileSync } from 'node:fs'
import type { Container } from '../../api/types.ts'
import { type BoundPod, containersOf } from '../pod.ts'

type Profile = NonNullable<NonNullable<Container['securityContext']>['appArmorProfile']>

/** Names of the profiles that the kernel has; undefined where AppArmor is off. */
export type LoadedProfiles = () => ReadonlySet<string> | undefined

const folder = '/sys/kernel/security/apparmor'

/** Lines are `name (mode)`. */
export const loadedProfiles: LoadedProfiles = () => {
  try {
    if (!readFileSync('/sys/module/apparmor/parameters/enabled', 'utf8').startsWith('Y')) return undefined
    const lines = readFileSync(`${folder}/profiles`, 'utf8').split('\n')
    return new Set(lines.map((line) => line.replace(/ \([a-z]+\)$/, '')))
  } catch {
    return undefined
  }
}

/** What is wrong; undefined lets the Pod in. One that asks for nothing, or for none, always may. */
export const appArmorProblem = (pod: BoundPod, loaded: LoadedProfiles): string | undefined => {
  const asked = [pod.spec.securityContext, ...containersOf(pod).map(({ container }) => container.securityContext)]
    .map((context): Profile | undefined => context?.appArmorProfile)
    .filter((profile) => profile !== undefined && profile.type !== 'Unconfined')
  if (asked.length === 0) return undefined
  const names = loaded()
  if (names === undefined) return 'Cannot enforce AppArmor: AppArmor is not enabled on the host'
  const missing = asked.find((profile) => profile?.type === 'Localhost' && !names.has(profile.localhostProfile ?? ''))
  return missing && `Cannot enforce AppArmor: profile ${JSON.stringify(missing.localhostProfile)} is not loaded`
}
