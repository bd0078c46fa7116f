/** Which resources a policy or a binding is about. Upstream: validateMatchResources, validateParamKind. */
import { absent, oneOf, validateLabelSelector } from '../meta/checks.ts'
import { child, duplicate, type FieldError, invalid, required } from '../meta/field-error.ts'
import { isDns1035Label, isDns1123Subdomain, isValidPathSegmentName } from '../meta/names.ts'
import type { ValidatingAdmissionPolicy } from '../types.ts'
import { matchPolicies, validateRule } from './match-rules.ts'

export type MatchResources = NonNullable<NonNullable<ValidatingAdmissionPolicy['spec']>['matchConstraints']>
type NamedRule = NonNullable<MatchResources['resourceRules']>[number]

const validateNamedRule = (rule: NamedRule, path: string): FieldError[] => {
  const seen = new Set<string>()
  const names = (rule.resourceNames ?? []).flatMap((name, index) => {
    const at = child(path, 'resourceNames', index)
    const errors = isValidPathSegmentName(name).map((message) => invalid(at, name, message))
    if (seen.has(name)) errors.push(duplicate(at, name))
    seen.add(name)
    return errors
  })
  return [...names, ...validateRule(rule, path)]
}

/** A policy must say what it is about, a binding may. */
export const validateMatchResources = (
  match: MatchResources | undefined,
  path: string,
  needsRules: boolean,
): FieldError[] => {
  if (match === undefined) return needsRules ? [required(path)] : []
  const errors = [
    ...oneOf(child(path, 'matchPolicy'), match.matchPolicy, matchPolicies),
    ...validateLabelSelector(match.namespaceSelector, child(path, 'namespaceSelector')),
    ...validateLabelSelector(match.objectSelector, child(path, 'objectSelector')),
  ]
  for (const field of ['resourceRules', 'excludeResourceRules'] as const) {
    for (const [index, rule] of (match[field] ?? []).entries())
      errors.push(...validateNamedRule(rule, child(path, field, index)))
  }
  if (needsRules && (match.resourceRules ?? []).length === 0) errors.push(required(child(path, 'resourceRules')))
  return errors
}

interface ParamKind {
  readonly apiVersion?: string
  readonly kind?: string
}

const validateApiVersion = (apiVersion: string, path: string): FieldError[] => {
  const parts = apiVersion.split('/')
  if (parts.length > 2) return [invalid(path, apiVersion, `unexpected GroupVersion string: ${apiVersion}`)]
  const [group = '', version = ''] = parts.length === 1 ? ['', parts[0]] : parts
  const groupErrors = group === '' ? [] : isDns1123Subdomain(group)
  const errors = groupErrors.length === 0 ? [] : [invalid(path, group, groupErrors.join(','))]
  if (version === '') return [...errors, invalid(path, apiVersion, 'version must be specified')]
  const versionErrors = isDns1035Label(version)
  return versionErrors.length === 0 ? errors : [...errors, invalid(path, version, versionErrors.join(','))]
}

export const validateParamKind = (paramKind: ParamKind | undefined, path: string): FieldError[] => {
  if (paramKind === undefined) return []
  const { apiVersion = '', kind = '' } = paramKind
  const errors = absent(apiVersion)
    ? [required(child(path, 'apiVersion'))]
    : validateApiVersion(apiVersion, child(path, 'apiVersion'))
  if (absent(kind)) return [...errors, required(child(path, 'kind'))]
  const messages = isDns1035Label(kind.toLowerCase())
  if (messages.length === 0) return errors
  const detail = `may have mixed case, but should otherwise match: ${messages.join(',')}`
  return [...errors, invalid(child(path, 'kind'), kind, detail)]
}
