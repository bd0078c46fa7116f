/**
 * Access to a component's own port, decided by the API server: TokenReview says who asks, SubjectAccessReview whether
 * he may. Upstream: DelegatingAuthenticationOptions, DelegatingAuthorizationOptions.
 */
import type { RestClient } from '../rest/rest-client.ts'

export interface DelegatedUser {
  readonly user: string
  readonly groups: readonly string[]
}

export interface DelegatedAccess {
  /** undefined: nobody that the API server knows. */
  readonly authenticateToken: (token: string) => Promise<DelegatedUser | undefined>
  /** Whether the user, or an anonymous one, may GET the path. */
  readonly authorize: (user: DelegatedUser | undefined, path: string) => Promise<boolean>
}

const anonymous: DelegatedUser = { user: 'system:anonymous', groups: ['system:unauthenticated'] }
const authenticated = 'system:authenticated'

/** Upstream: CacheTTL of both reviews. */
const cacheTtlMs = 10_000
const maxEntries = 1000

/** Remembers answers for a while; a question that failed is asked again. */
const remembering = <T>(ask: (key: string) => Promise<T>): ((key: string) => Promise<T>) => {
  const answers = new Map<string, { readonly answer: Promise<T>; readonly until: number }>()
  return (key) => {
    const known = answers.get(key)
    if (known !== undefined && known.until > performance.now()) return known.answer
    if (answers.size >= maxEntries) answers.clear()
    const answer = ask(key)
    answers.set(key, { answer, until: performance.now() + cacheTtlMs })
    answer.catch(() => answers.delete(key))
    return answer
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const statusOf = (answer: unknown): Record<string, unknown> =>
  isRecord(answer) && isRecord(answer['status']) ? answer['status'] : {}

/** The two reviews, each answer remembered for a while. */
export interface Reviews {
  /** TokenReview: whose token it is. */
  readonly identify: DelegatedAccess['authenticateToken']
  /** SubjectAccessReview: whether its spec is allowed. */
  readonly isAllowed: (spec: object) => Promise<boolean>
}

export const createReviews = (client: RestClient): Reviews => {
  const review = async (group: string, kind: string, spec: object): Promise<Record<string, unknown>> => {
    const path = `/apis/${group}/v1/${kind.toLowerCase()}s`
    return statusOf(await client.raw('POST', path, { apiVersion: `${group}/v1`, kind, spec }))
  }
  const identify = remembering(async (token): Promise<DelegatedUser | undefined> => {
    const { authenticated: known, user } = await review('authentication.k8s.io', 'TokenReview', { token })
    if (known !== true || !isRecord(user) || typeof user['username'] !== 'string') return undefined
    const groups = Array.isArray(user['groups']) ? user['groups'].filter((group) => typeof group === 'string') : []
    return { user: user['username'], groups }
  })
  const decide = remembering(async (question): Promise<boolean> => {
    const spec = JSON.parse(question) as object
    return (await review('authorization.k8s.io', 'SubjectAccessReview', spec))['allowed'] === true
  })
  return { identify, isAllowed: (spec) => decide(JSON.stringify(spec)) }
}

export const delegateAccess = (client: RestClient): DelegatedAccess => {
  const { identify, isAllowed } = createReviews(client)
  return {
    authenticateToken: identify,
    authorize: (caller, path) => {
      const { user, groups } = caller === undefined ? anonymous : withAuthenticated(caller)
      return isAllowed({ user, groups, nonResourceAttributes: { path, verb: 'get' } })
    },
  }
}

const withAuthenticated = ({ user, groups }: DelegatedUser): DelegatedUser => ({
  user,
  groups: groups.includes(authenticated) ? groups : [...groups, authenticated],
})
