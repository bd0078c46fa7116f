/** Chance that can be had again: a generator (mulberry32) from a seed, which the test prints. */

export interface SeededRandom {
  readonly seed: number
  /** 0 <= x < 1 */
  next(): number
  /** A whole number, 0 <= x < end. */
  below(end: number): number
  pick<T>(items: readonly [T, ...T[]]): T
  /** True once in `n` times. */
  oneIn(n: number): boolean
}

export const seededRandom = (seed: number): SeededRandom => {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (end: number): number => Math.floor(next() * end)
  return {
    seed,
    next,
    below,
    pick: (items) => items[below(items.length)] ?? items[0],
    oneIn: (n) => below(n) === 0,
  }
}

/** The seed of this run: KUBETS_SEED, or a fresh one. */
export const runSeed = (): number => {
  const given = process.env['KUBETS_SEED']
  return given === undefined ? (crypto.getRandomValues(new Uint32Array(1))[0] ?? 1) : Number(given)
}
