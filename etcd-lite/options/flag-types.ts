/** Types of etcd's flags, and Go's flag package's words for what is no value of one. */
import { parseDuration } from '../../component-base/flags/duration.ts'
import { checkUrls } from './urls.ts'

export interface FlagTypes {
  string: string
  bool: boolean
  int: number
  /** An integer that is not negative. */
  uint: number
  /** Go syntax on the command line, milliseconds in the program. */
  duration: number
  /** Comma separated. */
  strings: readonly string[]
  /** Comma separated. */
  urls: readonly string[]
}
export type FlagType = keyof FlagTypes

interface Spec<Type extends FlagType> {
  readonly type: Type
  readonly default: FlagTypes[Type]
  readonly help: string
  /** Why it does nothing here: said when it is set to something else than its default. */
  readonly unsupported?: string
  /** All values that there are. */
  readonly choices?: readonly string[]
}

export type FlagSpec = { [Type in FlagType]: Spec<Type> }[FlagType]
export type FlagTable = Readonly<Record<string, FlagSpec>>
export type FlagValues<Table extends FlagTable> = { readonly [Name in keyof Table]: FlagTypes[Table[Name]['type']] }

/** Declares flags; keeps the exact type of each. */
export const defineFlags = <const Table extends FlagTable>(table: Table): Table => table

/** A text that is no value. */
export class FlagValueError extends Error {
  override readonly name = 'FlagValueError'
}

const trueWords = ['1', 't', 'T', 'true', 'TRUE', 'True']
const falseWords = ['0', 'f', 'F', 'false', 'FALSE', 'False']

const parseError = (): FlagValueError => new FlagValueError('parse error')

const parseInteger = (text: string, least: number): number => {
  if (!/^[-+]?(\d+|0[xX][\da-fA-F]+)$/.test(text)) throw parseError()
  const value = (text.startsWith('-') ? -1 : 1) * Number(text.replace(/^[-+]/, ''))
  if (value < least) throw parseError()
  if (!Number.isSafeInteger(value)) throw new FlagValueError('value out of range')
  return value
}

const list = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')

/** The value that a text means. Throws FlagValueError in Go's words. */
export const parseFlagValue = ({ type, choices }: FlagSpec, text: string): FlagTypes[FlagType] => {
  switch (type) {
    case 'string':
      if (choices !== undefined && !choices.includes(text)) throw new FlagValueError('invalid value')
      return text
    case 'bool':
      if (trueWords.includes(text)) return true
      if (falseWords.includes(text)) return false
      throw parseError()
    case 'int':
      return parseInteger(text, Number.NEGATIVE_INFINITY)
    case 'uint':
      return parseInteger(text, 0)
    case 'duration': {
      const ms = parseDuration(text)
      if (ms === undefined) throw parseError()
      return ms
    }
    case 'strings':
      return list(text)
    case 'urls': {
      const urls = list(text)
      const problem = checkUrls(urls)
      if (problem !== undefined) throw new FlagValueError(problem)
      return urls
    }
  }
}
