/** Requests as data, and what answers mean: no I/O here. */
import { type Status, StatusError } from '../../api/meta/status-error.ts'
import type { CallOptions, DeleteOptions, ListOptions, Method, PatchType, WriteOptions } from './options.ts'

export interface Call {
  readonly method: Method
  readonly path: string
  readonly query?: Query
  readonly body?: unknown
  readonly contentType?: string
  readonly options: CallOptions | undefined
}

export interface Answer {
  readonly code: number
  readonly text: string
  /** From Retry-After: a busy server says when to come back. */
  readonly retryAfterMs: number | undefined
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** `?a=b`; what is undefined or empty is left out. */
export const queryString = (query: Query): string => {
  const params = new URLSearchParams()
  for (const [key, value] of Object.entries(query))
    if (value !== undefined && value !== '') params.set(key, String(value))
  const text = params.toString()
  return text === '' ? '' : `?${text}`
}

export const patchContentTypes: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
}

export const writeQuery = ({ fieldManager, dryRun }: WriteOptions): Query => ({
  fieldManager,
  dryRun: dryRun === true ? 'All' : undefined,
})

export const listQuery = (options: ListOptions): Query => ({
  labelSelector: options.labelSelector,
  fieldSelector: options.fieldSelector,
  limit: options.limit,
  continue: options.continue,
  resourceVersion: options.resourceVersion,
  resourceVersionMatch: options.resourceVersionMatch,
})

/** metav1.DeleteOptions as a body. */
export const deleteBody = ({ gracePeriodSeconds, propagationPolicy, preconditions }: DeleteOptions): unknown => ({
  apiVersion: 'v1',
  kind: 'DeleteOptions',
  ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
  ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
  ...(preconditions === undefined ? {} : { preconditions }),
})

/** The error that a failed answer carries; an answer that is no Status becomes one by its code. */
export const toStatusError = (code: number, text: string): StatusError => {
  try {
    const status: unknown = JSON.parse(text)
    if (typeof status === 'object' && status !== null && 'kind' in status && status.kind === 'Status') {
      return StatusError.fromStatus(status as Partial<Status>, code)
    }
  } catch {
    // Not JSON: a proxy or a plain handler answered.
  }
  return StatusError.fromStatus({ message: text.slice(0, 1024) || `the server answered ${code}` }, code)
}

const maxRetryAfterMs = 30_000

/** Milliseconds of a Retry-After header in seconds, bounded; the form with a date is not used by API servers. */
export const parseRetryAfter = (header: unknown): number | undefined => {
  if (typeof header !== 'string' || !/^\d+$/.test(header)) return undefined
  return Math.min(maxRetryAfterMs, Number(header) * 1000)
}

/** Whether the server asks to send the same request again later, and how much later. */
export const retryDelay = ({ path }: Call, { code, retryAfterMs }: Answer): number | undefined => {
  if (code !== 429 && code !== 503) return undefined
  // An eviction's 429 is an answer, not overload: it says that a budget forbids it now.
  return path.endsWith('/eviction') ? undefined : retryAfterMs
}
