/** Roles and bindings. Upstream: pkg/apis/rbac/validation. */
import { absent, syntax, validateLabelSelector } from '../meta/checks.ts'
import { semanticEqual } from '../meta/equal.ts'
import {
  asGoStruct,
  child,
  type FieldError,
  type GoField,
  invalid,
  notSupported,
  required,
} from '../meta/field-error.ts'
import { isDns1123Label, isDns1123Subdomain, isValidPathSegmentName } from '../meta/names.ts'
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '../types.ts'

type PolicyRule = NonNullable<Role['rules']>[number]
type Subject = NonNullable<RoleBinding['subjects']>[number]

const rbacGroup = 'rbac.authorization.k8s.io'

const validateRule = (rule: PolicyRule, path: string, namespaced: boolean): FieldError[] => {
  const errors: FieldError[] = []
  const urls = rule.nonResourceURLs ?? []
  if ((rule.verbs ?? []).length === 0)
    errors.push(required(child(path, 'verbs'), 'verbs must contain at least one value'))
  if (urls.length > 0) {
    if (namespaced)
      errors.push(invalid(child(path, 'nonResourceURLs'), urls, 'namespaced rules cannot apply to non-resource URLs'))
    if ((rule.apiGroups ?? []).length + (rule.resources ?? []).length + (rule.resourceNames ?? []).length > 0) {
      errors.push(
        invalid(
          child(path, 'nonResourceURLs'),
          urls,
          'rules cannot apply to both regular resources and non-resource URLs',
        ),
      )
    }
    return errors
  }
  if ((rule.apiGroups ?? []).length === 0)
    errors.push(required(child(path, 'apiGroups'), 'resource rules must supply at least one api group'))
  if ((rule.resources ?? []).length === 0)
    errors.push(required(child(path, 'resources'), 'resource rules must supply at least one resource'))
  return errors
}

export const validateRole = ({ rules }: Role): FieldError[] =>
  (rules ?? []).flatMap((rule, index) => validateRule(rule, child('rules', index), true))

export const validateClusterRole = ({ rules, aggregationRule }: ClusterRole): FieldError[] => {
  const errors = (rules ?? []).flatMap((rule, index) => validateRule(rule, child('rules', index), false))
  if (aggregationRule === undefined) return errors
  const selectors = aggregationRule.clusterRoleSelectors ?? []
  const path = 'aggregationRule.clusterRoleSelectors'
  if (selectors.length === 0)
    errors.push(required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil'))
  for (const [index, selector] of selectors.entries())
    errors.push(...validateLabelSelector(selector, child(path, index)))
  return errors
}

const validateSubject = (subject: Subject, path: string, namespaced: boolean): FieldError[] => {
  const errors: FieldError[] = []
  const group = subject.apiGroup ?? ''
  if (absent(subject.name)) errors.push(required(child(path, 'name')))
  switch (subject.kind) {
    case 'ServiceAccount':
      if (!absent(subject.name)) errors.push(...syntax(child(path, 'name'), subject.name, isDns1123Subdomain))
      if (group !== '') errors.push(notSupported(child(path, 'apiGroup'), group, ['']))
      if (!namespaced && absent(subject.namespace)) errors.push(required(child(path, 'namespace')))
      else if (!absent(subject.namespace))
        errors.push(...syntax(child(path, 'namespace'), subject.namespace ?? '', isDns1123Label))
      break
    case 'User':
    case 'Group':
      if (group !== rbacGroup) errors.push(notSupported(child(path, 'apiGroup'), group, [rbacGroup]))
      break
    default:
      errors.push(notSupported(child(path, 'kind'), subject.kind, ['ServiceAccount', 'User', 'Group']))
  }
  return errors
}

const validateBinding = (binding: RoleBinding | ClusterRoleBinding, namespaced: boolean): FieldError[] => {
  const errors: FieldError[] = []
  const apiGroup = binding.roleRef?.apiGroup ?? ''
  const kind = binding.roleRef?.kind ?? ''
  const name = binding.roleRef?.name ?? ''
  if (apiGroup !== rbacGroup) errors.push(notSupported('roleRef.apiGroup', apiGroup, [rbacGroup]))
  const kinds = namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole']
  if (!kinds.includes(kind)) errors.push(notSupported('roleRef.kind', kind, kinds))
  if (name === '') errors.push(required('roleRef.name'))
  else errors.push(...syntax('roleRef.name', name, isValidPathSegmentName))
  for (const [index, subject] of (binding.subjects ?? []).entries()) {
    errors.push(...validateSubject(subject, child('subjects', index), namespaced))
  }
  return errors
}

export const validateRoleBinding = (binding: RoleBinding): FieldError[] => validateBinding(binding, true)
export const validateClusterRoleBinding = (binding: ClusterRoleBinding): FieldError[] => validateBinding(binding, false)

const roleRefFields: readonly GoField[] = [
  ['APIGroup', 'apiGroup', ''],
  ['Kind', 'kind', ''],
  ['Name', 'name', ''],
]

/** A binding is to one role for good: who may bind was decided on creation. */
export const validateBindingUpdate = (
  next: RoleBinding | ClusterRoleBinding,
  old: RoleBinding | ClusterRoleBinding,
): FieldError[] =>
  semanticEqual(next.roleRef, old.roleRef)
    ? []
    : [invalid('roleRef', asGoStruct(next.roleRef, roleRefFields), 'cannot change roleRef')]
