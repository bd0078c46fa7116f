/** What is known of one audited request so far; told to the backends at each stage. Upstream: audit.AuditContext */
import { jsonText } from '../../api/codec/encode.ts'
import { parseJson } from '../../api/codec/json.ts'
import { StatusError } from '../../api/meta/status-error.ts'
import type { KubeObject } from '../../api/types.ts'
import { preciseNow } from '../../component-base/clock.ts'
import type { UserInfo } from '../authentication/user.ts'
import type { HttpContext } from '../server/context.ts'
import type { ApiRequest } from '../server/message.ts'
import type { RequestInfo } from '../server/request-info.ts'
import type { AuditEvent, ObjectReference, ResponseStatus, Stage } from './event.ts'
import type { Recording } from './policy.ts'
import { sourceIps } from './source-ips.ts'

/** Takes an event; false if it was lost and the request may not go on without it. */
export type Sink = (event: AuditEvent) => Promise<boolean> | boolean

const maxUserAgentLength = 1024

const userAgentOf = ({ headers }: ApiRequest): string => {
  const text = headers['user-agent'] ?? ''
  return text.length > maxUserAgentLength ? `${text.slice(0, maxUserAgentLength)}...TRUNCATED` : text
}

const referenceOf = (info: RequestInfo): ObjectReference | undefined =>
  info.isResourceRequest
    ? {
        resource: info.resource,
        namespace: info.namespace,
        name: info.name,
        apiGroup: info.apiGroup,
        apiVersion: info.apiVersion,
        subresource: info.subresource,
      }
    : undefined

/** The first that says something. */
const either = (a: string | undefined, b: string | undefined): string | undefined => (a === '' ? b : (a ?? b))

/** An error as the client is told it; it carries no type here. */
const statusOf = (error: StatusError): ResponseStatus => {
  const { status, message, reason, details, code } = error.toStatus()
  return { status, message, reason, details, code }
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] }

export class RequestAudit {
  readonly #recording: Recording
  readonly #sink: Sink
  /** Changes as the request goes on; backends get copies. */
  readonly #event: Mutable<AuditEvent>
  #annotations: Record<string, string> | undefined
  #responseBegun = false

