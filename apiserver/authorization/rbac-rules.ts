/** Matching of RBAC rules. Upstream: pkg/apis/rbac/v1/evaluation_helpers.go */
import type { ClusterRole } from '../../api/types.ts'
import type { Attributes } from './authorizer.ts'

export type PolicyRule = NonNullable<ClusterRole['rules']>[number]

const hasOrAll = (list: readonly string[] | undefined, wanted: string): boolean =>
  list !== undefined && (list.includes('*') || list.includes(wanted))

const resourceMatches = (resources: readonly string[] | undefined, { resource, subresource }: Attributes): boolean => {
  if (resources === undefined) return false
  const combined = subresource === '' ? resource : `${resource}/${subresource}`
  return resources.some(
    (entry) => entry === '*' || entry === combined || (subresource !== '' && entry === `*/${subresource}`),
  )
}

const pathMatches = (urls: readonly string[] | undefined, path: string): boolean =>
  (urls ?? []).some((url) => url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1))))

export const ruleAllows = (attributes: Attributes, rule: PolicyRule): boolean => {
  if (!hasOrAll(rule.verbs, attributes.verb)) return false
  if (!attributes.isResourceRequest) return pathMatches(rule.nonResourceURLs, attributes.path)
  const names = rule.resourceNames ?? []
  return (
    hasOrAll(rule.apiGroups, attributes.group) &&
    resourceMatches(rule.resources, attributes) &&
    (names.length === 0 || names.includes(attributes.name))
  )
}
