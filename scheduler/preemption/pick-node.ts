/** Which of the nodes where preemption would help is the one to choose. Upstream: pickOneNodeForPreemption. */
import type { Victims } from '../framework/extender.ts'
import { priorityOf, startTimeOf } from './pod-importance.ts'

export interface Candidate extends Victims {
  readonly nodeName: string
}

/** Makes all priorities positive: many Pods of a negative priority must not seem better than few. */
const offset = 2 ** 31

/** When the first of its most important victims began to run. */
const earliestStart = ({ pods }: Candidate, nowMs: number): number => {
  const highest = Math.max(...pods.map(priorityOf))
  return Math.min(...pods.filter((pod) => priorityOf(pod) === highest).map((pod) => startTimeOf(pod, nowMs)))
}

/** The smaller the better; each decides only between nodes that are equal by all before it. */
const criteria: readonly ((candidate: Candidate, nowMs: number) => number)[] = [
  ({ pdbViolations }) => pdbViolations,
  // Victims are in the order of their importance.
  ({ pods: [first] }) => (first === undefined ? -Infinity : priorityOf(first)),
  ({ pods }) => pods.reduce((sum, pod) => sum + priorityOf(pod) + offset, 0),
  ({ pods }) => pods.length,
  (candidate, nowMs) => -earliestStart(candidate, nowMs),
]

/** Undefined only if there are no candidates; the first of those that are equal by everything. */
export const pickCandidate = (candidates: readonly Candidate[], nowMs: number): Candidate | undefined => {
  let best = candidates
  for (const criterion of criteria) {
    if (best.length < 2) break
    const scores = best.map((candidate) => criterion(candidate, nowMs))
    const lowest = Math.min(...scores)
    best = best.filter((_, index) => scores[index] === lowest)
  }
  return best[0]
}
