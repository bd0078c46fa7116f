/** Owners that were asked for and do not exist: thousands of dependents of one owner need only one question. */
import type { Identity } from './graph.ts'

const capacity = 500

/** Remembers the latest; a uid never comes back, so what is in here stays true. */
export class AbsentOwners {
  readonly #keys = new Set<string>()

  has(identity: Identity): boolean {
    return this.#keys.has(keyOf(identity))
  }

  add(identity: Identity): void {
    this.#keys.add(keyOf(identity))
    if (this.#keys.size > capacity) {
      for (const oldest of this.#keys) {
        this.#keys.delete(oldest)
        break
      }
    }
  }
}

/** The namespace counts: the owner may exist, but not where this dependent looks for it. */
const keyOf = ({ apiVersion, kind, namespace, name, uid }: Identity): string =>
  `${apiVersion}|${kind}|${namespace}|${name}|${uid}`
