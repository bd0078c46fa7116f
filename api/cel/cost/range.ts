/** Estimates: the least and the most of a size or a cost. What is unknown has no end; nothing overflows. */

export interface Range {
  readonly min: number
  readonly max: number
}

export const fixed = (value: number): Range => ({ min: value, max: value })
export const unknown: Range = { min: 0, max: Infinity }
export const nothing: Range = fixed(0)

/** Nothing times anything is nothing, also if that has no end. */
const product = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : a * b)

export const add = (a: Range, b: Range): Range => ({ min: a.min + b.min, max: a.max + b.max })
export const sum = (ranges: Iterable<Range>): Range => {
  let total = nothing
  for (const range of ranges) total = add(total, range)
  return total
}
export const multiply = (a: Range, b: Range): Range => ({ min: product(a.min, b.min), max: product(a.max, b.max) })
/** Costs are whole: rounded up. */
export const scale = ({ min, max }: Range, factor: number): Range => ({
  min: Math.ceil(product(min, factor)),
  max: Math.ceil(product(max, factor)),
})
/** What covers both. */
export const union = (a: Range, b: Range): Range => ({ min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) })

/** Of walking over a character. */
export const traversalFactor = 0.1
/** Of a character of a regular expression. */
export const regexFactor = 0.25
/** Of a string that is walked over. */
export const walk = (size: Range): Range => scale(size, traversalFactor)
