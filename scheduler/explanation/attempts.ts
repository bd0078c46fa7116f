import type { Pod } from '../../api/types.ts'
import type { Attempt } from './explanation.ts'

/** Statuses of nodes that are kept, over all Pods: some hundred bytes each where they are not shared. */
const maxStatuses = 200_000

const sizeOf = ({ diagnosis }: Attempt): number => 1 + (diagnosis?.nodeToStatus.size ?? 0)

/** The last attempt of each Pod that waits. Bounded: the attempts that were made longest ago go first. */
export class Attempts {
  /** By uid, the latest last. */
  readonly #attempts = new Map<string, Attempt>()
  readonly #max: number
  #size = 0

  constructor(max = maxStatuses) {
    this.#max = max
  }

  set(attempt: Attempt): void {
    const uid = attempt.pod.metadata?.uid ?? ''
    this.delete(uid)
    this.#attempts.set(uid, attempt)
    this.#size += sizeOf(attempt)
    for (const oldest of this.#attempts.keys()) {
      if (this.#size <= this.#max || oldest === uid) return
      this.delete(oldest)
    }
  }

  get(pod: Pod): Attempt | undefined {
    return this.#attempts.get(pod.metadata?.uid ?? '')
  }

  delete(uid: string): void {
    const attempt = this.#attempts.get(uid)
    if (attempt === undefined) return
    this.#attempts.delete(uid)
    this.#size -= sizeOf(attempt)
  }
}
