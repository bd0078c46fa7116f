/** Which checks a policy has, and what they say of a Pod. Upstream: policy/registry.go */
import type { Check, CheckPod, PodFacts, Violation } from './checks/check.ts'
import {
  hostNamespaces,
  hostPathVolumes,
  hostPorts,
  hostProbesAndHostLifecycle,
  windowsHostProcess,
} from './checks/host.ts'
import {
  allowPrivilegeEscalation,
  capabilitiesBaseline,
  capabilitiesRestricted,
  privileged,
  procMount,
  procMountRestricted,
} from './checks/privileges.ts'
import { appArmorProfile, seLinuxOptions } from './checks/profiles.ts'
import { seccompProfileBaseline, seccompProfileRestricted } from './checks/seccomp.ts'
import { sysctls } from './checks/sysctls.ts'
import { runAsNonRoot, runAsUser } from './checks/users.ts'
import { restrictedVolumes } from './checks/volumes.ts'
import type { LevelVersion } from './policy.ts'

/** Baseline before restricted, each by id: the order of messages. */
export const checks: readonly Check[] = [
  appArmorProfile,
  capabilitiesBaseline,
  hostNamespaces,
  hostPathVolumes,
  hostPorts,
  hostProbesAndHostLifecycle,
  privileged,
  procMount,
  seLinuxOptions,
  seccompProfileBaseline,
  sysctls,
  windowsHostProcess,
  allowPrivilegeEscalation,
  capabilitiesRestricted,
  procMountRestricted,
  restrictedVolumes,
  runAsNonRoot,
  runAsUser,
  seccompProfileRestricted,
]

/** The youngest version that any check has: later ones are the same. */
const newest = Math.max(...checks.flatMap(({ versions }) => versions.map(({ since }) => since)))

const selectChecks = (level: 'baseline' | 'restricted', minor: number): readonly CheckPod[] => {
  const current = checks
    .filter((check) => level === 'restricted' || check.level === 'baseline')
    .flatMap(({ id, versions }) => {
      const version = versions.findLast(({ since }) => since <= minor)
      return version === undefined ? [] : [{ id, ...version }]
    })
  const overridden = new Set(current.flatMap(({ overrides = [] }) => overrides))
  return current.filter(({ id }) => !overridden.has(id)).map(({ check }) => check)
}

const selected = new Map<string, readonly CheckPod[]>()

const checksOf = ({ level, version }: LevelVersion): readonly CheckPod[] => {
  if (level === 'privileged') return []
  const minor = version === 'latest' ? newest : Math.min(version, newest)
  const key = `${level}:${minor}`
  const found = selected.get(key) ?? selectChecks(level, minor)
  selected.set(key, found)
  return found
}

/** What the policy forbids in the Pod; empty if it is allowed. */
export const evaluatePod = (policy: LevelVersion, pod: PodFacts): readonly Violation[] =>
  checksOf(policy).flatMap((check) => check(pod) ?? [])

/** `host namespaces (hostPID=true), privileged (container "c" must not …)` */
export const detailsText = (violations: readonly Violation[]): string =>
  violations.map(({ reason, detail }) => (detail === '' ? reason : `${reason} (${detail})`)).join(', ')

export const reasonsText = (violations: readonly Violation[]): string =>
  violations.map(({ reason }) => reason).join(', ')
