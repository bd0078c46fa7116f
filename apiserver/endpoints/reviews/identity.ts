/** TokenReview, SelfSubjectReview and SelfSubjectRulesReview: who is this, who am I, what may I do. */
import { badRequest } from '../../../api/meta/status-error.ts'
import { nowRfc3339 } from '../../../api/meta/time.ts'
import type { SelfSubjectRulesReview, TokenReview } from '../../../api/types.ts'
import { allAuthenticated, type UserInfo } from '../../authentication/user.ts'
import { noNotes, type TokenAuthenticator, TokenError, userOfToken } from '../../authentication/authenticator.ts'
import type { RulesResolver } from '../../authorization/rules.ts'
import type { ResourceHandler } from '../router.ts'
import { readReview } from './review.ts'

/** UserInfo as authentication.k8s.io has it: empty parts left out. */
const userStatus = ({ name, uid, groups, extra }: UserInfo) => ({
  username: name,
  ...(uid === '' ? {} : { uid }),
  ...(groups.length === 0 ? {} : { groups }),
  ...(Object.keys(extra).length === 0 ? {} : { extra }),
})

/** Whose the token is for each audience, and why it is nobody's. */
const holdersFor = async (
  authenticators: readonly TokenAuthenticator[],
  token: string,
  audiences: readonly string[],
): Promise<{ readonly holders: readonly (UserInfo | undefined)[]; readonly reason: string }> => {
  let reason = ''
  const holderFor = async (audience: string): Promise<UserInfo | undefined> => {
    try {
      const holder = await userOfToken(authenticators, token, noNotes, [audience])
      return holder === 'invalid' ? undefined : holder
    } catch (error) {
      if (!(error instanceof TokenError)) throw error
      reason = error.message
      return undefined
    }
  }
  return { holders: await Promise.all(audiences.map(holderFor)), reason }
}

export const tokenReview =
  (authenticators: readonly TokenAuthenticator[], apiAudiences: readonly string[]): ResourceHandler =>
  async (scope, ctx) => {
    const {
      object: { spec },
      admit,
      answer,
    } = await readReview<TokenReview>(scope, ctx)
    const token = spec?.token ?? ''
    const audiences = spec?.audiences ?? []
    if (token === '') throw badRequest('token is required for TokenReview in authentication')
    await admit()
    const wanted = audiences.length > 0 ? audiences : apiAudiences
    const { holders, reason } = await holdersFor(authenticators, token, wanted)
    const user = holders.find((holder) => holder !== undefined)
    const meant = wanted.filter((_, index) => holders[index] !== undefined)
    const groups =
      user === undefined || user.groups.includes(allAuthenticated) ? user?.groups : [...user.groups, allAuthenticated]
    const status =
      user === undefined
        ? { user: {}, error: reason === '' ? 'invalid bearer token' : `[invalid bearer token, ${reason}]` }
        : { authenticated: true, user: userStatus({ ...user, groups: groups ?? [] }), audiences: meant }
    await answer({ spec, status })
  }

export const selfSubjectReview: ResourceHandler = async (scope, ctx) => {
  const { admit, answer } = await readReview(scope, ctx)
  await admit()
  const metadata = { creationTimestamp: nowRfc3339(scope.clock.now()) }
  await answer({ metadata, status: { userInfo: userStatus(ctx.user) } })
}

export const selfSubjectRulesReview =
  (resolver: RulesResolver): ResourceHandler =>
  async (scope, ctx) => {
    const { object, admit, answer } = await readReview<SelfSubjectRulesReview>(scope, ctx)
    const namespace = object.spec?.namespace ?? ''
    if (namespace === '') throw badRequest('no namespace on request')
    await admit()
    const { rules, incomplete, error } = resolver.rulesFor(ctx.user, namespace)
    const resourceRules = rules
      .filter(({ resources = [] }) => resources.length > 0)
      .map(({ verbs, apiGroups = [], resources = [], resourceNames = [] }) => ({
        verbs,
        apiGroups,
        resources,
        ...(resourceNames.length === 0 ? {} : { resourceNames }),
      }))
    const nonResourceRules = rules
      .filter(({ nonResourceURLs = [] }) => nonResourceURLs.length > 0)
      .map(({ verbs, nonResourceURLs = [] }) => ({ verbs, nonResourceURLs }))
    // Upstream answers without what was asked.
    await answer({
      metadata: {},
      spec: {},
      status: {
        resourceRules,
        nonResourceRules,
        incomplete,
        ...(error === undefined ? {} : { evaluationError: error.message }),
      },
    })
  }