  constructor(ctx: HttpContext, user: UserInfo | undefined, recording: Recording, sink: Sink) {
    this.#recording = recording
    this.#sink = sink
    this.#event = {
      level: recording.level,
      auditID: ctx.auditId,
      stage: 'RequestReceived',
      requestURI: ctx.uri,
      verb: ctx.info.verb,
      user,
      sourceIPs: sourceIps(ctx.request),
      userAgent: userAgentOf(ctx.request),
      objectRef: referenceOf(ctx.info),
      requestReceivedMs: ctx.receivedMs,
      stageMs: ctx.receivedMs,
    }
  }

  get recordsRequest(): boolean {
    return this.#recording.level === 'Request' || this.recordsResponse
  }

  get recordsResponse(): boolean {
    return this.#recording.level === 'RequestResponse'
  }

  /** Adds a fact by a plugin of the chain. The first value of a key stays. */
  annotate(key: string, value: string): void {
    const annotations = (this.#annotations ??= {})
    if (!Object.hasOwn(annotations, key)) annotations[key] = value
  }

  /** `constraint` is the verb of a constrained impersonation, or ''. */
  impersonate(impersonatedUser: UserInfo, constraint: string): void {
    this.#event.impersonatedUser = impersonatedUser
    this.#event.impersonationConstraint = constraint
  }

  /** The object as it was sent, with defaults: what it is called, and from the level Request on what it says. */
  requestObject(object: KubeObject): void {
    const ref = this.#event.objectRef ?? {}
    const { name, namespace, uid, resourceVersion } = object.metadata ?? {}
    this.#event.objectRef = {
      ...ref,
      namespace: either(ref.namespace, namespace),
      name: either(ref.name, name),
      uid,
      resourceVersion,
    }
    if (this.recordsRequest) this.requestBody(jsonText(this.#shown(object)))
  }

  /** A patch or options, as JSON. */
  requestBody(json: string): void {
    if (this.recordsRequest) this.#event.requestObject = compact(json)
  }

  /** The value that is answered; a Status is told at every level. `json` is its text if it is there already. */
  responded(value: { readonly kind?: unknown }, json?: string): void {
    if (value.kind === 'Status') {
      const { status, message, reason, details, code } = value as ResponseStatus
      this.#event.responseStatus = { status, message, reason, details, code }
    }
    if (!this.recordsResponse) return
    const text = json === undefined || this.#recording.omitManagedFields ? this.#responseText(value, json) : json
    this.#event.responseObject = text.trimEnd()
  }

  /** The head of the answer to a long-running request leaves. */
  started(code: number): void {
    if (this.#responseBegun) return
    this.#responseBegun = true
    this.#setCode(code)
    void this.stage('ResponseStarted')
  }

  /** The handler is done. `code` is undefined if nothing was answered. */
  completed(code: number | undefined, longRunning: boolean): void {
    if (code === undefined && this.#event.responseStatus === undefined) {
      this.#event.responseStatus = { status: 'Success', message: 'Connection closed early', code: 200 }
      if (longRunning) void this.stage('ResponseStarted')
    } else if (code !== undefined) {
      if (longRunning) this.started(code)
      else this.#setCode(code)
    }
    void this.stage('ResponseComplete')
  }

  /** The handler threw: a refusal is an answer like others, anything else is what Go calls a panic. */
  failed(thrown: unknown, longRunning: boolean): void {
    if (thrown instanceof StatusError) {
      const status = thrown.toStatus()
      this.responded(status)
      this.completed(status.code, longRunning)
      return
    }
    const message = `APIServer panic'd: ${thrown instanceof Error ? thrown.message : String(thrown)}`
    this.#event.responseStatus = { status: 'Failure', message, reason: 'InternalError', code: 500 }
    void this.stage('Panic')
  }

  /** Nobody could be made out: the only event that such a request has. */
  unauthenticated(error: StatusError): void {
    this.#event.responseStatus = statusOf(error)
    void this.stage('ResponseStarted')
  }

  /** Tells the backends, unless the policy leaves this stage out. */
  stage(stage: Stage): Promise<boolean> | boolean {
    if (this.#recording.omitStages.has(stage)) return true
    const stageMs = stage === 'RequestReceived' ? this.#event.requestReceivedMs : preciseNow()
    const annotations = this.#annotations === undefined ? undefined : { ...this.#annotations }
    return this.#sink({ ...this.#event, stage, stageMs, annotations })
  }

  #setCode(code: number): void {
    this.#event.responseStatus = { ...this.#event.responseStatus, code }
  }

  #responseText(value: object, json: string | undefined): string {
    const parsed = json === undefined ? value : parseJson(Buffer.from(json), { strict: false }).value
    return jsonText(this.#shown(parsed as object))
  }

  #shown(value: object): object {
    return this.#recording.omitManagedFields ? withoutManagedFields(value) : value
  }
}

const whiteSpace = new Set([' ', '\n', '\r', '\t'])

/** JSON without white space between its tokens: an event is one line. Numbers stay as they were written. */
const compact = (json: string): string => {
  let out = ''
  let from = 0
  let inString = false
  for (let at = 0; at < json.length; at++) {
    const character = json.charAt(at)
    if (inString && character === '\\') at++
    else if (character === '"') inString = !inString
    else if (!inString && whiteSpace.has(character)) {
      out += json.slice(from, at)
      from = at + 1
    }
  }
  return out + json.slice(from)
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A copy of an object, of a list's items or of a Table's rows without metadata.managedFields. */
export const withoutManagedFields = (value: object): object => {
  if (!isRecord(value)) return value
  const { metadata, items, rows } = value
  const copy: Record<string, unknown> = { ...value }
  if (isRecord(metadata) && 'managedFields' in metadata) {
    const { managedFields: _dropped, ...rest } = metadata
    copy['metadata'] = rest
  }
  if (Array.isArray(items)) copy['items'] = items.map((item: object) => withoutManagedFields(item))
  if (Array.isArray(rows)) {
    copy['rows'] = rows.map((row: unknown) =>
      isRecord(row) && isRecord(row['object']) ? { ...row, object: withoutManagedFields(row['object']) } : row,
    )
  }
  return copy
}
