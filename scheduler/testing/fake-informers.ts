/** Informers whose caches tests fill by hand. */
import type { ResourceRef } from '../../api/resources.ts'
import type { KubeObject } from '../../api/types.ts'
import type { Informer, InformerFactory, InformerHandler } from '../../client/cache/informer.ts'
import { objectKey, Store } from '../../client/cache/store.ts'

export interface FakeInformers {
  readonly factory: InformerFactory
  /** Puts an object into the cache and tells the handlers. */
  readonly set: (ref: ResourceRef, object: KubeObject) => void
  readonly delete: (ref: ResourceRef, key: string) => void
}

interface Fake {
  readonly store: Store<KubeObject>
  readonly handlers: InformerHandler<KubeObject>[]
}

export const fakeInformers = (): FakeInformers => {
  const fakes = new Map<string, Fake>()
  const fakeOf = (ref: ResourceRef): Fake => {
    const key = `${ref.group}/${ref.resource}`
    const fake = fakes.get(key) ?? { store: new Store<KubeObject>(), handlers: [] }
    fakes.set(key, fake)
    return fake
  }
  return {
    factory: {
      for: (ref, options = {}) => {
        const { store, handlers } = fakeOf(ref as ResourceRef)
        if (options.indexers !== undefined) store.addIndexers(options.indexers as never)
        const informer: Informer<KubeObject> = {
          start: () => Promise.resolve(),
          hasSynced: () => true,
          whenSynced: () => Promise.resolve(),
          addHandler: (handler) => {
            handlers.push(handler)
            for (const object of store.list()) handler.onAdd?.(object)
          },
          addIndexers: (indexers) => store.addIndexers(indexers),
          lister: store,
        }
        return informer as never
      },
      start: () => undefined,
      whenSynced: () => Promise.resolve(),
    },
    set: (ref, object) => {
      const { store, handlers } = fakeOf(ref)
      const old = store.set(objectKey(object), object)
      for (const { onAdd, onUpdate } of handlers) {
        if (old === undefined) onAdd?.(object)
        else onUpdate?.(old, object)
      }
    },
    delete: (ref, key) => {
      const { store, handlers } = fakeOf(ref)
      const old = store.delete(key)
      if (old !== undefined) for (const { onDelete } of handlers) onDelete?.(old)
    },
  }
}
