/** Scores of nodes: whole numbers from 0 to 100. */

/** Highest score that a plugin gives. Upstream: framework.MaxNodeScore. */
export const maxNodeScore = 100

/** Scales raw scores so that the highest becomes 100; `reverse` turns "more is worse" around. */
export const defaultNormalize = (scores: number[], reverse: boolean): void => {
  let highest = 0
  for (const score of scores) if (score > highest) highest = score
  if (highest === 0) {
    scores.fill(reverse ? maxNodeScore : 0)
    return
  }
  for (let index = 0; index < scores.length; index++) {
    const scaled = Math.floor(((scores[index] ?? 0) * maxNodeScore) / highest)
    scores[index] = reverse ? maxNodeScore - scaled : scaled
  }
}
