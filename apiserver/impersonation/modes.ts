/**
 * In which ways one user may act as another. Each constrained mode has verbs of its own: `impersonate:<mode>` for the
 * user that is taken on, and `impersonate-on:<mode>:<verb>` for what is done as that user; the old verb `impersonate`
 * allows anything. Upstream: ConstrainedImpersonation, endpoints/filters/impersonation/mode.go
 */
import { isDns1123Subdomain } from '../../api/meta/names.ts'
import type { StatusError } from '../../api/meta/status-error.ts'
import { allAuthenticated, parseServiceAccountUser, systemMasters, type UserInfo } from '../authentication/user.ts'
import { type Attributes, type Authorizer, resourceAttributes } from '../authorization/authorizer.ts'
import { forbiddenRequest } from '../authorization/forbidden.ts'
import { extraProblem } from './extra.ts'

export interface Impersonated {
  readonly user: UserInfo
  /** The verb that allowed it; '' for the old one. */
  readonly constraint: string
}

interface Mode {
  readonly name: string
  /** Whether this mode is for such a user at all. */
  readonly concerns: (wanted: UserInfo, requester: UserInfo) => boolean
  /** Whose nodes are asked about, where they are the requester's own. */
  readonly ownNode?: true
}

const authentication = 'authentication.k8s.io'
const unauthenticated = 'system:unauthenticated'
const nodePrefix = 'system:node:'
const nodeNameKey = 'authentication.kubernetes.io/node-name'

/** `system:node:NAME`, where that is a name. */
const nodeOf = (name: string): string | undefined => {
  if (!name.startsWith(nodePrefix)) return undefined
  const node = name.slice(nodePrefix.length)
  return isDns1123Subdomain(node).length === 0 ? node : undefined
}

const onlyNamed = ({ uid, groups, extra }: UserInfo): boolean =>
  uid === '' && groups.length === 0 && Object.keys(extra).length === 0

/** A Pod's ServiceAccount, whose token says on which node it is. */
const isOnNode = (requester: UserInfo, node: string | undefined): boolean => {
  const on = requester.extra[nodeNameKey] ?? []
  return (
    node !== undefined && parseServiceAccountUser(requester.name) !== undefined && on.length === 1 && on[0] === node
  )
}

/** In the order in which they are tried. */
const constrainedModes: readonly Mode[] = [
  {
    name: 'associated-node',
    concerns: (wanted, requester) => onlyNamed(wanted) && isOnNode(requester, nodeOf(wanted.name)),
    ownNode: true,
  },
  { name: 'arbitrary-node', concerns: (wanted) => onlyNamed(wanted) && nodeOf(wanted.name) !== undefined },
  {
    name: 'serviceaccount',
    concerns: (wanted) => onlyNamed(wanted) && parseServiceAccountUser(wanted.name) !== undefined,
  },
  {
    name: 'user-info',
    concerns: ({ name }) => nodeOf(name) === undefined && parseServiceAccountUser(name) === undefined,
  },
]

/** So many questions and more are asked as one first, with a star for the name. */
const manyQuestions = 4

type Question = Parameters<typeof resourceAttributes>[1]

/** Asks for one mode; `constrained` is undefined for the old verb. */
const createAsker = (authorizer: Authorizer, requester: UserInfo, verb: string) => {
  const attributesOf = (question: Omit<Question, 'verb' | 'version'>): Attributes =>
    resourceAttributes(requester, { verb, version: 'v1', ...question })
  const ask = async (attributes: Attributes): Promise<StatusError | undefined> => {
    const decision = await authorizer.authorize(attributes)
    return decision.type === 'allow' ? undefined : forbiddenRequest(attributes, decision.reason)
  }
  return { attributesOf, ask }
}
type Asker = ReturnType<typeof createAsker>

/** The first that is refused. */
const askAll = async ({ ask }: Asker, all: readonly Attributes[]): Promise<StatusError | undefined> => {
  for (const attributes of all) {
    const refusal = await ask(attributes)
    if (refusal !== undefined) return refusal
  }
  return undefined
}

interface Named {
  readonly attributes: Attributes
  /** Groups that come with the name. */
  readonly groups: readonly string[]
}

