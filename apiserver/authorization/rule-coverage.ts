/** Whether a set of rules grants at least what another does. Upstream: component-helpers/auth/rbac/validation */
import type { PolicyRule } from './rbac-rules.ts'

const breakDown = (rule: PolicyRule): PolicyRule[] =>
  rule.verbs.flatMap((verb) => [
    ...(rule.apiGroups ?? []).flatMap((group) =>
      (rule.resources ?? []).flatMap((resource) => {
        const base = { verbs: [verb], apiGroups: [group], resources: [resource] }
        const names = rule.resourceNames ?? []
        return names.length === 0 ? [base] : names.map((name) => ({ ...base, resourceNames: [name] }))
      }),
    ),
    ...(rule.nonResourceURLs ?? []).map((url) => ({ verbs: [verb], nonResourceURLs: [url] })),
  ])

const has = (list: readonly string[] | undefined, wanted: string | undefined): boolean =>
  list !== undefined && wanted !== undefined && (list.includes('*') || list.includes(wanted))

const coversResource = (resources: readonly string[] | undefined, wanted: string): boolean => {
  if (has(resources, wanted)) return true
  const slash = wanted.indexOf('/')
  return slash >= 0 && resources?.includes(`*${wanted.slice(slash)}`) === true
}

const coversUrl = (owned: string, wanted: string): boolean =>
  owned === wanted || (owned.endsWith('*') && wanted.startsWith(owned.slice(0, -1)))

const covers = (owned: PolicyRule, wanted: PolicyRule): boolean => {
  if (!has(owned.verbs, wanted.verbs[0])) return false
  const [url] = wanted.nonResourceURLs ?? []
  if (url !== undefined) return (owned.nonResourceURLs ?? []).some((candidate) => coversUrl(candidate, url))
  const names = owned.resourceNames ?? []
  const [name] = wanted.resourceNames ?? []
  return (
    has(owned.apiGroups, wanted.apiGroups?.[0]) &&
    coversResource(owned.resources, wanted.resources?.[0] ?? '') &&
    (names.length === 0 || (name !== undefined && names.includes(name)))
  )
}

/** The parts of `wanted` that `owned` does not grant, each as a rule of one verb and one resource. */
export const uncoveredRules = (owned: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] =>
  wanted.flatMap(breakDown).filter((part) => !owned.some((rule) => covers(rule, part)))

/** Rules of one resource that differ in their verbs alone, as one. Upstream: rbacregistryvalidation.CompactRules */
export const compactRules = (rules: readonly PolicyRule[]): PolicyRule[] => {
  const simple = new Map<string, PolicyRule>()
  const others: PolicyRule[] = []
  for (const rule of rules) {
    const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [], verbs } = rule
    const isSimple =
      apiGroups.length === 1 && resources.length === 1 && resourceNames.length <= 1 && nonResourceURLs.length === 0
    if (!isSimple) {
      others.push(rule)
      continue
    }
    const key = JSON.stringify([apiGroups, resources, resourceNames])
    simple.set(key, { ...rule, verbs: [...(simple.get(key)?.verbs ?? []), ...verbs] })
  }
  return [...others, ...simple.values()]
}

const quoted = (list: readonly string[]): string => `[${list.map((item) => JSON.stringify(item)).join(' ')}]`

/** A rule as upstream's messages show it: `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`. */
export const compactRule = ({
  apiGroups = [],
  resources = [],
  resourceNames = [],
  nonResourceURLs = [],
  verbs,
}: PolicyRule): string => {
  const parts = [
    ...(apiGroups.length > 0 ? [`APIGroups:${quoted(apiGroups)}`] : []),
    ...(resources.length > 0 ? [`Resources:${quoted(resources)}`] : []),
    ...(nonResourceURLs.length > 0 ? [`NonResourceURLs:${quoted(nonResourceURLs)}`] : []),
    ...(resourceNames.length > 0 ? [`ResourceNames:${quoted(resourceNames)}`] : []),
    `Verbs:${quoted(verbs)}`,
  ]
  return `{${parts.join(', ')}}`
}
