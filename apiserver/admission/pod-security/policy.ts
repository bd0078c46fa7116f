/**
 * Levels and versions of the Pod Security Standards, and the policy that a namespace's labels ask for.
 * Upstream: k8s.io/pod-security-admission/api
 */
import { type FieldError, invalid, key } from '../../../api/meta/field-error.ts'

export const levels = ['privileged', 'baseline', 'restricted'] as const
export type Level = (typeof levels)[number]

/** The minor of `v1.x`. */
export type PolicyVersion = number | 'latest'

export interface LevelVersion {
  readonly level: Level
  readonly version: PolicyVersion
}

export const modes = ['enforce', 'audit', 'warn'] as const
export type Mode = (typeof modes)[number]
export type Policy = Readonly<Record<Mode, LevelVersion>>

/** Of labels, and of the audit annotations that tell what was decided. */
export const prefix = 'pod-security.kubernetes.io/'

export const levelLabel = (mode: Mode): string => `${prefix}${mode}`
export const versionLabel = (mode: Mode): string => `${prefix}${mode}-version`

export const levelError = `must be one of ${levels.join(', ')}`
export const versionError = 'must be "latest" or "v1.x"'

/** undefined for anything that is no level. */
export const parseLevel = (text: string): Level | undefined => levels.find((level) => level === text)

/** undefined for anything but `latest` and `v1.<minor>`. */
export const parseVersion = (text: string): PolicyVersion | undefined => {
  if (text === 'latest') return 'latest'
  const minor = /^v1\.(0|[1-9][0-9]*)$/.exec(text)?.[1]
  return minor !== undefined && Number.isSafeInteger(Number(minor)) ? Number(minor) : undefined
}

export const versionText = (version: PolicyVersion): string => (version === 'latest' ? version : `v1.${version}`)

/** `restricted:v1.30`, as messages and annotations have it. */
export const policyText = ({ level, version }: LevelVersion): string => `${level}:${versionText(version)}`

/** More than 0 if `a` is stricter than `b`. */
export const compareLevels = (a: Level, b: Level): number => levels.indexOf(a) - levels.indexOf(b)

export const samePolicy = (a: LevelVersion, b: LevelVersion): boolean => a.level === b.level && a.version === b.version

/** The same in effect: what is privileged has no version. */
export const equivalent = (a: Policy, b: Policy): boolean =>
  modes.every(
    (mode) => (a[mode].level === 'privileged' && b[mode].level === 'privileged') || samePolicy(a[mode], b[mode]),
  )

export const isFullyPrivileged = (policy: Policy): boolean => modes.every((mode) => policy[mode].level === 'privileged')

type Labels = Readonly<Record<string, string>>

const invalidLabel = (label: string, value: string, detail: string): FieldError =>
  invalid(key('metadata.labels', label), value, detail)

/** What a label that cannot be read means: enforcing fails closed, audit and warn fail open. */
const levelOfNonsense: Readonly<Record<Mode, Level>> = {
  enforce: 'restricted',
  audit: 'privileged',
  warn: 'privileged',
}

/**
 * The policy of a namespace with these labels; what they leave out is from `defaults`. There always is one, even with
 * errors. Who is to be held to more than he is warned of is warned of that, too, if no label says otherwise.
 */
export const policyOf = (labels: Labels, defaults: Policy): { policy: Policy; errors: readonly FieldError[] } => {
  const errors: FieldError[] = []
  const resolve = (mode: Mode): LevelVersion => {
    let { level, version } = defaults[mode]
    const levelValue = labels[levelLabel(mode)]
    if (levelValue !== undefined) {
      const parsed = parseLevel(levelValue)
      if (parsed === undefined) errors.push(invalidLabel(levelLabel(mode), levelValue, levelError))
      level = parsed ?? levelOfNonsense[mode]
    }
    const versionValue = labels[versionLabel(mode)]
    if (versionValue !== undefined) {
      const parsed = parseVersion(versionValue)
      if (parsed === undefined) errors.push(invalidLabel(versionLabel(mode), versionValue, versionError))
      version = parsed ?? 'latest'
    }
    return { level, version }
  }
  const enforce = resolve('enforce')
  const audit = resolve('audit')
  let warn = resolve('warn')
  const enforcesExplicitly = parseLevel(labels[levelLabel('enforce')] ?? '') !== undefined
  if (labels[levelLabel('warn')] === undefined && enforcesExplicitly && compareLevels(enforce.level, warn.level) > 0) {
    const version = labels[versionLabel('warn')] === undefined ? enforce.version : warn.version
    warn = { level: enforce.level, version }
  }
  return { policy: { enforce, audit, warn }, errors }
}
