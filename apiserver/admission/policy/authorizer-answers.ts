/**
 * Answers of the authorizer to expressions. Expressions are evaluated at one go and the authorizer may take its time:
 * an expression that asks what is not answered yet is left, and evaluated again when the answer is there.
 */
import type { Ask, AuthorizerAnswer, AuthorizerQuestion } from '../../../api/cel/library/authorizer.ts'
import type { UserInfo } from '../../authentication/user.ts'
import type { Attributes, Authorizer, Decision } from '../../authorization/authorizer.ts'
import { fieldRequirements, labelRequirements } from '../../authorization/selectors.ts'

export interface Answers {
  readonly ask: Ask
  /** Runs `evaluate` until all its questions are answered. */
  readonly settle: <T>(evaluate: () => T) => Promise<T>
}

/** Thrown through an evaluation whose question is open. */
class OpenQuestion extends Error {
  readonly answered: Promise<void>
  constructor(answered: Promise<void>) {
    super('the authorizer has not answered yet')
    this.answered = answered
  }
}

const serviceAccountUser = ({ namespace, name }: { namespace: string; name: string }): UserInfo => ({
  name: `system:serviceaccount:${namespace}:${name}`,
  uid: '',
  groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  extra: {},
})

const attributesFor = (user: UserInfo, question: AuthorizerQuestion): Attributes => ({
  user: question.serviceAccount === undefined ? user : serviceAccountUser(question.serviceAccount),
  verb: question.verb ?? '',
  isResourceRequest: question.path === undefined,
  path: question.path ?? '',
  group: question.group ?? '',
  version: '*',
  resource: question.resource ?? '',
  subresource: question.subresource ?? '',
  namespace: question.namespace ?? '',
  name: question.name ?? '',
  fieldSelector: fieldRequirements(question.fieldSelector ?? ''),
  labelSelector: labelRequirements(question.labelSelector ?? ''),
})

const answerOf = ({ type, reason, error }: Decision): AuthorizerAnswer => ({
  allowed: type === 'allow',
  reason,
  ...(error === undefined ? {} : { error: error.message }),
})

/** One request's answers: a question is put to the authorizer once. */
export const createAnswers = (authorizer: Authorizer, user: UserInfo): Answers => {
  const known = new Map<string, AuthorizerAnswer>()
  const keep = (key: string, answer: AuthorizerAnswer): AuthorizerAnswer => {
    known.set(key, answer)
    return answer
  }
  const failed = (error: unknown): AuthorizerAnswer => ({
    allowed: false,
    reason: '',
    error: error instanceof Error ? error.message : String(error),
  })
  const ask: Ask = (question) => {
    const key = JSON.stringify(question)
    const answer = known.get(key)
    if (answer !== undefined) return answer
    const decision = authorizer.authorize(attributesFor(user, question))
    if (!(decision instanceof Promise)) return keep(key, answerOf(decision))
    throw new OpenQuestion(
      decision.then(
        (given) => void keep(key, answerOf(given)),
        (error: unknown) => void keep(key, failed(error)),
      ),
    )
  }
  const settle = async <T>(evaluate: () => T): Promise<T> => {
    for (;;) {
      try {
        return evaluate()
      } catch (error) {
        if (!(error instanceof OpenQuestion)) throw error
        await error.answered
      }
    }
  }
  return { ask, settle }
}
