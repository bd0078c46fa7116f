/** What a user may do, as far as authorizers can say it in rules: SelfSubjectRulesReview. Upstream: RuleResolver */
import type { UserInfo } from '../authentication/user.ts'
import { type AbacPolicy, abacRules } from './abac-policy.ts'
import { aggregate } from './authorizer.ts'
import type { AuthorizerConfigs } from './configuration.ts'
import { nodeNameOf } from './node-identity.ts'
import type { RbacAuthorizer } from './rbac.ts'
import type { PolicyRule } from './rbac-rules.ts'

export interface UserRules {
  readonly rules: readonly PolicyRule[]
  /** Some authorizer knows more than it can say. */
  readonly incomplete: boolean
  readonly error: Error | undefined
}

export interface RulesResolver {
  rulesFor(user: UserInfo, namespace: string): UserRules
}

const everything: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
]

const nothing = { rules: [], incomplete: false, error: undefined }
const unsaid = (who: string): UserRules => ({
  rules: [],
  incomplete: true,
  error: new Error(`${who} authorizer does not support user rule resolution`),
})

export const createRulesResolver = (
  authorizers: () => AuthorizerConfigs,
  rbac: RbacAuthorizer,
  abac: readonly AbacPolicy[],
): RulesResolver => ({
  rulesFor: (user, namespace) => {
    const parts = authorizers().map(({ type }): UserRules => {
      switch (type) {
        case 'AlwaysAllow':
          return { ...nothing, rules: everything }
        case 'AlwaysDeny':
          return nothing
        case 'ABAC':
          return { ...nothing, rules: abacRules(abac, user, namespace) }
        case 'Node':
          return nodeNameOf(user) === undefined ? nothing : unsaid('node')
        case 'Webhook':
          return unsaid('webhook')
        case 'RBAC': {
          const { rules, missing } = rbac.rulesFor(user, namespace)
          return { rules, incomplete: false, error: aggregate(missing.map((text) => new Error(text))) }
        }
      }
    })
    return {
      rules: parts.flatMap(({ rules }) => rules),
      incomplete: parts.some(({ incomplete }) => incomplete),
      error: aggregate(parts.flatMap(({ error }) => (error === undefined ? [] : [error]))),
    }
  },
})
