/** Lines of a log in CRI's format: `<RFC 3339 time> <stdout|stderr> <P|F> <text>`; P is a part of a line, F its end. */

export interface LogLine {
  /** As it stands in the file. */
  readonly time: string
  readonly stderr: boolean
  /** The line goes on in the next entry of its stream. */
  readonly partial: boolean
  readonly text: Buffer
}

const space = 0x20
const [partialTag, tagSeparator] = [0x50, 0x3a]

/** One line without its newline; undefined for what is none of this format. */
export const parseLine = (line: Buffer): LogLine | undefined => {
  const afterTime = line.indexOf(space)
  const afterStream = line.indexOf(space, afterTime + 1)
  if (afterTime <= 0 || afterStream < 0) return undefined
  const stream = line.toString('latin1', afterTime + 1, afterStream)
  if (stream !== 'stdout' && stream !== 'stderr') return undefined
  const afterTags = line.indexOf(space, afterStream + 1)
  const end = afterTags < 0 ? line.length : afterTags
  const next = line[afterStream + 2]
  return {
    time: line.toString('latin1', 0, afterTime),
    stderr: stream === 'stderr',
    // Tags are separated by colons, the first one says how the line ends.
    partial: line[afterStream + 1] === partialTag && (end === afterStream + 2 || next === tagSeparator),
    text: line.subarray(afterTags < 0 ? line.length : afterTags + 1),
  }
}

/** Heads of entries are the same for all of a stream. */
export const formatLine = (time: string, stderr: boolean, partial: boolean, text: string): string =>
  `${time} ${stderr ? 'stderr' : 'stdout'} ${partial ? 'P' : 'F'} ${text}\n`

/** A time with nine digits of a second, as answers have it; runtimes leave zeros at the end away. */
export const fixedTime = (time: string): string => {
  const [, head = time, fraction = '', zone = ''] = /^([^.Z+]+?)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(time) ?? []
  return zone === '' ? time : `${head}.${fraction.padEnd(9, '0')}${zone}`
}
