/** The one REST client: typed verbs, errors as StatusError. What client-go's rest and dynamic clients are. */
import { badRequest, StatusError } from '../../api/meta/status-error.ts'
import { apiVersionOf, type ResourceRef, resourcePath } from '../../api/resources.ts'
import type { KubeObject } from '../../api/types.ts'
import { deadline } from '../../component-base/async/deadline.ts'
import { Backoff } from '../../component-base/backoff.ts'
import { sleep } from '../../component-base/clock.ts'
import type { ClientConfig } from '../../component-base/kubeconfig.ts'
import type * as Options from './options.ts'
import { createTokenBucket } from './rate-limiter.ts'
import {
  type Call,
  deleteBody,
  listQuery,
  patchContentTypes,
  queryString,
  retryDelay,
  toStatusError,
  writeQuery,
} from './request.ts'
import { createTransport, RequestError } from './transport.ts'
import { lines } from './watch-decoder.ts'

export interface RestClient {
  readonly get: <T extends KubeObject>(
    ref: ResourceRef<T>,
    name: string,
    namespace?: string,
    options?: Options.GetOptions,
  ) => Promise<T>
  readonly list: <T extends KubeObject>(
    ref: ResourceRef<T>,
    options?: Options.ListOptions & Options.CallOptions,
  ) => Promise<Options.ListResult<T>>
  /** The namespace is the object's own. */
  readonly create: <T extends KubeObject>(ref: ResourceRef<T>, object: T, options?: Options.WriteOptions) => Promise<T>
  readonly update: <T extends KubeObject>(ref: ResourceRef<T>, object: T, options?: Options.WriteOptions) => Promise<T>
  readonly patch: <T extends KubeObject>(
    ref: ResourceRef<T>,
    name: string,
    namespace: string | undefined,
    body: unknown,
    options: Options.PatchOptions,
  ) => Promise<T>
  readonly delete: (
    ref: ResourceRef,
    name: string,
    namespace?: string,
    options?: Options.DeleteOptions,
  ) => Promise<void>
  readonly deleteCollection: (ref: ResourceRef, options: Options.ListOptions & Options.DeleteOptions) => Promise<void>
  /** Ends when the server ends it; throws what broke it. */
  readonly watch: <T extends KubeObject>(
    ref: ResourceRef<T>,
    options: Options.WatchOptions,
    signal: AbortSignal,
  ) => AsyncGenerator<Options.WatchEvent<T>, void, undefined>
  /** Any path; the body is sent as JSON and the answer returned as parsed JSON, or as text. */
  readonly raw: (
    method: Options.Method,
    path: string,
    body?: unknown,
    options?: Options.CallOptions,
  ) => Promise<unknown>
  readonly close: () => Promise<void>
}

export interface RestClientOptions {
  readonly userAgent: string
  /** Requests per second, and how many may come at once; default: no limit. */
  readonly qps?: number
  readonly burst?: number
}

/** Times that a refusal with Retry-After is waited out. Upstream: maxRetries 10. */
const maxRetries = 10
const defaultTimeoutMs = 30_000

const nameOf = (object: KubeObject): string => {
  const name = object.metadata?.name
  if (name === undefined || name === '') throw badRequest('resource name may not be empty')
  return name
}

/** Fills what a reference knows and a typed object may leave out. */
const withType = <T extends KubeObject>(ref: ResourceRef<T>, object: T): T =>
  object.kind === undefined ? { ...object, apiVersion: apiVersionOf(ref), kind: ref.kind } : object

export const createRestClient = (config: ClientConfig, { userAgent, qps, burst }: RestClientOptions): RestClient => {
  const transport = createTransport(config, userAgent)
  const limiter = qps === undefined ? undefined : createTokenBucket(qps, burst ?? qps * 2)

  /** Sends until the server is not busy any more; `signal` is the deadline of the whole call. */
  const send = async (call: Call): Promise<string> => {
    const { signal: outer, timeoutMs = defaultTimeoutMs, retryUnreachableMs = 0 } = call.options ?? {}
    using limit = deadline(timeoutMs, outer)
    const startedAt = performance.now()
    const leftMs = (): number => startedAt + timeoutMs - performance.now()
    const unreachable = new Backoff({ initialMs: 50, maxMs: 1_000 })
    const request = {
      method: call.method,
      path: call.path + queryString(call.query ?? {}),
      ...(call.body === undefined
        ? {}
        : { body: JSON.stringify(call.body), contentType: call.contentType ?? 'application/json' }),
    }
    for (let retries = 0; ; ) {
      await limiter?.wait(limit.signal)
      try {
        const answer = await transport.request(request, Math.max(1, leftMs()), outer)
        if (answer.code < 400) return answer.text
        const delayMs = retryDelay(call, answer)
        if (delayMs === undefined || retries++ >= maxRetries || delayMs > leftMs()) {
          throw toStatusError(answer.code, answer.text)
        }
        await sleep(delayMs, outer)
      } catch (error) {
        const refused = error instanceof RequestError && error.code === 'ECONNREFUSED' && call.method === 'GET'
        if (!refused || performance.now() - startedAt > Math.min(retryUnreachableMs, timeoutMs)) throw error
        await sleep(unreachable.next(), outer)
      }
    }
  }

  const sendObject = async <T>(call: Call): Promise<T> => JSON.parse(await send(call)) as T

  async function* watch<T extends KubeObject>(
    ref: ResourceRef<T>,
    options: Options.WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<Options.WatchEvent<T>, void, undefined> {
    const query = queryString({
      ...listQuery(options),
      watch: true,
      allowWatchBookmarks: options.allowWatchBookmarks,
      sendInitialEvents: options.sendInitialEvents,
      timeoutSeconds: options.timeoutSeconds,
    })
    const answer = await transport.stream(resourcePath(ref, options.namespace) + query, signal)
    if ('code' in answer) throw toStatusError(answer.code, answer.text)
    for await (const line of lines(answer.chunks)) {
      const event = JSON.parse(line) as { type: string; object: unknown }
      if (event.type === 'ERROR') throw StatusError.fromStatus(event.object as object, 500)
      yield event as Options.WatchEvent<T>
    }
  }

  return {
    get: (ref, name, namespace, options) =>
      sendObject({ method: 'GET', path: resourcePath(ref, namespace, name, options?.subresource), options }),
    list: async <T extends KubeObject>(
      ref: ResourceRef<T>,
      options: Options.ListOptions & Options.CallOptions = {},
    ): Promise<Options.ListResult<T>> => {
      const list = await sendObject<Options.ListResult<T>>({
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
    update: async (ref, object, options = {}) =>
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
