/**
 * Follows all objects of a resource: a list (streamed where the server can), then a watch, over and over. Consumers see
 * five events, which make an atomic replacement of a cache possible:
 *
 *     empty ──list or initial events──► Init, InitApply…, InitDone ──► watching ──► Apply | Delete …
 *       ▲                                                                  │ 410
 *       └──────────────────────────────────────────────────────────────────┘
 *
 * Guarantees: events of one object come in order; after InitDone the consumer has seen everything that exists; what
 * came between two lists and is gone again may never be seen. A watch that breaks is resumed from the last
 * resourceVersion; a new list is never older than what was seen before. Upstream: client-go's Reflector.
 */
import { isReason, StatusError } from '../../api/meta/status-error.ts'
import { apiVersionOf, type ResourceRef } from '../../api/resources.ts'
import type { KubeObject } from '../../api/types.ts'
import { Backoff } from '../../component-base/backoff.ts'
import { type Clock, realClock, sleep } from '../../component-base/clock.ts'
import { jitter } from '../../component-base/random.ts'
import type { RestClient } from '../rest/rest-client.ts'

export type ReflectorEvent<T> =
  | { readonly type: 'Init' }
  | { readonly type: 'InitApply'; readonly object: T }
  | { readonly type: 'InitDone' }
  | { readonly type: 'Apply'; readonly object: T }
  | { readonly type: 'Delete'; readonly object: T }

export interface ReflectorOptions<T extends KubeObject> {
  readonly client: Pick<RestClient, 'list' | 'watch'>
  readonly ref: ResourceRef<T>
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  readonly onEvent: (event: ReflectorEvent<T>) => void
  /** Told of what broke; the reflector goes on by itself. */
  readonly onError?: (error: unknown) => void
  readonly clock?: Clock
}

const initialEventsEnd = 'k8s.io/initial-events-end'
const pageSize = 500
const listTimeoutMs = 60_000
/** Watches end by themselves after 5 to 10 minutes, so that load spreads over several API servers. */
const watchTimeoutSeconds = (): number => Math.floor(jitter(300, 1))
/** A watch that ends this soon, and empty, is a failure: a server that closes at once must not be hammered. */
const tooShortMs = 1_000
/** Quick, so that an API server that was started again finds us back within moments. */
const retryDelays = { initialMs: 100, maxMs: 2_000, jitter: 0.5 } as const

/** A server without streamed lists refuses the parameter: then a plain list serves. */
const refusesStreaming = (error: unknown): boolean => isReason(error, 'Invalid', 'BadRequest', 'MethodNotAllowed')

/** The store went back in time (restored from a backup): what we saw lies in its future. */
const isTooLarge = (error: unknown): boolean =>
  isReason(error, 'Timeout') &&
  error.details?.causes?.some(({ reason }) => reason === 'ResourceVersionTooLarge') === true

type State =
  /** Nothing is known, or too old to go on from; the next list is to be at least as new as `notOlderThan`. */
  | { readonly type: 'empty'; readonly notOlderThan: string }
  | { readonly type: 'watching'; readonly resourceVersion: string }

/** Where to go on after an error. */
const stateAfter = (state: State, error: unknown): State => {
  if (isReason(error, 'Expired', 'Gone')) {
    return { type: 'empty', notOlderThan: state.type === 'watching' ? state.resourceVersion : '' }
  }
  return isTooLarge(error) ? { type: 'empty', notOlderThan: '' } : state
}

/** Runs until the signal is aborted; never throws. */
export const runReflector = async <T extends KubeObject>(
  options: ReflectorOptions<T>,
  signal: AbortSignal,
): Promise<void> => {
  const { client, ref, onEvent, clock = realClock } = options
  const selection = {
    ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
    ...(options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }),
    ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
  }
  const backoff = new Backoff(retryDelays)
  let streaming = true
  let state: State = { type: 'empty', notOlderThan: '' }

  const remember = (resourceVersion: string): void => {
    state = { type: 'watching', resourceVersion }
    backoff.reset()
  }

  /** Lists in pages; the first may come from the server's cache, as long as it is not older than what was seen. */
  const list = async (notOlderThan: string): Promise<void> => {
    onEvent({ type: 'Init' })
    let token: string | undefined
    let resourceVersion = ''
    do {
      const page = await client.list(ref, {
        ...selection,
        signal,
        timeoutMs: listTimeoutMs,
        ...(token === undefined
          ? { resourceVersion: notOlderThan === '' ? '0' : notOlderThan, resourceVersionMatch: 'NotOlderThan' }
          : { limit: pageSize, continue: token }),
      })
      // Items of a list may come without their type; consumers of a cache rely on it.
      for (const object of page.items)
        onEvent({ type: 'InitApply', object: { apiVersion: apiVersionOf(ref), kind: ref.kind, ...object } })
      resourceVersion = page.metadata.resourceVersion
      token = page.metadata.continue
    } while (token !== undefined && token !== '')
    onEvent({ type: 'InitDone' })
    remember(resourceVersion)
  }

  /** One watch, from its start to its end; in state `empty` the list comes in the same stream. */
  const watch = async (from: State): Promise<void> => {
    let initial = from.type === 'empty'
    if (initial) onEvent({ type: 'Init' })
    const startedAt = clock.now()
    let count = 0
    const events = client.watch(
      ref,
      {
        ...selection,
        allowWatchBookmarks: true,
        timeoutSeconds: watchTimeoutSeconds(),
        ...(from.type === 'empty'
          ? { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan', resourceVersion: from.notOlderThan }
          : { resourceVersion: from.resourceVersion }),
      },
      signal,
    )
    for await (const { type, object } of events) {
      count++
      switch (type) {
        case 'ADDED':
        case 'MODIFIED':
          onEvent({ type: initial ? 'InitApply' : 'Apply', object })
          break
        case 'DELETED':
          onEvent({ type: 'Delete', object })
          break
        case 'BOOKMARK':
          if (initial && object.metadata?.annotations?.[initialEventsEnd] === 'true') {
            initial = false
            onEvent({ type: 'InitDone' })
          }
          break
      }
      const version = object.metadata?.resourceVersion
      if (!initial && version !== undefined) remember(version)
    }
    if (initial) throw new StatusError('InternalError', 'the watch ended before its initial events did')
    if (count === 0 && clock.now() - startedAt < tooShortMs) {
      throw new StatusError('InternalError', 'the watch ended at once and without an event')
    }
  }

  while (!signal.aborted) {
    const current: State = state as State // changed by `remember`, which flow analysis does not see
    try {
      if (current.type === 'empty' && !streaming) await list(current.notOlderThan)
      else await watch(current)
    } catch (error) {
      if (signal.aborted) return
      if (current.type === 'empty' && streaming && refusesStreaming(error)) {
        streaming = false
        continue
      }
      state = stateAfter(state as State, error)
      options.onError?.(error)
      await sleep(backoff.next(), signal, clock).catch(() => undefined)
    }
  }
}
