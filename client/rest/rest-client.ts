/** The one REST client: typed verbs over undici, errors as StatusError. What client-go's rest and dynamic clients are. */
import { badRequest, type Status, StatusError } from '../../api/meta/status-error.ts'
import { apiVersionOf, type ResourceRef, resourcePath } from '../../api/resources.ts'
import type { KubeObject } from '../../api/types.ts'
import { sleep } from '../../component-base/clock.ts'
import type { ClientConfig } from './kubeconfig.ts'
import { createTokenBucket } from './rate-limiter.ts'
import { createTransport } from './transport.ts'
import { lines } from './watch-decoder.ts'

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

export interface CallOptions {
  readonly signal?: AbortSignal
  /** Default 30 s. */
  readonly timeoutMs?: number
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
  readonly force?: boolean
}

export interface DeleteOptions extends CallOptions {
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
}

export interface RestClient {
  readonly get: <T extends KubeObject>(
    ref: ResourceRef<T>,
    name: string,
    namespace?: string,
    options?: CallOptions & { subresource?: string },
  ) => Promise<T>
  readonly list: <T extends KubeObject>(
    ref: ResourceRef<T>,
    options?: ListOptions & CallOptions,
  ) => Promise<ListResult<T>>
  /** The namespace is the object's own. */
  readonly create: <T extends KubeObject>(ref: ResourceRef<T>, object: T, options?: WriteOptions) => Promise<T>
  readonly update: <T extends KubeObject>(ref: ResourceRef<T>, object: T, options?: WriteOptions) => Promise<T>
  readonly patch: <T extends KubeObject>(
    ref: ResourceRef<T>,
    name: string,
    namespace: string | undefined,
    body: unknown,
    options: PatchOptions,
  ) => Promise<T>
  readonly delete: (ref: ResourceRef, name: string, namespace?: string, options?: DeleteOptions) => Promise<void>
  readonly deleteCollection: (ref: ResourceRef, options: ListOptions & DeleteOptions) => Promise<void>
  /** Ends when the server ends it; throws what broke it. */
  readonly watch: <T extends KubeObject>(
    ref: ResourceRef<T>,
    options: WatchOptions,
    signal: AbortSignal,
  ) => AsyncGenerator<WatchEvent<T>, void, undefined>
  /** Any path; the body is sent as JSON and the answer returned as parsed JSON, or as text. */
  readonly raw: (method: Method, path: string, body?: unknown, options?: CallOptions) => Promise<unknown>
  readonly close: () => Promise<void>
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface RestClientOptions {
  readonly userAgent: string
  /** Requests per second, and how many may come at once; default: no limit. */
  readonly qps?: number
  readonly burst?: number
}

const patchContentTypes: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
}

/** Times that a refusal with Retry-After is waited out. Upstream: maxRetries 10. */
const maxRetries = 10
const maxRetryAfterMs = 30_000
const defaultTimeoutMs = 30_000

type Query = Readonly<Record<string, string | number | boolean | undefined>>

const queryString = (query: Query): string => {
  const params = new URLSearchParams()
  for (const [key, value] of Object.entries(query))
    if (value !== undefined && value !== '') params.set(key, String(value))
  const text = params.toString()
  return text === '' ? '' : `?${text}`
}

const writeQuery = ({ fieldManager, dryRun }: WriteOptions): Query => ({
  fieldManager,
  dryRun: dryRun === true ? 'All' : undefined,
})

interface Call {
  readonly method: Method
  readonly path: string
  readonly query?: Query
  readonly body?: unknown
  readonly contentType?: string
  readonly options: CallOptions | undefined
}

