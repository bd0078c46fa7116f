import type { KubeObject } from '../../api/types.ts'

/** `namespace/name`, or the name alone for what has no namespace. */
export const objectKey = (object: KubeObject): string => {
  const { namespace, name = '' } = object.metadata ?? {}
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`
}

/** Values under which an object is found again. */
export type IndexFunction<T> = (object: T) => readonly string[]
export type Indexers<T> = Readonly<Record<string, IndexFunction<T>>>

/**
 * The reading side of a cache. Objects are shared by all readers and must not be changed: a reader that wants to
 * change one clones it. `get` takes `namespace/name`.
 */
export interface Lister<T> {
  readonly get: (key: string) => T | undefined
  readonly list: () => T[]
  readonly byNamespace: (namespace: string) => T[]
  /** Objects that the named index function gave that value for; throws if there is no such index. */
  readonly byIndex: (index: string, value: string) => T[]
}

const namespaceIndex = 'namespace'

/** The writing side: objects by key, and indices over them. */
export class Store<T extends KubeObject> implements Lister<T> {
  readonly #objects = new Map<string, T>()
  readonly #indexers = new Map<string, IndexFunction<T>>()
  readonly #indices = new Map<string, Map<string, Map<string, T>>>()

  constructor(indexers: Indexers<T> = {}) {
    this.addIndexers({ [namespaceIndex]: (object) => [object.metadata?.namespace ?? ''], ...indexers })
  }

  /** Adds indices, also over what is stored already; one of the same name is left as it is. */
  addIndexers(indexers: Indexers<T>): void {
    for (const [name, indexer] of Object.entries(indexers)) {
      if (this.#indexers.has(name)) continue
      this.#indexers.set(name, indexer)
      this.#indices.set(name, new Map())
      for (const [key, object] of this.#objects) this.#index(name, indexer, { key, object })
    }
  }

  readonly get = (key: string): T | undefined => this.#objects.get(key)
  readonly list = (): T[] => [...this.#objects.values()]
  readonly byNamespace = (namespace: string): T[] => this.byIndex(namespaceIndex, namespace)
  readonly byIndex = (index: string, value: string): T[] => {
    const values = this.#indices.get(index)
    if (values === undefined) throw new Error(`there is no index ${index}`)
    return [...(values.get(value)?.values() ?? [])]
  }

  keys(): string[] {
    return [...this.#objects.keys()]
  }

  /** Puts an object in and returns the one that it replaces. */
  set(key: string, object: T): T | undefined {
    const old = this.#objects.get(key)
    if (old !== undefined) this.#unindex(key, old)
    this.#objects.set(key, object)
    for (const [name, indexer] of this.#indexers) this.#index(name, indexer, { key, object })
    return old
  }

  delete(key: string): T | undefined {
    const old = this.#objects.get(key)
    if (old === undefined) return undefined
    this.#unindex(key, old)
    this.#objects.delete(key)
    return old
  }

  #index(name: string, indexer: IndexFunction<T>, { key, object }: { readonly key: string; readonly object: T }): void {
    const values = this.#indices.get(name)
    for (const value of indexer(object)) {
      const objects = values?.get(value)
      if (objects === undefined) values?.set(value, new Map([[key, object]]))
      else objects.set(key, object)
    }
  }

  #unindex(key: string, object: T): void {
    for (const [name, indexer] of this.#indexers) {
      const values = this.#indices.get(name)
      for (const value of indexer(object)) {
        const objects = values?.get(value)
        objects?.delete(key)
        if (objects?.size === 0) values?.delete(value)
      }
    }
  }
}
