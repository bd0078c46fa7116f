/** From a token's claims to a user. Upstream: getUsername, getGroups … in plugin/pkg/authenticator/token/oidc */
import { credentialIdKey, type UserInfo } from '../user.ts'
import type { ClaimRule, JwtAuthenticatorConfig, Mapping, PrefixedMapping } from './configuration.ts'
import { claimsExpression, type Evaluate, stringsOf, userExpression } from './expressions.ts'

export type Claims = Readonly<Record<string, unknown>>

const claimOf = (claims: Claims, name: string): unknown => (Object.hasOwn(claims, name) ? claims[name] : undefined)

const textClaim = (claims: Claims, name: string, what: string): string => {
  const value = claimOf(claims, name)
  if (value === undefined) throw new Error(`oidc: parse ${what} ${JSON.stringify(name)}: claim not present`)
  if (typeof value === 'string') return value
  throw new Error(
    `oidc: parse ${what} ${JSON.stringify(name)}: json: cannot unmarshal ${typeof value} into Go value of type string`,
  )
}

/** An address counts only where nobody says that it is not verified. */
const checkVerified = (claims: Claims): void => {
  const verified = claimOf(claims, 'email_verified')
  if (verified === undefined || verified === true) return
  if (verified === false) throw new Error('oidc: email not verified')
  throw new Error("oidc: parse 'email_verified' claim: it is no boolean")
}

const createUsername = (mapping: PrefixedMapping): ((claims: Claims) => string) => {
  if (mapping.type === 'claim') {
    const { claim, prefix } = mapping
    return (claims) => {
      const name = textClaim(claims, claim, 'username claims')
      if (claim === 'email') checkVerified(claims)
      return prefix + name
    }
  }
  const evaluate = claimsExpression(mapping.expression)
  return (claims) => {
    const name = evaluate(claims)
    if (typeof name !== 'string') {
      throw new Error(
        'oidc: error evaluating username claim expression: username claim expression must return a string',
      )
    }
    if (name === '') throw new Error('oidc: empty username via CEL expression is not allowed')
    return name
  }
}

const createGroups = (mapping: PrefixedMapping | undefined): ((claims: Claims) => string[]) => {
  if (mapping === undefined) return () => []
  if (mapping.type === 'expression') {
    const evaluate = claimsExpression(mapping.expression)
    return (claims) => stringsOf(evaluate(claims))
  }
  const { claim, prefix } = mapping
  return (claims) => {
    const value = claimOf(claims, claim)
    if (value === undefined) return []
    const groups: unknown[] = Array.isArray(value) ? value : [value]
    return groups.map((group) => {
      if (typeof group !== 'string') {
        throw new Error(
          `oidc: parse groups claim ${JSON.stringify(claim)}: it is neither a string nor a list of strings`,
        )
      }
      return prefix + group
    })
  }
}

const createUid = (mapping: Mapping | undefined): ((claims: Claims) => string) => {
  if (mapping === undefined) return () => ''
  if (mapping.type === 'claim') return (claims) => textClaim(claims, mapping.claim, 'uid claim')
  const evaluate = claimsExpression(mapping.expression)
  return (claims) => {
    const uid = evaluate(claims)
    if (typeof uid === 'string') return uid
    throw new Error('oidc: error evaluating uid claim expression: uid claim expression must return a string')
  }
}

/** Throws where the rule is not met. */
const createRule = (rule: ClaimRule): ((claims: Claims) => void) => {
  if (rule.type === 'claim') {
    const { claim, requiredValue } = rule
    return (claims) => {
      const value = claimOf(claims, claim)
      if (value === undefined) throw new Error(`oidc: required claim ${claim} not present in ID token`)
      if (value === requiredValue) return
      throw new Error(
        `oidc: required claim ${claim} value does not match. Got = ${String(value)}, want = ${requiredValue}`,
      )
    }
  }
  const evaluate = claimsExpression(rule.expression)
  return (claims) => mustHold(evaluate, claims, rule, 'claim validation expression')
}

const mustHold = <T>(
  evaluate: Evaluate<T>,
  input: T,
  { expression, message }: { readonly expression: string; readonly message: string },
  what: string,
): void => {
  if (evaluate(input) === true) return
  throw new Error(`oidc: error evaluating ${what}: validation expression '${expression}' failed: ${message}`)
}

/** The user that the claims of a valid token make; throws where they make none. */
export const createClaimMapper = (config: JwtAuthenticatorConfig): ((claims: Claims) => UserInfo) => {
  const username = createUsername(config.username)
  const groups = createGroups(config.groups)
  const uid = createUid(config.uid)
  const extra = config.extra.map(({ key, valueExpression }) => [key, claimsExpression(valueExpression)] as const)
  const rules = config.claimValidationRules.map(createRule)
  const userRules = config.userValidationRules.map((rule) => [rule, userExpression(rule.expression)] as const)
  return (claims) => {
    const id = claimOf(claims, 'jti')
    const values: Record<string, readonly string[]> = {}
    if (typeof id === 'string' && id !== '') values[credentialIdKey] = [`JTI=${id}`]
    const user: UserInfo = { name: username(claims), groups: groups(claims), uid: uid(claims), extra: values }
    for (const [key, evaluate] of extra) {
      const strings = stringsOf(evaluate(claims))
      if (strings.length > 0) values[key] = strings
    }
    for (const rule of rules) rule(claims)
    for (const [rule, evaluate] of userRules) mustHold(evaluate, user, rule, 'user info validation rule')
    return user
  }
}
