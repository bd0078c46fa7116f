/** The one error type of kubets: everything that reaches a client as a metav1.Status is a StatusError. */

/** HTTP code of each StatusReason. Upstream: metav1.StatusReason. */
export const reasonToCode = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  Unimplemented: 501,
  ServiceUnavailable: 503,
  ServerTimeout: 500,
  Timeout: 504,
} as const satisfies Record<string, number>

export type StatusReason = keyof typeof reasonToCode

/** One cause of a Status, for example one invalid field. */
export interface StatusCause {
  readonly reason?: string
  readonly message?: string
  readonly field?: string
}

export interface StatusDetails {
  readonly name?: string
  readonly group?: string
  readonly kind?: string
  readonly uid?: string
  readonly causes?: readonly StatusCause[]
  readonly retryAfterSeconds?: number
}

/** metav1.Status as it goes over the wire. */
export interface Status {
  readonly kind: 'Status'
  readonly apiVersion: 'v1'
  readonly metadata: { resourceVersion?: string; continue?: string }
  readonly status: 'Success' | 'Failure'
  readonly message?: string
  readonly reason?: string
  readonly details?: StatusDetails
  readonly code?: number
}

export interface StatusErrorOptions {
  readonly details?: StatusDetails
  readonly code?: number
  readonly cause?: unknown
  /** ListMeta.continue of an Expired error: a token for an inconsistent continuation. */
  readonly continueToken?: string
}

/** An error with a metav1.Status. `cause` is for the log only and never reaches the client. */
export class StatusError extends Error {
  readonly reason: StatusReason | ''
  readonly code: number
  readonly details: StatusDetails | undefined
  readonly continueToken: string | undefined

  constructor(reason: StatusReason | '', message: string, options: StatusErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'StatusError'
    this.reason = reason
    this.code = options.code ?? (reason === '' ? 500 : reasonToCode[reason])
    this.details = options.details
    this.continueToken = options.continueToken
  }

  toStatus(): Status {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: this.continueToken === undefined ? {} : { continue: this.continueToken },
      status: 'Failure',
      message: this.message,
      ...(this.reason === '' ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    }
  }

  /** The only way in for anything thrown: what is not a StatusError becomes an InternalError that tells the client nothing. */
  static from(error: unknown): StatusError {
    if (error instanceof StatusError) return error
    return new StatusError('InternalError', 'Internal error occurred', { cause: error })
  }

  /** Rebuilds the error from a Status that a server sent. */
  static fromStatus(status: Partial<Status>, httpCode: number): StatusError {
    const reason =
      status.reason !== undefined && Object.hasOwn(reasonToCode, status.reason) ? (status.reason as StatusReason) : ''
    return new StatusError(reason, status.message ?? `the server answered ${httpCode}`, {
      code: status.code ?? httpCode,
      ...(status.details === undefined ? {} : { details: status.details }),
      ...(status.metadata?.continue === undefined ? {} : { continueToken: status.metadata.continue }),
    })
  }
}

/** True if `error` is a StatusError of that reason: `isReason(err, 'NotFound')`. */
export const isReason = (error: unknown, ...reasons: StatusReason[]): error is StatusError =>
  error instanceof StatusError && error.reason !== '' && reasons.includes(error.reason)

/** What an error message calls a resource: `pods`, `deployments.apps`. Upstream: schema.GroupResource. */
export interface GroupResource {
  readonly group: string
  readonly resource: string
}

/** `deployments.apps`, or `pods` for the core group. */
export const groupResourceString = ({ group, resource }: GroupResource): string =>
  group === '' ? resource : `${resource}.${group}`

const detailsOf = (gr: GroupResource, name: string): StatusDetails => ({
  ...(name === '' ? {} : { name }),
  ...(gr.group === '' ? {} : { group: gr.group }),
  kind: gr.resource,
})

export const notFound = (gr: GroupResource, name: string): StatusError =>
  new StatusError('NotFound', `${groupResourceString(gr)} "${name}" not found`, { details: detailsOf(gr, name) })

export const alreadyExists = (gr: GroupResource, name: string): StatusError =>
  new StatusError('AlreadyExists', `${groupResourceString(gr)} "${name}" already exists`, {
    details: detailsOf(gr, name),
  })

export const conflict = (gr: GroupResource, name: string, message: string): StatusError =>
  new StatusError('Conflict', `Operation cannot be fulfilled on ${groupResourceString(gr)} "${name}": ${message}`, {
    details: detailsOf(gr, name),
  })

/** The stale-resourceVersion conflict that clients loop on. */
export const staleObject = (gr: GroupResource, name: string): StatusError =>
  conflict(gr, name, 'the object has been modified; please apply your changes to the latest version and try again')

export const forbidden = (gr: GroupResource, name: string, message: string): StatusError =>
  new StatusError(
    'Forbidden',
    name === ''
      ? `${groupResourceString(gr)} is forbidden: ${message}`
      : `${groupResourceString(gr)} "${name}" is forbidden: ${message}`,
    { details: detailsOf(gr, name) },
  )

export const badRequest = (message: string): StatusError => new StatusError('BadRequest', message)
export const unauthorized = (): StatusError => new StatusError('Unauthorized', 'Unauthorized')
export const methodNotAllowed = (gr: GroupResource, action: string): StatusError =>
  new StatusError('MethodNotAllowed', `${action} is not supported on resources of kind "${groupResourceString(gr)}"`, {
    details: detailsOf(gr, ''),
  })
/** A method that a path does not have. */
export const methodNotServed = (): StatusError =>
  new StatusError('MethodNotAllowed', 'the server does not allow this method on the requested resource', {
    details: {},
  })
export const notAcceptable = (accepted: readonly string[]): StatusError =>
  new StatusError('NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`)
export const unsupportedMediaType = (accepted: readonly string[]): StatusError =>
  new StatusError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  )
export const expired = (message: string, continueToken?: string): StatusError =>
  new StatusError('Expired', message, continueToken === undefined ? {} : { continueToken })
export const tooManyRequests = (message: string, retryAfterSeconds: number): StatusError =>
  new StatusError('TooManyRequests', message, { details: { retryAfterSeconds } })
export const internalError = (cause: unknown): StatusError =>
  new StatusError(
    'InternalError',
    `Internal error occurred: ${cause instanceof Error ? cause.message : String(cause)}`,
    {
      cause,
    },
  )
export const unimplemented = (what: string): StatusError =>
  new StatusError('Unimplemented', `${what} is not implemented by kubets`)
