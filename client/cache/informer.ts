/** Informers: caches of API objects that tell their handlers what changed. What client-go's shared informers are. */
import type { ResourceRef } from '../../api/resources.ts'
import type { KubeObject } from '../../api/types.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { RestClient } from '../rest/rest-client.ts'
import { type ReflectorEvent, runReflector } from './reflector.ts'
import { type Indexers, type Lister, objectKey, Store } from './store.ts'

/** What a handler is told. Objects are the cache's own: clone before a change. */
export interface InformerHandler<T> {
  readonly onAdd?: (object: T) => void
  readonly onUpdate?: (old: T, object: T) => void
  readonly onDelete?: (object: T) => void
}

export interface InformerOptions<T extends KubeObject> {
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  readonly indexers?: Indexers<T>
  /** Drops what the component never reads, before an object enters the cache. */
  readonly transform?: (object: T) => T
  readonly log?: Logger
}

export interface Informer<T extends KubeObject> {
  /** Runs until the signal is aborted; started a second time, it returns the first run. */
  readonly start: (signal: AbortSignal) => Promise<void>
  /** True once everything that existed at the start is in the cache and was told to the handlers. */
  readonly hasSynced: () => boolean
  /** Resolves when synced; rejects with the signal's reason. */
  readonly whenSynced: (signal?: AbortSignal) => Promise<void>
  /** A handler that comes late is told of everything in the cache first. */
  readonly addHandler: (handler: InformerHandler<T>) => void
  readonly addIndexers: (indexers: Indexers<T>) => void
  readonly lister: Lister<T>
}

export const createInformer = <T extends KubeObject>(
  client: RestClient,
  ref: ResourceRef<T>,
  options: InformerOptions<T> = {},
): Informer<T> => {
  const store = new Store<T>(options.indexers)
  const handlers: InformerHandler<T>[] = []
  const synced = Promise.withResolvers<void>()
  let isSynced = false
  let running: Promise<void> | undefined
  /** Keys seen since Init: what else the cache holds at InitDone is gone. */
  let listed: Set<string> | undefined

  /** One handler's mistake must not keep the others, or the cache, from what happened. */
  const guarded = (call: () => void): void => {
    try {
      call()
    } catch (err) {
      if (options.log !== undefined) return options.log.error({ err, resource: ref.resource }, 'event handler failed')
      queueMicrotask(() => {
        throw err // nobody to tell: it ends the process, as a bug should
      })
    }
  }

  const tell = (call: (handler: InformerHandler<T>) => void): void => {
    for (const handler of handlers) guarded(() => call(handler))
  }

  /** Nobody here reads managedFields, and they are half of many objects. */
  const trim = (object: T): T => {
    if (object.metadata?.managedFields !== undefined) delete object.metadata.managedFields
    return options.transform === undefined ? object : options.transform(object)
  }

  const apply = (key: string, object: T): void => {
    const old = store.set(key, object)
    if (old === undefined) tell((handler) => handler.onAdd?.(object))
    else if (old.metadata?.resourceVersion !== object.metadata?.resourceVersion) {
      if (old.metadata?.uid === object.metadata?.uid) return tell((handler) => handler.onUpdate?.(old, object))
      // Deleted and made again while nobody looked: two objects, not one that changed.
      tell((handler) => handler.onDelete?.(old))
      tell((handler) => handler.onAdd?.(object))
    }
  }

  const remove = (key: string): void => {
    const old = store.delete(key)
    if (old !== undefined) tell((handler) => handler.onDelete?.(old))
  }

  const onEvent = (event: ReflectorEvent<T>): void => {
    switch (event.type) {
      case 'Init':
        listed = new Set()
        return
      case 'InitApply':
      case 'Apply': {
        const object = trim(event.object)
        const key = objectKey(object)
        listed?.add(key)
        return apply(key, object)
      }
      case 'InitDone': {
        const seen = listed ?? new Set()
        listed = undefined
        for (const key of store.keys()) if (!seen.has(key)) remove(key)
        isSynced = true
        return synced.resolve()
      }
      case 'Delete': {
        const key = objectKey(event.object)
        listed?.delete(key)
        // The event carries the final state, which handlers should see.
        const last = trim(event.object)
        if (store.delete(key) !== undefined) tell((handler) => handler.onDelete?.(last))
      }
    }
  }

  return {
    start: (signal) => {
      running ??= runReflector(
        {
          client,
          ref,
          ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
          ...(options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }),
          ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
          onEvent,
          onError: (err) => options.log?.debug({ err, resource: ref.resource }, 'watch interrupted'),
        },
        signal,
      )
      return running
    },
    hasSynced: () => isSynced,
    whenSynced: (signal) => {
      if (signal === undefined) return synced.promise
      return new Promise((resolve, reject) => {
        const onAbort = (): void => reject(signal.reason as Error)
        if (signal.aborted) return onAbort()
        signal.addEventListener('abort', onAbort, { once: true })
        void synced.promise.then(() => {
          signal.removeEventListener('abort', onAbort)
          resolve()
        })
      })
    },
    addHandler: (handler) => {
      handlers.push(handler)
      for (const object of store.list()) guarded(() => handler.onAdd?.(object))
    },
    addIndexers: (indexers) => store.addIndexers(indexers),
    lister: store,
  }
}

/** One informer for each resource, shared by everything in a process. */
export interface InformerFactory {
  /**
   * The informer of a resource and selection; indexers of later callers are added. Who asks with a transform may be
   * given whole objects, if somebody else wanted those first; who asks without one always gets whole objects.
   */
  readonly for: <T extends KubeObject>(ref: ResourceRef<T>, options?: InformerOptions<T>) => Informer<T>
  /** Starts all that were asked for, and from now on those that will be. */
  readonly start: (signal: AbortSignal) => void
  readonly whenSynced: (signal?: AbortSignal) => Promise<void>
}

export const createInformerFactory = (client: RestClient, log?: Logger): InformerFactory => {
  const informers = new Map<string, Informer<KubeObject>>()
  const transforms: unknown[] = []
  let started: AbortSignal | undefined

  const idOf = <T extends KubeObject>(ref: ResourceRef<T>, options: InformerOptions<T>): string =>
    [ref.group, ref.version, ref.resource, options.namespace, options.labelSelector, options.fieldSelector].join('|')

  const trimmedId = (id: string, transform: unknown): string => {
    if (!transforms.includes(transform)) transforms.push(transform)
    return `${id}|transform ${transforms.indexOf(transform)}`
  }

  return {
    for: <T extends KubeObject>(ref: ResourceRef<T>, options: InformerOptions<T> = {}): Informer<T> => {
      const whole = idOf(ref, options)
      const id = options.transform === undefined || informers.has(whole) ? whole : trimmedId(whole, options.transform)
      const known = informers.get(id) as unknown as Informer<T> | undefined
      if (known !== undefined) {
        if (options.indexers !== undefined) known.addIndexers(options.indexers)
        return known
      }
      const informer = createInformer(client, ref, { ...(log === undefined ? {} : { log }), ...options })
      informers.set(id, informer as unknown as Informer<KubeObject>)
      if (started !== undefined) void informer.start(started)
      return informer
    },
    start: (signal) => {
      started = signal
      for (const informer of informers.values()) void informer.start(signal)
    },
    whenSynced: async (signal) => {
      await Promise.all([...informers.values()].map((informer) => informer.whenSynced(signal)))
    },
  }
}
