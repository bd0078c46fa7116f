/** PodSecurityConfiguration: the policy of namespaces without labels, and who is exempt. */
import type { ParsedText } from '../../../api/codec/json.ts'
import { duplicate, type FieldError, invalid } from '../../../api/meta/field-error.ts'
import { isDns1123Label, isDns1123Subdomain } from '../../../api/meta/names.ts'
import { ConfigError, decodeConfig } from '../config/decode-config.ts'
import { listOf, objectOf, text } from '../config/schema.ts'
import { levelError, type Mode, modes, parseLevel, parseVersion, type Policy, versionError } from './policy.ts'

export interface PodSecurityConfiguration {
  readonly defaults: Policy
  readonly exemptions: {
    readonly usernames: ReadonlySet<string>
    readonly namespaces: ReadonlySet<string>
    readonly runtimeClasses: ReadonlySet<string>
  }
}

const group = 'pod-security.admission.config.k8s.io'

const configKind = {
  kind: 'PodSecurityConfiguration',
  apiVersions: ['v1', 'v1beta1', 'v1alpha1'].map((version) => `${group}/${version}`),
  fields: {
    defaults: objectOf(
      'v1.PodSecurityDefaults',
      Object.fromEntries(
        modes.flatMap((mode) => [
          [mode, text],
          [`${mode}-version`, text],
        ]),
      ),
    ),
    exemptions: objectOf('v1.PodSecurityExemptions', {
      usernames: listOf(text),
      namespaces: listOf(text),
      runtimeClasses: listOf(text),
    }),
  },
}

type Defaults = Readonly<Record<string, string | undefined>>
type Exemptions = Readonly<Record<'usernames' | 'namespaces' | 'runtimeClasses', readonly string[] | undefined>>

const exemptionErrors = (
  field: string,
  values: readonly string[],
  problemsOf: (value: string) => readonly string[],
): FieldError[] => {
  const seen = new Set<string>()
  return values.flatMap((value, index) => {
    const path = `exemptions.${field}[${index}]`
    const problems = problemsOf(value)
    if (problems.length > 0) return [invalid(path, value, problems.join(', '))]
    if (seen.has(value)) return [duplicate(path, value)]
    seen.add(value)
    return []
  })
}

/** The document, or what holds without one: everybody privileged, nobody exempt. Throws ConfigError. */
export const parsePodSecurityConfiguration = (document: ParsedText | undefined): PodSecurityConfiguration => {
  const decoded = document === undefined ? {} : decodeConfig(document, configKind)
  const defaults = (decoded['defaults'] ?? {}) as Defaults
  const { usernames = [], namespaces = [], runtimeClasses = [] } = (decoded['exemptions'] ?? {}) as Partial<Exemptions>
  const errors: FieldError[] = []
  const policyFor = (mode: Mode): Policy[Mode] => {
    const levelValue = defaults[mode] || 'privileged'
    const versionValue = defaults[`${mode}-version`] || 'latest'
    const level = parseLevel(levelValue)
    const version = parseVersion(versionValue)
    if (level === undefined) errors.push(invalid(`defaults.${mode}`, levelValue, levelError))
    if (version === undefined) errors.push(invalid(`defaults.${mode}-version`, versionValue, versionError))
    return { level: level ?? 'restricted', version: version ?? 'latest' }
  }
  const policy = { enforce: policyFor('enforce'), warn: policyFor('warn'), audit: policyFor('audit') }
  errors.push(
    ...exemptionErrors('namespaces', namespaces, isDns1123Label),
    ...exemptionErrors('runtimeClasses', runtimeClasses, isDns1123Subdomain),
    ...exemptionErrors('usernames', usernames, (name) => (name === '' ? ['username must not be empty'] : [])),
  )
  if (errors.length > 0) {
    const lines = errors.map(({ field, detail }) => `${field}: ${detail}`)
    throw new ConfigError(lines.length === 1 ? String(lines[0]) : `[${lines.join(', ')}]`)
  }
  return {
    defaults: policy,
    exemptions: {
      usernames: new Set(usernames),
      namespaces: new Set(namespaces),
      runtimeClasses: new Set(runtimeClasses),
    },
  }
}
