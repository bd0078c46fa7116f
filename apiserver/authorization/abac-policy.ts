/** A file of policies, a JSON object a line. Upstream: pkg/auth/authorizer/abac and abac.authorization.kubernetes.io */
import type { UserInfo } from '../authentication/user.ts'
import type { Attributes, Authorizer, Decision } from './authorizer.ts'
import type { PolicyRule } from './rbac-rules.ts'

export interface AbacPolicy {
  readonly user: string
  readonly group: string
  readonly readonly: boolean
  readonly apiGroup: string
  readonly resource: string
  readonly namespace: string
  readonly nonResourcePath: string
}

const apiVersion = 'abac.authorization.kubernetes.io/v1beta1'

const policyOf = (document: unknown): AbacPolicy => {
  const { kind, apiVersion: version, spec } = (document ?? {}) as Record<string, unknown>
  if (kind !== 'Policy' || version !== apiVersion) {
    throw new Error(`no kind ${JSON.stringify(kind ?? '')} is registered for version "${String(version ?? '')}"`)
  }
  const fields = (spec ?? {}) as Record<string, unknown>
  const text = (name: string): string => {
    const value = fields[name] ?? ''
    if (typeof value !== 'string') throw new Error(`json: cannot unmarshal ${typeof value} into spec.${name}`)
    return value
  }
  const readonly = fields['readonly'] ?? false
  if (typeof readonly !== 'boolean')
    throw new Error(`json: cannot unmarshal ${typeof readonly} into spec.readonly of type bool`)
  const everybody = text('user') === '*' || text('group') === '*'
  return {
    user: text('user'),
    // A star is everybody who is known.
    group: everybody ? 'system:authenticated' : text('group'),
    readonly,
    apiGroup: text('apiGroup'),
    resource: text('resource'),
    namespace: text('namespace'),
    nonResourcePath: text('nonResourcePath'),
  }
}

/** Empty lines and those that begin with # are none. Throws an Error that names the line. */
export const parseAbacPolicies = (text: string, path: string): AbacPolicy[] =>
  text.split('\n').flatMap((line, index) => {
    const trimmed = line.trim()
    if (trimmed === '' || trimmed.startsWith('#')) return []
    try {
      return [policyOf(JSON.parse(trimmed))]
    } catch (error) {
      const why = (error as Error).message
      throw new Error(`error reading policy file ${path}, line ${index + 1}: ${line}: ${why}`, { cause: error })
    }
  })

const isSubject = ({ user, group }: AbacPolicy, { name, groups }: UserInfo): boolean => {
  if (user === '' && group === '') return false
  return (user === '' || user === '*' || user === name) && (group === '' || groups.includes(group))
}

const covers = (pattern: string, value: string): boolean => pattern === '*' || pattern === value

const readVerbs = ['get', 'list', 'watch']

const allows = (policy: AbacPolicy, attributes: Attributes): boolean => {
  if (!isSubject(policy, attributes.user)) return false
  if (policy.readonly && !readVerbs.includes(attributes.verb)) return false
  if (attributes.isResourceRequest) {
    const { namespace, resource, group } = attributes
    return covers(policy.namespace, namespace) && covers(policy.resource, resource) && covers(policy.apiGroup, group)
  }
  const { nonResourcePath: pattern } = policy
  const { path } = attributes
  return covers(pattern, path) || (pattern.endsWith('*') && path.startsWith(pattern.replace(/\*+$/, '')))
}

export const abacAuthorizer = (policies: readonly AbacPolicy[]): Authorizer => ({
  authorize: (attributes): Decision =>
    policies.some((policy) => allows(policy, attributes))
      ? { type: 'allow', reason: '' }
      : { type: 'no-opinion', reason: 'No policy matched.' },
})

/** What the policies allow in a namespace, as rules. */
export const abacRules = (policies: readonly AbacPolicy[], user: UserInfo, namespace: string): PolicyRule[] =>
  policies
    .filter((policy) => isSubject(policy, user) && covers(policy.namespace, namespace))
    .flatMap(({ readonly, apiGroup, resource, nonResourcePath }) => {
      const verbs = readonly ? readVerbs : ['*']
      return [
        ...(resource === '' ? [] : [{ verbs, apiGroups: [apiGroup], resources: [resource] }]),
        ...(nonResourcePath === '' ? [] : [{ verbs, nonResourceURLs: [nonResourcePath] }]),
      ]
    })
