/** The context of one request as the server makes it; see context.ts for what handlers may rely on. */
import { randomUUID } from 'node:crypto'
import { StatusError } from '../../api/meta/status-error.ts'
import { preciseNow } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { RequestAudit } from '../audit/request-audit.ts'
import { anonymousUser, type UserInfo } from '../authentication/user.ts'
import type { HttpContext } from './context.ts'
import type { ApiRequest, ApiResponse } from './message.ts'
import { parseRequestInfo, type RequestInfo } from './request-info.ts'

const none: HttpContext['earlyAnnotations'] = []
const emptyQuery = new URLSearchParams()

export class HttpRequestContext implements HttpContext {
  readonly request: ApiRequest
  readonly response: ApiResponse
  readonly method: string
  readonly info: RequestInfo
  readonly query: URLSearchParams
  readonly uri: string
  readonly auditId: string
  readonly receivedMs = preciseNow()
  earlyAnnotations: HttpContext['earlyAnnotations'] = none
  audit: RequestAudit | undefined
  readonly log: Logger
  readonly warnings: string[] = []
  user: UserInfo = anonymousUser
  watchInitialized: (() => void) | undefined
  answerWaits: (() => void) | undefined
  #abort: AbortController | undefined
  #aborted: StatusError | undefined

  constructor(request: ApiRequest, response: ApiResponse, url: string, log: Logger) {
    this.request = request
    this.response = response
    this.log = log
    this.uri = url
    this.method = request.method ?? 'GET'
    const mark = url.indexOf('?')
    const path = mark < 0 ? url : url.slice(0, mark)
    this.query = mark < 0 ? emptyQuery : new URLSearchParams(url.slice(mark + 1))
    this.info = parseRequestInfo(this.method, path, this.query)
    const given = request.headers['audit-id']
    this.auditId = typeof given === 'string' && given !== '' ? given : randomUUID()
  }

  /** Made when first asked for: most requests are over before anybody wants to cancel them. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const abort = new AbortController()
      this.#abort = abort
      const gone = (): void => {
        if (!this.response.writableFinished) abort.abort(new StatusError('Timeout', 'the client went away'))
      }
      if (this.#aborted !== undefined) abort.abort(this.#aborted)
      else if (this.response.destroyed || this.request.destroyed) gone()
      else this.response.once('close', gone)
    }
    return this.#abort.signal
  }

  abort(reason: StatusError): void {
    this.#aborted = reason
    this.#abort?.abort(reason)
  }
}
