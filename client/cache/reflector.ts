/**
 * Follows all objects of a resource: a list (streamed where the server can), then a watch, over and over. Consumers see
 * five events, which make an atomic replacement of a cache possible:
 *
 *     Empty ──list or initial events──► Init, InitApply…, InitDone ──► Watching ──► Apply | Delete …
 *       ▲                                                                  │ 410, or an error in the list
 *       └──────────────────────────────────────────────────────────────────┘
 *
 * A watch that breaks is resumed from the last resourceVersion. Upstream: client-go's Reflector.
 */
import { isReason, StatusError } from '../../api/meta/status-error.ts'
import { apiVersionOf, type ResourceRef } from '../../api/resources.ts'
import type { KubeObject } from '../../api/types.ts'
import { Backoff } from '../../component-base/backoff.ts'
import { sleep } from '../../component-base/clock.ts'
import type { RestClient } from '../rest/rest-client.ts'

export type ReflectorEvent<T> =
  | { readonly type: 'Init' }
  | { readonly type: 'InitApply'; readonly object: T }
  | { readonly type: 'InitDone' }
  | { readonly type: 'Apply'; readonly object: T }
  | { readonly type: 'Delete'; readonly object: T }

export interface ReflectorOptions<T extends KubeObject> {
  readonly client: RestClient
  readonly ref: ResourceRef<T>
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  readonly onEvent: (event: ReflectorEvent<T>) => void
  /** Told of what broke; the reflector goes on by itself. */
  readonly onError?: (error: unknown) => void
}

const initialEventsEnd = 'k8s.io/initial-events-end'
const pageSize = 500
/** Watches end by themselves after 5 to 10 minutes, so that load spreads over several API servers. */
const watchTimeoutSeconds = (): number => Math.floor(300 + Math.random() * 300)

/** A server without streamed lists refuses the parameter: then a plain list serves. */
const refusesStreaming = (error: unknown): boolean => isReason(error, 'Invalid', 'BadRequest', 'MethodNotAllowed')

type State = { readonly type: 'empty' } | { readonly type: 'watching'; readonly resourceVersion: string }

/** Runs until the signal is aborted; never throws. */
export const runReflector = async <T extends KubeObject>(
  options: ReflectorOptions<T>,
  signal: AbortSignal,
): Promise<void> => {
  const { client, ref, onEvent } = options
  const selection = {
    ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
    ...(options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }),
    ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
  }
  // Quick at first, so that an API server that was started again finds us back within moments.
  const backoff = new Backoff({ initialMs: 100, maxMs: 5_000, jitter: 0.5 })
  let streaming = true
  let state: State = { type: 'empty' }

  const versionOf = (object: T): string => object.metadata?.resourceVersion ?? ''

  /** Lists in pages; returns the version to watch from. */
  const list = async (): Promise<string> => {
    onEvent({ type: 'Init' })
    let token: string | undefined
    let resourceVersion = ''
    do {
      const page = await client.list(ref, {
        ...selection,
        signal,
        timeoutMs: 60_000,
        ...(token === undefined ? { resourceVersion: '0' } : { limit: pageSize, continue: token }),
      })
      // Items of a list may come without their type; consumers of a cache rely on it.
      for (const object of page.items)
        onEvent({ type: 'InitApply', object: { apiVersion: apiVersionOf(ref), kind: ref.kind, ...object } })
      resourceVersion = page.metadata.resourceVersion
      token = page.metadata.continue
    } while (token !== undefined && token !== '')
    onEvent({ type: 'InitDone' })
    return resourceVersion
  }

  const remember = (resourceVersion: string): void => {
    state = { type: 'watching', resourceVersion }
    backoff.reset()
  }

  /** One watch, from its start to its end; with `initial`, the list comes in the same stream. */
  const watch = async (
    from: { readonly initial: true } | { readonly initial: false; readonly resourceVersion: string },
  ): Promise<void> => {
    let initial = from.initial
    if (initial) onEvent({ type: 'Init' })
    const events = client.watch(
      ref,
      {
        ...selection,
        allowWatchBookmarks: true,
        timeoutSeconds: watchTimeoutSeconds(),
        ...(from.initial
          ? { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' as const }
          : { resourceVersion: from.resourceVersion }),
      },
      signal,
    )
    for await (const { type, object } of events) {
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
      if (!initial) remember(versionOf(object))
    }
    if (initial) throw new StatusError('InternalError', 'the watch ended before its initial events did')
  }

  while (!signal.aborted) {
    try {
      const current = state as State // changed by `remember`, which flow analysis does not see
      if (current.type === 'watching') await watch({ initial: false, resourceVersion: current.resourceVersion })
      else if (streaming) await watch({ initial: true })
      else remember(await list())
    } catch (error) {
      if (signal.aborted) return
      if ((state as State).type === 'empty' && streaming && refusesStreaming(error)) {
        streaming = false
        continue
      }
      if (isReason(error, 'Expired', 'Gone')) state = { type: 'empty' }
      options.onError?.(error)
      await sleep(backoff.next(), signal).catch(() => undefined)
    }
  }
}
