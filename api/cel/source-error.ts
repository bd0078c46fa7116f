/** Errors in an expression's text, in the form of cel-go: where they are, and the line with a mark under the place. */
import { lengthOf } from './values.ts'

export interface Issue {
  /** Offset in the source, in UTF-16 units. */
  readonly pos: number
  readonly message: string
}

/** What is wrong with an expression. The message lists every issue as cel-go prints them. */
export class CelSourceError extends Error {
  readonly issues: readonly Issue[]

  constructor(source: string, issues: readonly Issue[]) {
    super(issues.map((issue) => format(source, issue)).join('\n'))
    this.name = 'CelSourceError'
    this.issues = issues
  }
}

const format = (source: string, { pos, message }: Issue): string => {
  const before = source.slice(0, pos)
  const lineStart = before.lastIndexOf('\n') + 1
  const line = before.split('\n').length
  const column = lengthOf(source.slice(lineStart, pos))
  const end = source.indexOf('\n', lineStart)
  const text = source.slice(lineStart, end === -1 ? undefined : end).replaceAll('\t', ' ')
  return `ERROR: <input>:${line}:${column + 1}: ${message}\n | ${text}\n | ${'.'.repeat(column)}^`
}
