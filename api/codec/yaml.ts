/** YAML 1.1 as Kubernetes reads it: JSON's types only, no dates, no binary; fields given twice reported by line. */
import {
  boolYaml11Tag,
  constructFromEvents,
  defineScalarTag,
  EVENT_ID,
  type Event,
  FAILSAFE_SCHEMA,
  floatYaml11Tag,
  getScalarValue,
  mergeTag,
  NOT_RESOLVED,
  nullYaml11Tag,
  parseEvents,
  YAMLException,
} from 'js-yaml'
import { badRequest } from '../meta/status-error.ts'
import { type ParsedText, parseJson } from './json.ts'

const maxDepth = 1_000
/** Aliases multiply: a small text may stand for a huge object ("billion laughs"). */
const maxAliases = 1_000
const maxMergedKeys = 10_000
const maxNodes = 1_000_000
const maxSourceBytes = 3 * 1024 * 1024

const maxInt64 = 2n ** 63n - 1n
const minInt64 = -(2n ** 63n)
/** Of a binary int64, the longest. */
const maxDigits = 64

/** 0x1f, 0o17, 017, 0b1 and 1_000: YAML 1.1's integers, exact up to int64. */
const integerTag = defineScalarTag<number | bigint>('tag:yaml.org,2002:int', {
  implicit: true,
  implicitFirstChars: '-+0123456789'.split(''),
  resolve: (source) => {
    const match = /^([-+]?)(?:0b([01_]+)|0x([\da-fA-F_]+)|0o?([0-7_]+)|(0|[1-9][\d_]*))$/.exec(source)
    if (match === null) return NOT_RESOLVED
    const [, sign, binary, hexadecimal, octal, decimal] = match
    const prefix = binary === undefined ? (hexadecimal === undefined ? (octal === undefined ? '' : '0o') : '0x') : '0b'
    const digits = (binary ?? hexadecimal ?? octal ?? decimal ?? '').replaceAll('_', '')
    if (digits === '') return NOT_RESOLVED
    // A bigint of a million digits takes long to make.
    if (digits.length > maxDigits) return decimal === undefined ? NOT_RESOLVED : Number(sign + digits)
    const magnitude = BigInt(prefix + digits)
    const value = sign === '-' ? -magnitude : magnitude
    if (value < minInt64 || value > maxInt64) return Number(value)
    const double = Number(value)
    return Number.isSafeInteger(double) ? double : value
  },
  identify: () => false,
})

const schema = FAILSAFE_SCHEMA.withTags(nullYaml11Tag, boolYaml11Tag, integerTag, floatYaml11Tag, mergeTag)

/** A mapping that is being walked: its keys so far, and whether the next scalar is one. */
interface Walk {
  readonly keys: Set<string> | undefined
  expectKey: boolean
}

/** More are not told: Go's limit of strict errors. */
const maxDuplicates = 100

/** The line of each position that is asked for, in the order of the text: what was counted is not counted again. */
const lineCounter = (text: string): ((position: number) => number) => {
  let line = 1
  let next = text.indexOf('\n')
  return (position) => {
    while (next >= 0 && next < position) {
      line++
      next = text.indexOf('\n', next + 1)
    }
    return line
  }
}

/** `line 9: key "foo" already set in map` for each key that a mapping has twice. */
const findDuplicates = (events: readonly Event[], text: string): string[] => {
  const problems: string[] = []
  const lineOf = lineCounter(text)
  const stack: Walk[] = []
  const child = (keys: Set<string> | undefined): void => {
    const parent = stack.at(-1)
    if (parent?.keys !== undefined) parent.expectKey = !parent.expectKey
    stack.push({ keys, expectKey: true })
  }
  for (const event of events) {
    switch (event.type) {
      case EVENT_ID.DOCUMENT:
      case EVENT_ID.SEQUENCE:
        child(undefined)
        break
      case EVENT_ID.MAPPING:
        child(new Set())
        break
      case EVENT_ID.POP:
        stack.pop()
        break
      case EVENT_ID.ALIAS:
      case EVENT_ID.SCALAR: {
        const mapping = stack.at(-1)
        if (mapping?.keys === undefined) break
        if (mapping.expectKey && event.type === EVENT_ID.SCALAR) {
          const key = getScalarValue(text, event)
          if (mapping.keys.has(key) && problems.length < maxDuplicates) {
            const line = lineOf(event.valueStart)
            problems.push(`line ${line}: key ${JSON.stringify(key)} already set in map`)
          }
          mapping.keys.add(key)
        }
        mapping.expectKey = !mapping.expectKey
        break
      }
    }
  }
  return problems
}

/** Aliases make a graph; as JSON it must be a tree, and a bounded one. */
const assertTree = (root: unknown): void => {
  const above = new Set<object>()
  let nodes = 0
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    if (above.has(value)) throw new YAMLException('anchor contains itself')
    if (++nodes > maxNodes) throw new YAMLException('document contains excessive aliasing')
    above.add(value)
    for (const member of Array.isArray(value) ? value : Object.values(value)) visit(member)
    above.delete(value)
  }
  visit(root)
}

/**
 * Parses one YAML document (or JSON, which is YAML too). Throws StatusError BadRequest with upstream's prefix.
 * Only the first document of several is read, as upstream does.
 */
export const parseYaml = (bytes: Uint8Array | string): ParsedText => {
  const text = typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8')
  if (text.length > maxSourceBytes) throw badRequest('error converting YAML to JSON: yaml: document is too large')
  // JSON first: exact and fast, and what kubectl sends as apply patches.
  if (/^\s*\{/.test(text)) {
    try {
      return parseJson(text)
    } catch {
      // A YAML flow mapping also starts with a brace.
    }
  }
  try {
    const events = parseEvents(text, { maxDepth })
    const [value = null] = constructFromEvents(events, {
      source: text,
      schema,
      json: true,
      maxAliases,
      maxTotalMergeKeys: maxMergedKeys,
    })
    assertTree(value)
    const problems = findDuplicates(events, text)
    return {
      value,
      duplicates: problems.length === 0 ? [] : [`yaml: unmarshal errors:\n  ${problems.join('\n  ')}`],
    }
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error
    const line = error.mark === undefined ? '' : `line ${error.mark.line + 1}: `
    throw badRequest(`error converting YAML to JSON: yaml: ${line}${error.reason}`)
  }
}
