/** Which Pods are bound to which node, kept from the watch cache of Pods. */
import type { Pod } from '../../api/types.ts'
import type { CacheEvent } from '../storage/watch-cache/cache-event.ts'
import type { CacheWatcher, WatchCache } from '../storage/watch-cache/watch-cache.ts'

export class PodsByNode implements CacheWatcher {
  readonly #cache: WatchCache
  #index: Map<string, Map<string, Pod>> | undefined

  constructor(cache: WatchCache) {
    this.#cache = cache
  }

  async podsOf(node: string): Promise<readonly Pod[]> {
    await this.#cache.ready()
    this.#index ??= this.#build()
    return [...(this.#index.get(node)?.values() ?? [])]
  }

  onEvent(event: CacheEvent): void {
    const before = event.previous === undefined ? undefined : nodeOf(event.previous.object as Pod)
    const now = event.type === 'DELETED' ? undefined : nodeOf(event.entry.object as Pod)
    if (before !== undefined && before !== now) this.#index?.get(before)?.delete(event.key)
    if (now !== undefined) this.#add(now, event.key, event.entry.object as Pod)
  }

  onRestart(): void {
    this.#index = undefined
  }

  #build(): Map<string, Map<string, Pod>> {
    const index = new Map<string, Map<string, Pod>>()
    this.#index = index
    for (const { key, object } of this.#cache.values()) {
      const node = nodeOf(object as Pod)
      if (node !== undefined) this.#add(node, key, object as Pod)
    }
    // No await since the entries were read: no event is missed.
    this.#cache.watch(this)
    return index
  }

  #add(node: string, key: string, pod: Pod): void {
    let pods = this.#index?.get(node)
    if (pods === undefined) {
      pods = new Map()
      this.#index?.set(node, pods)
    }
    pods.set(key, pod)
  }
}

const nodeOf = (pod: Pod): string | undefined => pod.spec?.nodeName || undefined
