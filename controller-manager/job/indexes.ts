/** Completion indexes of Indexed Jobs and their compressed text (`1,3-5`). Upstream: pkg/controller/job/indexed_job_utils.go. */
import type { Pod } from '../../api/types.ts'
import { annotationsOf } from '../objects.ts'

export const completionIndexAnnotation = 'batch.kubernetes.io/job-completion-index'

/** The Pod's index; undefined if it has none or a bad one. */
export const indexOf = (pod: Pod): number | undefined => {
  const text = annotationsOf(pod)[completionIndexAnnotation]
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}

/** Reads `1,3-5`; indexes at or above `completions` are dropped, as the Job may have shrunk. */
export const parseIndexes = (text: string | undefined, completions: number): Set<number> => {
  const result = new Set<number>()
  if (text === undefined || text === '') return result
  for (const part of text.split(',')) {
    const [first, last = first] = part.split('-')
    const end = Math.min(Number(last), completions - 1)
    for (let index = Number(first); index <= end; index += 1) result.add(index)
  }
  return result
}

/** Writes runs of three and more as `3-5`, pairs as `3,4`. */
export const formatIndexes = (indexes: Iterable<number>): string => {
  const sorted = [...new Set(indexes)].sort((a, b) => a - b)
  const parts: string[] = []
  for (let start = 0; start < sorted.length; ) {
    let end = start
    while (sorted[end + 1] === (sorted[end] ?? 0) + 1) end += 1
    if (end === start) parts.push(`${sorted[start]}`)
    else if (end === start + 1) parts.push(`${sorted[start]}`, `${sorted[end]}`)
    else parts.push(`${sorted[start]}-${sorted[end]}`)
    start = end + 1
  }
  return parts.join(',')
}

/** The first `count` indexes that are neither done nor taken. */
export const firstPending = (taken: ReadonlySet<number>, completions: number, count: number): number[] => {
  const result: number[] = []
  for (let index = 0; index < completions && result.length < count; index += 1) {
    if (!taken.has(index)) result.push(index)
  }
  return result
}
