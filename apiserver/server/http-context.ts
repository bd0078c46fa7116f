/** The context of one request as the server makes it; see context.ts for what handlers may rely on. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { randomUUID } from 'node:crypto'
import { StatusError } from '../../api/meta/status-error.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { anonymousUser, type UserInfo } from '../authentication/user.ts'
import type { HttpContext } from './context.ts'
import { parseRequestInfo, type RequestInfo } from './request-info.ts'

const emptyQuery = new URLSearchParams()
const auditIdPattern = /^[\x21-\x7e]{1,64}$/

export class HttpRequestContext implements HttpContext {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly method: string
  readonly info: RequestInfo
  readonly query: URLSearchParams
  readonly auditId: string
  readonly log: Logger
  readonly warnings: string[] = []
  readonly auditAnnotations = new Map<string, string>()
  user: UserInfo = anonymousUser
  #abort: AbortController | undefined

  constructor(request: IncomingMessage, response: ServerResponse, url: string, log: Logger) {
    this.request = request
    this.response = response
    this.log = log
    this.method = request.method ?? 'GET'
    const mark = url.indexOf('?')
    const path = mark < 0 ? url : url.slice(0, mark)
    this.query = mark < 0 ? emptyQuery : new URLSearchParams(url.slice(mark + 1))
    this.info = parseRequestInfo(this.method, path, this.query)
    const given = request.headers['audit-id']
    this.auditId = typeof given === 'string' && auditIdPattern.test(given) ? given : randomUUID()
  }

  /** Made when first asked for: most requests are over before anybody wants to cancel them. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const abort = new AbortController()
      this.#abort = abort
      const gone = (): void => {
        if (!this.response.writableFinished) abort.abort(new StatusError('Timeout', 'the client went away'))
      }
      if (this.response.destroyed || this.request.destroyed) gone()
      else this.response.once('close', gone)
    }
    return this.#abort.signal
  }
}
