/**
 * Deals each flow a hand of queues, so that two flows seldom share all of theirs: one that floods fills its own hand,
 * and others find a queue beside it. Upstream: k8s.io/apiserver/pkg/util/shufflesharding
 */
import { createHash } from 'node:crypto'

/** What names a flow, as 64 bits. Upstream: hashFlowID. */
export const flowHash = (schema: string, distinguisher: string): bigint =>
  createHash('sha256').update(`${schema}\0${distinguisher}`).digest().readBigUInt64LE()

/** `handSize` different numbers below `deckSize`. */
export const dealHand = (hash: bigint, deckSize: number, handSize: number): number[] => {
  const remainders: number[] = []
  let rest = hash
  for (let dealt = 0; dealt < handSize; dealt++) {
    const left = BigInt(deckSize - dealt)
    remainders.push(Number(rest % left))
    rest /= left
  }
  // Each counts among the cards that are left: from last to first it moves up past those that were dealt before it.
  return remainders.map((remainder, index) => {
    let card = remainder
    for (let before = index - 1; before >= 0; before--) if (card >= (remainders[before] ?? 0)) card++
    return card
  })
}
