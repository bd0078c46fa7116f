/** What the scheduler has decided of objects before the API server knows it. Upstream: util/assumecache. */
import type { KubeObject } from '../../../api/types.ts'
import type { Lister } from '../../../client/cache/store.ts'
import { objectKey } from '../../../client/cache/store.ts'

const versionOf = (object: KubeObject): string => object.metadata?.resourceVersion ?? ''

/** True if the informer's version of an object is older than the one that the API server answered with. */
export const isOlder = (seen: KubeObject, written: KubeObject): boolean =>
  BigInt(versionOf(seen) || '0') < BigInt(versionOf(written) || '0')

/** A Lister that answers with what is assumed, until the API server has something newer. */
export class AssumeCache<T extends KubeObject> {
  readonly #lister: Lister<T>
  readonly #assumed = new Map<string, T>()

  constructor(lister: Lister<T>) {
    this.#lister = lister
  }

  get(key: string): T | undefined {
    const seen = this.#lister.get(key)
    return seen === undefined ? this.#forgotten(key) : this.#assumedOr(seen)
  }

  byIndex(index: string, value: string): T[] {
    return this.#lister.byIndex(index, value).map((seen) => this.#assumedOr(seen))
  }

  /** `object` is a changed copy of the version that is in the cache. Throws if that has changed meanwhile. */
  assume(object: T): void {
    const key = objectKey(object)
    const seen = this.#lister.get(key)
    if (seen === undefined || versionOf(seen) !== versionOf(object)) {
      throw new Error(`"${key}" is out of sync: it has changed since it was read`)
    }
    this.#assumed.set(key, object)
  }

  /** Takes an assumption back. */
  restore(key: string): void {
    this.#assumed.delete(key)
  }

  #assumedOr(seen: T): T {
    const key = objectKey(seen)
    const assumed = this.#assumed.get(key)
    if (assumed === undefined) return seen
    if (versionOf(assumed) === versionOf(seen)) return assumed
    this.#assumed.delete(key)
    return seen
  }

  #forgotten(key: string): undefined {
    this.#assumed.delete(key)
  }
}
