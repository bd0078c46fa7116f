/** Questions to the authorizer: `authorizer.group('apps').resource('deployments').check('get')`. Upstream: authz.go */
import { type FunctionDeclaration, method } from '../functions.ts'
import { Opaque, type Value } from '../values.ts'

const prefix = 'kubernetes.authorization'

export interface AuthorizerQuestion {
  readonly path?: string
  readonly group?: string
  readonly resource?: string
  readonly subresource?: string
  readonly namespace?: string
  readonly name?: string
  readonly fieldSelector?: string
  readonly labelSelector?: string
  /** Whom it is about; absent is the user of the request. */
  readonly serviceAccount?: { readonly namespace: string; readonly name: string }
  readonly verb?: string
}
export interface AuthorizerAnswer {
  readonly allowed: boolean
  readonly reason: string
  readonly error?: string
}
export type Ask = (question: AuthorizerQuestion) => AuthorizerAnswer

/** A question under way: what it is called tells which parts it has yet to get. */
export class AuthorizerValue extends Opaque {
  readonly typeName: string
  readonly ask: Ask
  readonly question: AuthorizerQuestion
  constructor(ask: Ask, step = 'Authorizer', question: AuthorizerQuestion = {}) {
    super()
    this.typeName = `${prefix}.${step}`
    this.ask = ask
    this.question = question
  }
  equals(other: Opaque): boolean {
    return this === other
  }
}

class DecisionValue extends Opaque {
  readonly typeName = `${prefix}.Decision`
  readonly answer: AuthorizerAnswer
  constructor(answer: AuthorizerAnswer) {
    super()
    this.answer = answer
  }
  equals(other: Opaque): boolean {
    return this === other
  }
}

type Add = (...values: readonly string[]) => Partial<AuthorizerQuestion>
const step = (name: string, from: string, to: string, add: Add, params = 'string'): FunctionDeclaration =>
  method(
    name,
    `${prefix}.${from}, ${params} -> ${prefix}.${to}`,
    ({ ask, question }: AuthorizerValue, ...values: string[]) =>
      new AuthorizerValue(ask, to, { ...question, ...add(...values) }),
  )
const part = (name: 'subresource' | 'namespace' | 'name' | 'fieldSelector' | 'labelSelector'): FunctionDeclaration =>
  step(name, 'ResourceCheck', 'ResourceCheck', (value = '') => ({ [name]: value }))
const check = (from: string): FunctionDeclaration =>
  method(
    'check',
    `${prefix}.${from}, string -> ${prefix}.Decision`,
    ({ ask, question }: AuthorizerValue, verb: string) => new DecisionValue(ask({ ...question, verb })),
    // Upstream's price of a question: it may leave the process.
    () => 350_000,
  )
const answer = (name: string, type: string, read: (answer: AuthorizerAnswer) => Value): FunctionDeclaration =>
  method(name, `${prefix}.Decision -> ${type}`, (decision: DecisionValue) => read(decision.answer))

export const authorizerType = `${prefix}.Authorizer`
export const resourceCheckType = `${prefix}.ResourceCheck`

export const authorizerFunctions: readonly FunctionDeclaration[] = [
  step('path', 'Authorizer', 'PathCheck', (path = '') => ({ path })),
  step('group', 'Authorizer', 'GroupCheck', (group = '') => ({ group })),
  step(
    'serviceAccount',
    'Authorizer',
    'Authorizer',
    (namespace = '', name = '') => ({ serviceAccount: { namespace, name } }),
    'string, string',
  ),
  step('resource', 'GroupCheck', 'ResourceCheck', (resource = '') => ({ resource })),
  part('subresource'),
  part('namespace'),
  part('name'),
  part('fieldSelector'),
  part('labelSelector'),
  check('PathCheck'),
  check('ResourceCheck'),
  answer('allowed', 'bool', ({ allowed }) => allowed),
  answer('denied', 'bool', ({ allowed }) => !allowed),
  answer('reason', 'string', ({ reason }) => reason),
  answer('errored', 'bool', ({ error }) => error !== undefined),
  answer('error', 'string', ({ error }) => error ?? ''),
]