/** The error that a failed answer carries; an answer that is no Status becomes one by its code. */
const toError = (code: number, text: string): StatusError => {
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

const nameOf = (object: KubeObject): string => {
  const name = object.metadata?.name
  if (name === undefined || name === '') throw badRequest('resource name may not be empty')
  return name
}

/** Fills what a reference knows and a typed object may leave out. */
const withType = <T extends KubeObject>(ref: ResourceRef<T>, object: T): T =>
  object.kind === undefined ? { ...object, apiVersion: apiVersionOf(ref), kind: ref.kind } : object

export const createRestClient = (config: ClientConfig, { userAgent, qps, burst }: RestClientOptions): RestClient => {
  const transport = createTransport(config)
  const limiter = qps === undefined ? undefined : createTokenBucket(qps, burst ?? qps * 2)
  const headersFor = (contentType: string | undefined): Record<string, string> => {
    const token = config.token()
    return {
      'user-agent': userAgent,
      accept: 'application/json',
      ...(contentType === undefined ? {} : { 'content-type': contentType }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    }
  }

  const attempt = async (call: Call): Promise<{ code: number; text: string; retryAfterMs: number | undefined }> => {
    const { origin, pathname } = new URL(config.server)
    const timeout = AbortSignal.timeout(call.options?.timeoutMs ?? defaultTimeoutMs)
    const signal = call.options?.signal === undefined ? timeout : AbortSignal.any([timeout, call.options.signal])
    const hasBody = call.body !== undefined
    const { statusCode, headers, body } = await transport.requests().request({
      origin,
      path: `${pathname === '/' ? '' : pathname}${call.path}${queryString(call.query ?? {})}`,
      method: call.method,
      headers: headersFor(hasBody ? (call.contentType ?? 'application/json') : undefined),
      body: hasBody ? JSON.stringify(call.body) : null,
      signal,
    })
    const retryAfter = Number(headers['retry-after'])
    return {
      code: statusCode,
      text: await body.text(),
      retryAfterMs: Number.isFinite(retryAfter) ? Math.min(maxRetryAfterMs, retryAfter * 1000) : undefined,
    }
  }

  const send = async (call: Call): Promise<string> => {
    for (let retries = 0; ; retries++) {
      await limiter?.wait(call.options?.signal)
      const { code, text, retryAfterMs } = await attempt(call)
      if (code < 400) return text
      const busy = code === 429 || code === 503
      // An eviction's 429 is an answer, not overload: it says that a budget forbids it now.
      if (!busy || retryAfterMs === undefined || retries >= maxRetries || call.path.endsWith('/eviction'))
        throw toError(code, text)
      await sleep(retryAfterMs, call.options?.signal)
    }
  }

  const sendObject = async <T>(call: Call): Promise<T> => JSON.parse(await send(call)) as T

  const deleteBody = ({ gracePeriodSeconds, propagationPolicy, preconditions }: DeleteOptions): unknown => ({
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
    ...(preconditions === undefined ? {} : { preconditions }),
  })

  const listQuery = ({
    labelSelector,
    fieldSelector,
    limit,
    resourceVersion,
    resourceVersionMatch,
    ...rest
  }: ListOptions): Query => ({
    labelSelector,
    fieldSelector,
    limit,
    continue: rest.continue,
    resourceVersion,
    resourceVersionMatch,
  })

  async function* watch<T extends KubeObject>(
    ref: ResourceRef<T>,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>, void, undefined> {
    const { origin, pathname } = new URL(config.server)
    const query: Query = {
      ...listQuery(options),
      watch: true,
      allowWatchBookmarks: options.allowWatchBookmarks,
      sendInitialEvents: options.sendInitialEvents,
      timeoutSeconds: options.timeoutSeconds,
    }
    const { statusCode, body } = await transport.watches().request({
      origin,
      path: `${pathname === '/' ? '' : pathname}${resourcePath(ref, options.namespace)}${queryString(query)}`,
      method: 'GET',
      headers: headersFor(undefined),
      signal,
    })
    if (statusCode >= 400) throw toError(statusCode, await body.text())
    for await (const line of lines(body)) {
      const event = JSON.parse(line) as { type: string; object: unknown }
      if (event.type === 'ERROR') throw StatusError.fromStatus(event.object as object, 500)
      yield event as WatchEvent<T>
    }
  }

  return {
    get: (ref, name, namespace, options) =>
      sendObject({ method: 'GET', path: resourcePath(ref, namespace, name, options?.subresource), options }),
    list: async <T extends KubeObject>(ref: ResourceRef<T>, options: ListOptions & CallOptions = {}) => {
      const list = await sendObject<ListResult<T>>({
        method: 'GET',
        path: resourcePath(ref, options.namespace),
        query: listQuery(options),
        options,
      })
      return { items: list.items ?? [], metadata: list.metadata }
    },
    create: (ref, object, options = {}) =>
      sendObject({
        method: 'POST',
        path: resourcePath(ref, object.metadata?.namespace, options.name, options.subresource),
        query: writeQuery(options),
        body: withType(ref, object),
        options,
      }),
    update: (ref, object, options = {}) =>
      sendObject({
        method: 'PUT',
        path: resourcePath(ref, object.metadata?.namespace, nameOf(object), options.subresource),
        query: writeQuery(options),
        body: withType(ref, object),
        options,
      }),
    patch: (ref, name, namespace, body, options) =>
      sendObject({
        method: 'PATCH',
        path: resourcePath(ref, namespace, name, options.subresource),
        query: { ...writeQuery(options), force: options.force },
        body,
        contentType: patchContentTypes[options.type],
        options,
      }),
    delete: async (ref, name, namespace, options = {}) => {
      await send({ method: 'DELETE', path: resourcePath(ref, namespace, name), body: deleteBody(options), options })
    },
    deleteCollection: async (ref, options) => {
      await send({
        method: 'DELETE',
        path: resourcePath(ref, options.namespace),
        query: listQuery(options),
        body: deleteBody(options),
        options,
      })
    },
    watch,
    raw: async (method, path, body, options) => {
      const text = await send({ method, path, body, options })
      try {
        return JSON.parse(text) as unknown
      } catch {
        return text
      }
    },
    close: transport.close,
  }
}
