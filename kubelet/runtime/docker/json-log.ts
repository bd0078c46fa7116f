/** Docker's json-file logs, and where a copy of one in CRI's format must go on. */
import type { FileHandle } from 'node:fs/promises'
import { fixedTime, formatLine, parseLine } from '../../logs/cri-format.ts'

/** One line of the engine's file in CRI's format; '' for what is none. */
export const toCriLine = (json: string): string => {
  let entry: { log?: unknown; stream?: unknown; time?: unknown }
  try {
    entry = JSON.parse(json) as typeof entry
  } catch {
    return '' // cut off by an end of the engine
  }
  const { log, stream, time } = entry
  if (typeof log !== 'string' || typeof time !== 'string') return ''
  // Long lines come in parts, of which only the last one ends in a newline.
  const isWhole = log.endsWith('\n')
  return formatLine(time, stream === 'stderr', !isWhole, isWhole ? log.slice(0, -1) : log)
}

const timeField = '"time":"'

/** Time of an entry with nine digits, so that texts compare as times do; '' where there is none. */
export const timeOfEntry = (json: string): string => {
  const at = json.lastIndexOf(timeField)
  if (at < 0) return ''
  return fixedTime(json.slice(at + timeField.length, json.indexOf('"', at + timeField.length)))
}

/** Entries up to this one are in the copy: those of earlier times, and the first `count` of this time. */
export interface Mark {
  readonly time: string
  readonly count: number
}

export const noMark: Mark = { time: '', count: 0 }

const tailBytes = 64 * 1024

/** The mark of a copy, and its length up to the last whole line. */
export const markOf = async (copy: FileHandle): Promise<{ readonly mark: Mark; readonly wholeBytes: number }> => {
  const { size } = await copy.stat()
  const start = Math.max(0, size - tailBytes)
  const tail = Buffer.alloc(size - start)
  await copy.read(tail, 0, tail.length, start)
  const end = tail.lastIndexOf(0x0a) + 1
  const times: string[] = []
  for (let from = 0, at = tail.indexOf(0x0a); at >= 0; from = at + 1, at = tail.indexOf(0x0a, from)) {
    const line = parseLine(tail.subarray(from, at))
    if (line !== undefined) times.push(fixedTime(line.time))
  }
  const time = times.at(-1) ?? ''
  return {
    mark: time === '' ? noMark : { time, count: times.filter((other) => other === time).length },
    wholeBytes: start + end,
  }
}

/** Tells of one entry after the other whether it is to be copied. */
export const createSkipper = ({ time, count }: Mark): ((json: string) => boolean) => {
  let left = count
  let passed = time === ''
  return (json) => {
    if (passed) return true
    const own = timeOfEntry(json)
    if (own < time) return false
    if (own === time && left > 0) {
      left--
      return false
    }
    passed = true
    return true
  }
}
