/**
 * How large the automaton of an RE2 pattern becomes: repetitions are copied out, and repetitions of repetitions
 * multiply, so `((a{100}){100})` of a few letters has ten thousand states. An estimate, and for what is no pattern
 * anything.
 */

/** A class of Unicode has hundreds of ranges. */
const unicodeClass = 100

interface Group {
  /** Of what is complete. */
  size: number
  /** Of the last atom, which a repetition would copy; part of `size`. */
  last: number
}

const repetition = /\{(\d{1,6})(?:,(\d{0,6}))?\}/y

/** The end of the class that begins at `start`, and its size. */
const readClass = (pattern: string, start: number): readonly [end: number, size: number] => {
  let size = 1
  let at = start + 1
  if (pattern[at] === '^') at++
  // A bracket that comes first is one of the class.
  if (pattern[at] === ']') at++
  for (; at < pattern.length && pattern[at] !== ']'; at++) {
    if (pattern[at] === '\\') {
      at++
      if (pattern[at] === 'p' || pattern[at] === 'P') size += unicodeClass
    } else if (pattern.startsWith('[:', at)) at = Math.max(at, pattern.indexOf(':]', at) + 1)
  }
  return [at, size]
}

export const patternSize = (pattern: string): number => {
  const groups: Group[] = []
  let group: Group = { size: 0, last: 0 }
  const atom = (size: number): void => {
    group.size += size
    group.last = size
  }
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern.charAt(at)
    switch (character) {
      case '\\':
        at++
        if (pattern[at] === 'p' || pattern[at] === 'P') {
          // `\pL` or `\p{Greek}`.
          at = pattern[at + 1] === '{' ? Math.max(at, pattern.indexOf('}', at)) : at + 1
          atom(unicodeClass)
        } else atom(1)
        break
      case '[': {
        const [end, size] = readClass(pattern, at)
        at = end
        atom(size)
        break
      }
      case '(':
        groups.push(group)
        group = { size: 2, last: 0 }
        break
      case ')': {
        const { size } = group
        group = groups.pop() ?? { size: 0, last: 0 }
        atom(size)
        break
      }
      case '{': {
        repetition.lastIndex = at
        const match = repetition.exec(pattern)
        if (match === null) {
          atom(1)
          break
        }
        const [whole, least = '', most] = match
        const times = Math.max(Number(least), Number(most ?? 0), 1)
        group.size += group.last * (times - 1)
        group.last *= times
        at += whole.length - 1
        break
      }
      default:
        atom(1)
    }
  }
  // Groups that do not end.
  return groups.reduce((sum, { size }) => sum + size, group.size)
}
