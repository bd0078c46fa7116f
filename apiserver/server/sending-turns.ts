/**
 * Whose turn it is to write a big answer. All at once, dozens of them would be written bit by bit and all be done at the
 * same late time, each keeping its seats until then (see flow-control/). A few at a time, one after the other is done.
 * Who waits for a slow reader holds nobody up, and goes on before others begin.
 */
export class SendingTurns {
  #free: number
  readonly #begun: (() => void)[] = []
  readonly #new: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  /** Waits for a turn, which has to be given back. `hasBegun`: some of the answer was written before. */
  take(hasBegun: boolean): Promise<void> | undefined {
    if (this.#free > 0) {
      this.#free--
      return undefined
    }
    return new Promise((resolve) => void (hasBegun ? this.#begun : this.#new).push(resolve))
  }

  /** The next one's turn begins. */
  give(): void {
    const next = this.#begun.shift() ?? this.#new.shift()
    if (next === undefined) this.#free++
    else next()
  }
}
