/** Which Pod a container or sandbox belongs to: what events do not tell. */

export interface Owners {
  set(id: string, podUid: string): void
  /** Undefined for what was never listed. */
  get(id: string): string | undefined
  forget(id: string): void
}

/** Bounded: an event of one that was forgotten is found by the relist. */
const maxKnown = 5000

export const createOwners = (): Owners => {
  const known = new Map<string, string>()
  return {
    set: (id, podUid) => {
      if (known.has(id)) return
      if (known.size >= maxKnown) known.delete(known.keys().next().value ?? '')
      known.set(id, podUid)
    },
    get: (id) => known.get(id),
    forget: (id) => {
      known.delete(id)
    },
  }
}
