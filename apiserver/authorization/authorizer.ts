/** May this user do that? Upstream: k8s.io/apiserver/pkg/authorization/authorizer */
import type { UserInfo } from '../authentication/user.ts'
import type { RequestInfo } from '../server/request-info.ts'

export interface Attributes {
  readonly user: UserInfo
  readonly verb: string
  readonly isResourceRequest: boolean
  readonly namespace: string
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly subresource: string
  readonly name: string
  readonly path: string
  /** As given in the request; '' for none. */
  readonly fieldSelector: string
}

export type Decision =
  | { readonly type: 'allow'; readonly reason: string }
  /** Ends the chain of authorizers. */
  | { readonly type: 'deny'; readonly reason: string }
  | { readonly type: 'no-opinion'; readonly reason: string }

export interface Authorizer {
  authorize(attributes: Attributes): Promise<Decision> | Decision
}

export const attributesOf = (user: UserInfo, info: RequestInfo, query: URLSearchParams): Attributes => ({
  user,
  verb: info.verb,
  isResourceRequest: info.isResourceRequest,
  namespace: info.namespace,
  group: info.apiGroup,
  version: info.apiVersion,
  resource: info.resource,
  subresource: info.subresource,
  name: info.name,
  path: info.path,
  fieldSelector: query.get('fieldSelector') ?? '',
})

export const resourceAttributes = (
  user: UserInfo,
  of: {
    verb: string
    group: string
    version?: string
    resource: string
    name?: string
    namespace?: string
    subresource?: string
  },
): Attributes => ({
  user,
  isResourceRequest: true,
  verb: of.verb,
  group: of.group,
  version: of.version ?? '*',
  resource: of.resource,
  name: of.name ?? '',
  namespace: of.namespace ?? '',
  subresource: of.subresource ?? '',
  path: '',
  fieldSelector: '',
})

/** The first that allows or denies decides; reasons of those without an opinion are kept for the answer. */
export const unionAuthorizer = (authorizers: readonly Authorizer[]): Authorizer => ({
  authorize: async (attributes) => {
    const reasons: string[] = []
    for (const authorizer of authorizers) {
      const decision = await authorizer.authorize(attributes)
      if (decision.type !== 'no-opinion') return decision
      if (decision.reason !== '') reasons.push(decision.reason)
    }
    return { type: 'no-opinion', reason: reasons.join(', ') }
  },
})

export const alwaysAllow: Authorizer = { authorize: () => ({ type: 'allow', reason: '' }) }
export const alwaysDeny: Authorizer = {
  authorize: () => ({ type: 'no-opinion', reason: 'Everything is forbidden.' }),
}

/** system:masters may do anything, whatever authorizers are configured. */
export const privilegedGroups = (...groups: string[]): Authorizer => ({
  authorize: ({ user }) =>
    user.groups.some((group) => groups.includes(group))
      ? { type: 'allow', reason: '' }
      : { type: 'no-opinion', reason: '' },
})
