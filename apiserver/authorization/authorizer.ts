/** May this user do that? Upstream: k8s.io/apiserver/pkg/authorization/authorizer */
import type { FieldRequirement } from '../../api/meta/fields.ts'
import type { LabelRequirement } from '../../api/meta/labels.ts'
import type { UserInfo } from '../authentication/user.ts'
import type { RequestInfo } from '../server/request-info.ts'
import { requestSelectors } from './selectors.ts'

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
  /** What lists, watches and deletions of collections are narrowed to; what cannot be read narrows nothing. */
  readonly fieldSelector: readonly FieldRequirement[]
  readonly labelSelector: readonly LabelRequirement[]
}

interface Judged {
  readonly reason: string
  /** What went wrong on the way; whoever is not allowed anyway gets a 500 for it. */
  readonly error?: Error
}

export type Decision = Judged &
  (
    | { readonly type: 'allow' }
    /** Ends the chain of authorizers. */
    | { readonly type: 'deny' }
    | { readonly type: 'no-opinion' }
  )

export interface Authorizer {
  authorize(attributes: Attributes): Promise<Decision> | Decision
}

export const attributesOf = (user: UserInfo, info: RequestInfo, query: URLSearchParams): Attributes => {
  const selectors = requestSelectors(info.verb, query)
  return {
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
    get fieldSelector() {
      return selectors.fieldSelector
    },
    get labelSelector() {
      return selectors.labelSelector
    },
  }
}

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
    fieldSelector?: readonly FieldRequirement[]
    labelSelector?: readonly LabelRequirement[]
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
  fieldSelector: of.fieldSelector ?? [],
  labelSelector: of.labelSelector ?? [],
})

/** Errors as one, in Go's form. Upstream: utilerrors.NewAggregate */
export const aggregate = (errors: readonly Error[]): Error | undefined => {
  const texts = [...new Set(errors.map(({ message }) => message))]
  const [first] = errors
  return texts.length < 2 ? first : new Error(`[${texts.join(', ')}]`)
}

/** The first that allows or denies decides; reasons and errors of those without an opinion are kept for the answer. */
export const unionAuthorizer = (authorizers: readonly Authorizer[]): Authorizer => ({
  authorize: async (attributes) => {
    const reasons: string[] = []
    const errors: Error[] = []
    for (const authorizer of authorizers) {
      const decision = await authorizer.authorize(attributes)
      if (decision.type !== 'no-opinion') return decision
      if (decision.reason !== '') reasons.push(decision.reason)
      if (decision.error !== undefined) errors.push(decision.error)
    }
    const error = aggregate(errors)
    return { type: 'no-opinion', reason: reasons.join('\n'), ...(error === undefined ? {} : { error }) }
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
