/** Field selectors: `metadata.name=web,status.phase!=Running`. Upstream: apimachinery/pkg/fields. */
import { badRequest } from './status-error.ts'

export interface FieldRequirement {
  readonly field: string
  readonly op: '=' | '!='
  readonly value: string
}

/** Splits at commas that no backslash escapes. */
const splitTerms = (text: string): string[] => {
  const terms: string[] = []
  let start = 0
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === ',') {
      terms.push(text.slice(start, i))
      start = i + 1
    }
  }
  terms.push(text.slice(start))
  return terms
}

const unescape = (value: string): string => {
  let result = ''
  for (let i = 0; i < value.length; i++) {
    const character = value.charAt(i)
    if (character === '\\') {
      const escaped = value[++i]
      if (escaped !== '\\' && escaped !== ',' && escaped !== '=') {
        throw badRequest(`invalid field selector: invalid escape sequence: \\${escaped ?? ''}`)
      }
      result += escaped
    } else if (character === ',' || character === '=') {
      throw badRequest(`invalid field selector: unescaped character in value: ${character.charCodeAt(0)}`)
    } else {
      result += character
    }
  }
  return result
}

const parseTerm = (term: string, text: string): FieldRequirement => {
  for (let i = 0; i < term.length; i++) {
    if (term[i] === '\\') {
      i++
      continue
    }
    for (const operator of ['!=', '==', '='] as const) {
      if (!term.startsWith(operator, i)) continue
      const value = unescape(term.slice(i + operator.length))
      return { field: term.slice(0, i), op: operator === '!=' ? '!=' : '=', value }
    }
  }
  throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`)
}

/** Parses a field selector; throws StatusError BadRequest with upstream's message. Empty text gives no requirements. */
export const parseFieldSelector = (text: string): readonly FieldRequirement[] =>
  splitTerms(text)
    .filter((term) => term !== '')
    .map((term) => parseTerm(term, text))

/** True if `valueOf` each required field is as wanted; an absent field counts as ''. */
export const matchesFields = (
  requirements: readonly FieldRequirement[],
  valueOf: (field: string) => string | undefined,
): boolean => requirements.every(({ field, op, value }) => ((valueOf(field) ?? '') === value) === (op === '='))
