/** What callers of the REST client may ask for: the parameters of the Kubernetes API's verbs. */

export interface CallOptions {
  readonly signal?: AbortSignal
  /** For the whole call, waiting for a busy server included; default 30 s. */
  readonly timeoutMs?: number
  /** How long a GET is tried again while nobody listens at the server's port; default 0. */
  readonly retryUnreachableMs?: number
}

export interface GetOptions extends CallOptions {
  readonly subresource?: string
}

export interface ListOptions {
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  readonly limit?: number
  readonly continue?: string
  readonly resourceVersion?: string
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan'
}

export interface WatchOptions extends Omit<ListOptions, 'limit' | 'continue'> {
  readonly allowWatchBookmarks?: boolean
  readonly sendInitialEvents?: boolean
  readonly timeoutSeconds?: number
}

export interface ListResult<T> {
  readonly items: T[]
  readonly metadata: {
    readonly resourceVersion: string
    readonly continue?: string
    readonly remainingItemCount?: number
  }
}

/** One event of a watch; an ERROR is thrown as the StatusError that it carries. */
export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'
  readonly object: T
}

export interface WriteOptions extends CallOptions {
  readonly subresource?: string
  /** For a subresource that is created under an object's name (binding, eviction, token). */
  readonly name?: string
  readonly fieldManager?: string
  readonly dryRun?: boolean
}

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply'

export interface PatchOptions extends WriteOptions {
  readonly type: PatchType
  /** Of an apply: take over fields that others own. */
  readonly force?: boolean
}

export interface DeleteOptions extends CallOptions {
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
