/** Records requests, as far as the policy wants it. Upstream: k8s.io/apiserver/pkg/endpoints/filters/audit.go */
import type { StatusError } from '../../../api/meta/status-error.ts'
import type { Auditor } from '../../audit/auditor.ts'
import type { Filter } from '../chain.ts'
import type { HttpContext } from '../context.ts'
import type { ApiResponse } from '../message.ts'
import { sendText } from '../respond.ts'
import { isLongRunning } from './in-flight-limit.ts'

export const withAudit =
  (auditor: Auditor): Filter =>
  async (ctx, next) => {
    const audit = auditor.begin(ctx, ctx.user)
    if (audit === undefined) return next()
    ctx.audit = audit
    for (const [key, value] of ctx.earlyAnnotations) audit.annotate(key, value)
    const stored = audit.stage('RequestReceived')
    if (stored !== true && !(await stored)) {
      auditor.rejected()
      sendText(ctx, 500, `Internal Server Error: ${JSON.stringify(ctx.uri)}: failed to store audit event\n`)
      return
    }
    const longRunning = isLongRunning(ctx.info)
    if (longRunning) onHead(ctx.response, (code) => audit.started(code))
    try {
      await next()
    } catch (thrown) {
      audit.failed(thrown, longRunning)
      throw thrown
    }
    audit.completed(ctx.response.headersSent ? ctx.response.statusCode : undefined, longRunning)
  }

/** Credentials that nobody takes: the request has a single event, without a user. */
export const auditUnauthenticated =
  (auditor: Auditor) =>
  (ctx: HttpContext, error: StatusError): void =>
    auditor.begin(ctx, undefined)?.unauthenticated(error)

/** Calls `listener` before the head of the answer is written. */
const onHead = (response: ApiResponse, listener: (code: number) => void): void => {
  const writeHead = response.writeHead.bind(response)
  response.writeHead = (code, headers) => {
    listener(code)
    return writeHead(code, headers)
  }
}
