/** How many watches a change of an object will be told to, as far as its request says. Upstream: watch_tracker.go */
import type { RequestInfo } from '../server/request-info.ts'

/** Selectors on this field are an index of the watch cache: a watch with one sees few of the changes. */
const indexedField = /(?:^|,)spec\.nodeName==?[^,!]+/

const keyOf = ({ apiGroup, resource }: RequestInfo, namespace: string, name: string): string =>
  `${apiGroup}/${resource}/${namespace}/${name}`

export class WatchTracker {
  readonly #counts = new Map<string, number>()

  /** A watch has begun; returns what is to be called when it is over. */
  register(info: RequestInfo, query: URLSearchParams): () => void {
    if (info.resource === 'pods' && indexedField.test(query.get('fieldSelector') ?? '')) return () => {}
    const key = keyOf(info, info.namespace, info.name)
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
    let over = false
    return () => {
      if (over) return
      over = true
      const left = (this.#counts.get(key) ?? 0) - 1
      if (left > 0) this.#counts.set(key, left)
      else this.#counts.delete(key)
    }
  }

  /** Watches of all objects, of those of the namespace, and of this one. */
  interestedIn(info: RequestInfo): number {
    if (this.#counts.size === 0) return 0
    const { namespace, name } = info
    let count = this.#counts.get(keyOf(info, '', '')) ?? 0
    if (namespace !== '') count += this.#counts.get(keyOf(info, namespace, '')) ?? 0
    if (name !== '') count += this.#counts.get(keyOf(info, namespace, name)) ?? 0
    return count
  }
}