const nameQuestion = (asker: Asker, { name, groups }: UserInfo, constrained: boolean, anyNode: boolean): Named => {
  const group = constrained ? authentication : ''
  const serviceAccount = parseServiceAccountUser(name)
  if (serviceAccount !== undefined) {
    const { namespace } = serviceAccount
    const own = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`]
    return {
      attributes: asker.attributesOf({ group, resource: 'serviceaccounts', namespace, name: serviceAccount.name }),
      groups: groups.length === 0 ? own : groups,
    }
  }
  const node = constrained ? nodeOf(name) : undefined
  if (node === undefined) return { attributes: asker.attributesOf({ group, resource: 'users', name }), groups }
  // The answer for one's own node is that for any node.
  const attributes = asker.attributesOf({ group, resource: 'nodes', name: anyNode ? '*' : node })
  return { attributes, groups: ['system:nodes'] }
}

const groupsRefusal = async (asker: Asker, groups: readonly string[], constrained: boolean) => {
  const group = constrained ? authentication : ''
  const of = (name: string): Attributes => asker.attributesOf({ group, resource: 'groups', name })
  if (constrained) {
    if (groups.includes('')) return forbiddenRequest(of(''), 'impersonating the empty string group is not allowed')
    if (groups.includes(systemMasters)) {
      return forbiddenRequest(of(systemMasters), 'impersonating the system:masters group is not allowed')
    }
    if (groups.length >= manyQuestions && (await asker.ask(of('*'))) === undefined) return undefined
  }
  return askAll(asker, groups.map(of))
}

const extraRefusal = async (asker: Asker, { extra }: UserInfo, constrained: boolean) => {
  const of = (subresource: string, name: string): Attributes =>
    asker.attributesOf({ group: authentication, resource: 'userextras', subresource, name })
  const entries = Object.entries(extra)
  if (constrained) {
    const problem = extraProblem(extra)
    if (problem !== undefined) return forbiddenRequest(of('', ''), problem)
    const values = entries.reduce((count, [, list]) => count + list.length, 0)
    const isLarge = entries.length >= manyQuestions || values >= manyQuestions
    if (isLarge && (await asker.ask(of('*', '*'))) === undefined) return undefined
  }
  return askAll(
    asker,
    entries.flatMap(([key, values]) => values.map((value) => of(key, value))),
  )
}

const finalGroups = (name: string, groups: readonly string[]): readonly string[] => {
  const missing = name === 'system:anonymous' ? unauthenticated : allAuthenticated
  if (groups.includes(missing) || (missing === allAuthenticated && groups.includes(unauthenticated))) return groups
  return [...groups, missing]
}

/** The user as which the requester may act, or why not. */
const takeOn = async (asker: Asker, wanted: UserInfo, constraint: string, anyNode: boolean) => {
  const constrained = constraint !== ''
  const named = nameQuestion(asker, wanted, constrained, anyNode)
  const uid =
    wanted.uid === '' ? [] : [asker.attributesOf({ group: authentication, resource: 'uids', name: wanted.uid })]
  const refusal =
    (await askAll(asker, [named.attributes, ...uid])) ??
    (await groupsRefusal(asker, wanted.groups, constrained)) ??
    (await extraRefusal(asker, wanted, constrained))
  return refusal ?? { user: { ...wanted, groups: finalGroups(wanted.name, named.groups) }, constraint }
}

/** Who asks about nodes of their own: the keys of what is known of them, so that the answer is that for all their Pods. */
const withNodeKeys = (user: UserInfo): UserInfo => ({
  ...user,
  extra: { 'authentication.kubernetes.io/associated-node-keys': Object.keys(user.extra).toSorted() },
})

/**
 * Tries each mode; throws the refusal of the first that concerned such a user. `attributes` is what the request is
 * about, by the requester.
 */
export const impersonate = async (
  authorizer: Authorizer,
  wanted: UserInfo,
  attributes: Attributes,
): Promise<Impersonated> => {
  const { user } = attributes
  let refusal: StatusError | undefined
  for (const { name, concerns, ownNode = false } of constrainedModes) {
    if (!concerns(wanted, user)) continue
    const requester = ownNode ? withNodeKeys(user) : user
    const verb = `impersonate:${name}`
    const asker = createAsker(authorizer, requester, verb)
    const use = { ...attributes, user: requester, verb: `impersonate-on:${name}:${attributes.verb}` }
    const result = (await asker.ask(use)) ?? (await takeOn(asker, wanted, verb, ownNode))
    if ('user' in result) return result
    refusal ??= result
  }
  const result = await takeOn(createAsker(authorizer, user, 'impersonate'), wanted, '', false)
  if ('user' in result) return result
  throw refusal ?? result
}
