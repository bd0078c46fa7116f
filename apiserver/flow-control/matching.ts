/** Which FlowSchema a request belongs to. Pure. Upstream: k8s.io/apiserver/pkg/util/flowcontrol/rule.go */
import type { FlowSchema } from '../../api/types.ts'
import { serviceAccountPrefix, type UserInfo } from '../authentication/user.ts'
import type { RequestInfo } from '../server/request-info.ts'

export type Rules = NonNullable<NonNullable<FlowSchema['spec']>['rules']>[number]
type Subject = Rules['subjects'][number]
type ResourceRule = NonNullable<Rules['resourceRules']>[number]

/** The wildcard stands alone: validation sees to it. */
const includes = (list: readonly string[] | undefined, value: string): boolean =>
  list !== undefined && ((list.length === 1 && list[0] === '*') || list.includes(value))

const matchesSubject = ({ kind, user, group, serviceAccount }: Subject, { name, groups }: UserInfo): boolean => {
  switch (kind) {
    case 'User':
      return user !== undefined && (user.name === '*' || user.name === name)
    case 'Group':
      return group !== undefined && (group.name === '*' || groups.includes(group.name))
    case 'ServiceAccount': {
      if (serviceAccount === undefined) return false
      const ofNamespace = `${serviceAccountPrefix}${serviceAccount.namespace}:`
      return serviceAccount.name === '*' ? name.startsWith(ofNamespace) : name === ofNamespace + serviceAccount.name
    }
    default:
      return false
  }
}

/** The rules of a FlowSchema that are about this user. */
export const rulesFor = ({ spec }: FlowSchema, user: UserInfo): Rules[] =>
  (spec?.rules ?? []).filter(({ subjects }) => (subjects ?? []).some((subject) => matchesSubject(subject, user)))

const matchesResource = (rule: ResourceRule, info: RequestInfo): boolean =>
  includes(rule.verbs, info.verb) &&
  includes(rule.resources, info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`) &&
  includes(rule.apiGroups, info.apiGroup) &&
  (info.namespace === '' ? rule.clusterScope === true : includes(rule.namespaces, info.namespace))

/** A path matches itself and all below it. */
const matchesUrl = (urls: readonly string[], path: string): boolean =>
  urls.some((url) => {
    if (url === '*' || url === path) return true
    const prefix = url.endsWith('*') ? url.slice(0, -1) : url
    return path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`)
  })

/** Whether one of the rules, whose subjects are known to match, is about this request. */
export const matchesRules = (rules: readonly Rules[], info: RequestInfo): boolean => {
  for (const { resourceRules, nonResourceRules } of rules) {
    if (info.isResourceRequest) {
      if (resourceRules !== undefined) for (const rule of resourceRules) if (matchesResource(rule, info)) return true
    } else if (nonResourceRules !== undefined) {
      for (const { verbs, nonResourceURLs } of nonResourceRules) {
        if (includes(verbs, info.verb) && matchesUrl(nonResourceURLs, info.path)) return true
      }
    }
  }
  return false
}

/** In the order in which they are asked: by precedence, then by name. */
export const inMatchingOrder = (schemas: readonly FlowSchema[]): FlowSchema[] =>
  schemas.toSorted((a, b) => {
    const [precedenceA, precedenceB] = [a.spec?.matchingPrecedence ?? 0, b.spec?.matchingPrecedence ?? 0]
    if (precedenceA !== precedenceB) return precedenceA - precedenceB
    return (a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1
  })
