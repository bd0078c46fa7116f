/** Which requests are recorded, and how much of them. Upstream: k8s.io/apiserver/pkg/audit/policy */
import type { UserInfo } from '../authentication/user.ts'
import type { RequestInfo } from '../server/request-info.ts'
import type { Level, Stage } from './event.ts'

export interface GroupResources {
  readonly group: string
  /** `pods`, `pods/log`, `pods/*`, `*` + `/scale`, `*`; none is all. */
  readonly resources: readonly string[]
  readonly resourceNames: readonly string[]
}

/** A request matches where every list that is not empty matches. */
export interface PolicyRule {
  readonly level: Level
  readonly users: readonly string[]
  readonly userGroups: readonly string[]
  readonly verbs: readonly string[]
  readonly resources: readonly GroupResources[]
  /** '' is what has no namespace. */
  readonly namespaces: readonly string[]
  readonly nonResourceURLs: readonly string[]
  readonly omitStages: readonly Stage[]
  readonly omitManagedFields: boolean | undefined
}

export interface Policy {
  readonly rules: readonly PolicyRule[]
  readonly omitStages: readonly Stage[]
  readonly omitManagedFields: boolean
}

export interface Recording {
  readonly level: Level
  readonly omitStages: ReadonlySet<Stage>
  readonly omitManagedFields: boolean
}

const resourceMatches = (wanted: string, { resource, subresource }: RequestInfo): boolean => {
  if (wanted === '*' || wanted === (subresource === '' ? resource : `${resource}/${subresource}`)) return true
  if (subresource !== '' && wanted.startsWith('*/') && wanted.slice(2) === subresource) return true
  return wanted.endsWith('/*') && wanted.slice(0, -2) === resource
}

const groupMatches = ({ group, resources, resourceNames }: GroupResources, info: RequestInfo): boolean => {
  if (group !== '*' && group !== info.apiGroup) return false
  if (resources.length === 0) return true
  if (resourceNames.length > 0 && !resourceNames.includes(info.name)) return false
  return resources.some((wanted) => resourceMatches(wanted, info))
}

const pathMatches = (wanted: string, path: string): boolean =>
  wanted === '*' || wanted === path || (wanted.endsWith('*') && path.startsWith(wanted.replace(/\*+$/, '')))

/** What the rule says about the request, whoever makes it. */
const targetMatches = (rule: PolicyRule, info: RequestInfo): boolean => {
  if (rule.namespaces.length > 0 || rule.resources.length > 0) {
    if (!info.isResourceRequest) return false
    if (rule.namespaces.length > 0 && !rule.namespaces.includes(info.namespace)) return false
    return rule.resources.length === 0 || rule.resources.some((group) => groupMatches(group, info))
  }
  if (rule.nonResourceURLs.length === 0) return true
  return !info.isResourceRequest && rule.nonResourceURLs.some((wanted) => pathMatches(wanted, info.path))
}

const ruleMatches = (rule: PolicyRule, user: UserInfo | undefined, info: RequestInfo): boolean => {
  if (rule.users.length > 0 && (user === undefined || !rule.users.includes(user.name))) return false
  if (rule.userGroups.length > 0 && !(user?.groups.some((group) => rule.userGroups.includes(group)) ?? false)) {
    return false
  }
  if (rule.verbs.length > 0 && !rule.verbs.includes(info.verb)) return false
  return targetMatches(rule, info)
}

/** Decides by the first rule that matches; without one nothing is recorded. `user` is undefined if nobody was made out. */
export const createPolicyEvaluator = (
  policy: Policy,
): ((user: UserInfo | undefined, info: RequestInfo) => Recording) => {
  const rules = policy.rules.map((rule) => ({
    rule,
    recording: {
      level: rule.level,
      omitStages: new Set([...policy.omitStages, ...rule.omitStages]),
      omitManagedFields: rule.omitManagedFields ?? policy.omitManagedFields,
    },
  }))
  const otherwise: Recording = {
    level: 'None',
    omitStages: new Set(policy.omitStages),
    omitManagedFields: policy.omitManagedFields,
  }
  return (user, info) => rules.find(({ rule }) => ruleMatches(rule, user, info))?.recording ?? otherwise
}
