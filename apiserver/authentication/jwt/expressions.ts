/** CEL over a token's claims, and over the user that they make. Upstream: apiserver/pkg/authentication/cel */
import type { Environment } from '../../../api/cel/environment.ts'
import { kubernetesEnvironment } from '../../../api/cel/library/kubernetes.ts'
import { compile } from '../../../api/cel/program.ts'
import { structTypes } from '../../../api/cel/struct-types.ts'
import { dyn, mapOf, objectOf, simple } from '../../../api/cel/types.ts'
import { CelMap, isList, type Value } from '../../../api/cel/values.ts'
import type { UserInfo } from '../user.ts'

const userType = 'kubernetes.UserInfo'
const userTypes = structTypes({
  [userType]: { username: 'string', uid: 'string', groups: 'list(string)', extra: 'map(string, list(string))' },
})

export const claimsEnvironment = (): Environment => kubernetesEnvironment({ claims: mapOf(simple('string'), dyn) })
export const userEnvironment = (): Environment => kubernetesEnvironment({ user: objectOf(userType) }, userTypes)

/** Letters that a name in an expression cannot have are written so. Upstream: apiserver/pkg/cel/escaping.go */
const escapes: Readonly<Record<string, string>> = { underscores: '__', dot: '.', dash: '-', slash: '/' }

const unescaped = (name: string): string =>
  name.includes('__')
    ? name.replace(/__([a-z]+)__/g, (whole, word: string) => escapes[word] ?? (word === '' ? whole : word))
    : name

/** JSON as Go decodes it without a type: every number is a double. */
const fromClaim = (json: unknown): Value => {
  if (json === null || json === undefined) return null
  if (typeof json === 'string' || typeof json === 'boolean' || typeof json === 'number') return json
  if (typeof json === 'bigint') return Number(json)
  if (Array.isArray(json)) return json.map(fromClaim)
  return typeof json === 'object' ? new ClaimMap(json) : null
}

/** An object of claims; a key is found by its escaped name too. */
class ClaimMap extends CelMap {
  readonly #object: object

  constructor(object: object) {
    super()
    this.#object = object
  }
  get size(): number {
    return Object.keys(this.#object).length
  }
  get(key: Value): Value | undefined {
    if (typeof key !== 'string') return undefined
    const name = Object.hasOwn(this.#object, key) ? key : unescaped(key)
    return Object.hasOwn(this.#object, name) ? fromClaim((this.#object as Record<string, unknown>)[name]) : undefined
  }
  keys(): Iterable<Value> {
    return Object.keys(this.#object)
  }
}

/** Enough for any sensible rule; a token must not hold up the others. Upstream: celconfig.PerCallLimit */
const costLimit = 1_000_000

/** An expression, ready to run. Throws CelSourceError for what is none. */
export type Evaluate<T> = (input: T) => Value

const compiled = (expression: string, environment: Environment, variable: string): Evaluate<object> => {
  const program = compile(expression, environment)
  return (input) => {
    const value = new ClaimMap(input)
    try {
      return program.evaluate((name) => (name === variable ? value : undefined), costLimit).value
    } catch (error) {
      throw new Error(`expression '${expression}' resulted in error: ${(error as Error).message}`, { cause: error })
    }
  }
}

export const claimsExpression = (expression: string): Evaluate<object> =>
  compiled(expression, claimsEnvironment(), 'claims')

export const userExpression = (expression: string): Evaluate<UserInfo> => {
  const evaluate = compiled(expression, userEnvironment(), 'user')
  return ({ name, uid, groups, extra }) => evaluate({ username: name, uid, groups, extra })
}

/** Throws for what is neither a string, nor a list of strings, nor null; empty ones are left out. */
export const stringsOf = (value: Value): string[] => {
  if (value === null) return []
  const list = isList(value) ? [...value] : [value]
  return list.flatMap((item) => {
    if (typeof item !== 'string') throw new Error('expression must return a string or a list of strings')
    return item === '' ? [] : [item]
  })
}
