/**
 * How much memory the history of all resources together may take, and that of one. Whoever writes when all is spent
 * makes the resource with the longest history forget its oldest change.
 */
export interface HistoryHolder {
  readonly heldBytes: number
  /** False if there is nothing left to drop. */
  dropOldest(): boolean
}

export interface HistoryLimits {
  readonly maxBytes: number
  readonly maxBytesPerResource: number
}

const mebibyte = 1024 * 1024
export const defaultHistoryLimits: HistoryLimits = { maxBytes: 32 * mebibyte, maxBytesPerResource: 16 * mebibyte }

export class HistoryBudget {
  readonly #limits: HistoryLimits
  readonly #holders = new Set<HistoryHolder>()
  #bytes = 0

  constructor(limits: HistoryLimits = defaultHistoryLimits) {
    this.#limits = limits
  }

  get heldBytes(): number {
    return this.#bytes
  }

  add(holder: HistoryHolder): void {
    this.#holders.add(holder)
  }

  remove(holder: HistoryHolder): void {
    this.#holders.delete(holder)
  }

  /** Notes what `holder` has just taken, and makes room for it. */
  charge(holder: HistoryHolder, bytes: number): void {
    this.#bytes += bytes
    while (holder.heldBytes > this.#limits.maxBytesPerResource && holder.dropOldest());
    while (this.#bytes > this.#limits.maxBytes && this.#largest()?.dropOldest() === true);
  }

  release(bytes: number): void {
    this.#bytes -= bytes
  }

  #largest(): HistoryHolder | undefined {
    let largest: HistoryHolder | undefined
    for (const holder of this.#holders) {
      if (holder.heldBytes > (largest?.heldBytes ?? 0)) largest = holder
    }
    return largest
  }
}
