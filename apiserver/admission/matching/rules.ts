/** Whether a request is one that a webhook's or policy's rule names. Upstream: apiserver/pkg/admission/plugin/webhook/predicates/rules */
import type { Operation } from '../admission.ts'

export interface Rule {
  readonly operations?: readonly string[]
  readonly apiGroups?: readonly string[]
  readonly apiVersions?: readonly string[]
  readonly resources?: readonly string[]
  readonly scope?: string
  /** Of policies; empty is every name. */
  readonly resourceNames?: readonly string[]
}

/** What is asked of a rule: a request, as one version of its resource sees it. */
export interface RuleSubject {
  readonly operation: Operation
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly subresource: string
  readonly namespaced: boolean
  readonly name: string
}

const named = (list: readonly string[] | undefined, value: string): boolean =>
  list !== undefined && (list.includes('*') || list.includes(value))

/** `pods`, `pods/log`, `*`, `pods/*`, `*` + `/status`; `*` alone is every resource but no subresource. */
const matchesResource = (pattern: string, { resource, subresource }: RuleSubject): boolean => {
  const [wanted = '', part = ''] = pattern.split('/')
  const resourceFits = wanted === '*' || wanted === resource
  return resourceFits && (part === '*' || part === subresource)
}

const matchesScope = (scope: string | undefined, { namespaced }: RuleSubject): boolean =>
  scope === undefined || scope === '*' || (scope === 'Namespaced') === namespaced

export const matchesRule = (rule: Rule, subject: RuleSubject): boolean =>
  named(rule.operations, subject.operation) &&
  named(rule.apiGroups, subject.group) &&
  named(rule.apiVersions, subject.version) &&
  (rule.resources ?? []).some((pattern) => matchesResource(pattern, subject)) &&
  matchesScope(rule.scope, subject) &&
  ((rule.resourceNames ?? []).length === 0 || (rule.resourceNames ?? []).includes(subject.name))
