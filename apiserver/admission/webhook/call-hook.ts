/** Asks one webhook about one request. Upstream: callHook in plugin/webhook/{mutating,validating}/dispatcher.go */
import { badRequest, StatusError } from '../../../api/meta/status-error.ts'
import type { Authorizer } from '../../authorization/authorizer.ts'
import type { AdmissionAttributes } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'
import type { Matcher, MatchedRequest } from '../matching/matcher.ts'
import { createAnswers } from '../policy/authorizer-answers.ts'
import { evaluateConditions } from '../policy/expressions.ts'
import { requestVariables } from '../policy/request-variables.ts'
import type { CallWebhook } from './client.ts'
import type { Hook } from './hooks.ts'
import type { WebhookMetrics, WebhookType } from './metrics.ts'
import { buildReview, readVerdict, type Verdict } from './review.ts'

export interface HookDependencies {
  readonly matcher: Matcher
  readonly authorizer: Authorizer
  readonly call: CallWebhook
  readonly metrics: WebhookMetrics
  readonly type: WebhookType
  readonly warnLog: (message: string, fields: object) => void
}

/** The request as the hook is to see it; undefined where it is not the hook's business. Throws Forbidden. */
export const matchHook = async (
  { matcher, authorizer }: HookDependencies,
  hook: Hook,
  attributes: AdmissionAttributes,
): Promise<MatchedRequest | undefined> => {
  const seen = await matcher.match(attributes, hook.criteria)
  if (seen === undefined || hook.conditions.length === 0) return seen
  const answers = createAnswers(authorizer, attributes.user)
  const variables = requestVariables(attributes, seen, await matcher.namespaceOf(attributes), answers)
  const result = await answers.settle(() => evaluateConditions(hook.conditions, (name) => variables.get(name)))
  if (result.type === 'match') return seen
  if (result.type === 'error' && hook.failsClosed) throw admissionForbidden(attributes, result.message)
  return undefined
}

/** The refusal that the webhook wants, in the words and with the code that it gives. Upstream: ToStatusErr. */
const denial = (name: string, { code = 0, message = '', reason = '', details }: Verdict['result']): StatusError => {
  const deniedBy = `admission webhook ${JSON.stringify(name)} denied the request`
  const why = message === '' ? reason : message
  const status = {
    message: why === '' ? `${deniedBy} without explanation` : `${deniedBy}: ${why}`,
    ...(reason === '' ? {} : { reason }),
    ...(details === undefined ? {} : { details }),
  }
  return StatusError.fromStatus({ ...status, code: Math.max(code, 400) }, 400)
}

const dryRunUnsupported = (name: string): StatusError =>
  badRequest(`admission webhook ${JSON.stringify(name)} does not support dry run`)

/** What the hook says. Throws StatusError where it refuses; any other error is a failed call. */
const ask = async (
  deps: HookDependencies,
  hook: Hook,
  attributes: AdmissionAttributes,
  seen: MatchedRequest,
): Promise<Verdict> => {
  const { sideEffects, admissionReviewVersions } = hook.spec
  if (attributes.dryRun && sideEffects !== 'None' && sideEffects !== 'NoneOnDryRun') throw dryRunUnsupported(hook.name)
  const review = buildReview(admissionReviewVersions, attributes, seen)
  const started = performance.now()
  const { metrics, type } = deps
  const done = (rejected: boolean, code: number): void =>
    metrics.called(hook, type, attributes.operation, (performance.now() - started) / 1000, { rejected, code })
  let verdict: Verdict
  try {
    verdict = readVerdict(review, await deps.call(hook, review.body), type === 'admit')
  } catch (error) {
    done(hook.failsClosed, 500)
    throw error
  }
  done(!verdict.allowed, verdict.allowed ? 200 : (verdict.result.code ?? 400))
  for (const [key, value] of Object.entries(verdict.annotations)) attributes.annotate(`${hook.name}/${key}`, value)
  for (const warning of verdict.warnings) attributes.warn(warning)
  if (verdict.allowed) return verdict
  const refused = denial(hook.name, verdict.result)
  metrics.rejected(hook, type, attributes.operation, 'no_error', refused.code)
  throw refused
}

/** As `ask`, with the hook's failure policy: undefined where a failed call is let pass. Throws StatusError. */
export const askHook = async (
  deps: HookDependencies,
  hook: Hook,
  attributes: AdmissionAttributes,
  seen: MatchedRequest,
): Promise<Verdict | undefined> => {
  try {
    return await ask(deps, hook, attributes, seen)
  } catch (error) {
    if (error instanceof StatusError) throw error
    const message = error instanceof Error ? error.message : String(error)
    const failed = `failed calling webhook ${JSON.stringify(hook.name)}: ${message}`
    if (hook.failsClosed) {
      deps.metrics.rejected(hook, deps.type, attributes.operation, 'calling_webhook_error', 0)
      throw new StatusError('InternalError', `Internal error occurred: ${failed}`, {
        details: { causes: [{ message: failed }] },
        cause: error,
      })
    }
    deps.metrics.failedOpen(hook, deps.type)
    deps.warnLog('a webhook failed and was let pass', {
      webhook: hook.name,
      configuration: hook.configuration,
      err: error,
    })
    return undefined
  }
}
