/**
 * Impersonate-User, -Group, -Uid and -Extra-* headers: each asked for is authorized with the verb `impersonate`.
 * Upstream: k8s.io/apiserver/pkg/endpoints/filters/impersonation
 */
import { StatusError } from '../../../api/meta/status-error.ts'
import { allAuthenticated, parseServiceAccountUser, type UserInfo } from '../../authentication/user.ts'
import { type Attributes, type Authorizer, resourceAttributes } from '../../authorization/authorizer.ts'
import { forbiddenRequest } from '../../authorization/forbidden.ts'
import type { Filter } from '../chain.ts'
import type { ApiRequest } from '../message.ts'

const extraPrefix = 'impersonate-extra-'

interface Wanted {
  readonly user: string
  readonly uid: string
  readonly groups: readonly string[]
  readonly extra: Readonly<Record<string, readonly string[]>>
}

const headerValues = (request: ApiRequest, name: string): string[] => request.headersDistinct[name] ?? []

const wantedUser = (request: ApiRequest): Wanted | undefined => {
  const user = headerValues(request, 'impersonate-user')[0] ?? ''
  const uid = headerValues(request, 'impersonate-uid')[0] ?? ''
  const groups = headerValues(request, 'impersonate-group')
  const extra: Record<string, readonly string[]> = Object.create(null)
  for (const name of Object.keys(request.headers)) {
    if (name.startsWith(extraPrefix))
      extra[decodeURIComponent(name.slice(extraPrefix.length))] = headerValues(request, name)
  }
  if (user === '' && uid === '' && groups.length === 0 && Object.keys(extra).length === 0) return undefined
  if (user === '') {
    throw new StatusError(
      'InternalError',
      'Internal error occurred: requested impersonation without impersonating a user',
    )
  }
  return { user, uid, groups, extra }
}

/** What must be allowed: one check for each thing that is taken on. */
const checksFor = (requester: UserInfo, wanted: Wanted): Attributes[] => {
  const check = (
    resource: string,
    name: string,
    more: { group?: string; namespace?: string; subresource?: string } = {},
  ) => resourceAttributes(requester, { verb: 'impersonate', version: 'v1', group: '', resource, name, ...more })
  const serviceAccount = parseServiceAccountUser(wanted.user)
  const authentication = { group: 'authentication.k8s.io' }
  return [
    serviceAccount === undefined
      ? check('users', wanted.user)
      : check('serviceaccounts', serviceAccount.name, { namespace: serviceAccount.namespace }),
    ...wanted.groups.map((group) => check('groups', group)),
    ...Object.entries(wanted.extra).flatMap(([key, values]) =>
      values.map((value) => check('userextras', value, { ...authentication, subresource: key })),
    ),
    ...(wanted.uid === '' ? [] : [check('uids', wanted.uid, authentication)]),
  ]
}

const groupsOf = ({ user, groups }: Wanted): string[] => {
  const serviceAccount = parseServiceAccountUser(user)
  const all =
    groups.length === 0 && serviceAccount !== undefined
      ? ['system:serviceaccounts', `system:serviceaccounts:${serviceAccount.namespace}`]
      : [...groups]
  if (user === 'system:anonymous')
    return all.includes('system:unauthenticated') ? all : [...all, 'system:unauthenticated']
  return all.includes(allAuthenticated) || all.includes('system:unauthenticated') ? all : [...all, allAuthenticated]
}

export const withImpersonation =
  (authorizer: Authorizer): Filter =>
  async (ctx, next) => {
    const wanted = wantedUser(ctx.request)
    if (wanted === undefined) return next()
    for (const attributes of checksFor(ctx.user, wanted)) {
      const decision = await authorizer.authorize(attributes)
      if (decision.type !== 'allow') throw forbiddenRequest(attributes, decision.reason)
    }
    ctx.user = { name: wanted.user, uid: wanted.uid, groups: groupsOf(wanted), extra: wanted.extra }
    ctx.audit?.impersonate(ctx.user)
    return next()
  }
