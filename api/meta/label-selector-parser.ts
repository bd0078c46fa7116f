/** The grammar of label selectors, with upstream's error texts. Upstream: apimachinery/pkg/labels/selector.go. */
import { isQualifiedName, isValidLabelValue } from './names.ts'

export type LabelOperator = 'in' | 'notin' | '=' | '==' | '!=' | 'gt' | 'lt' | 'exists' | '!'

export interface LabelRequirement {
  readonly key: string
  readonly op: LabelOperator
  readonly values: readonly string[]
}

type TokenType = 'word' | 'operator' | 'not' | 'open' | 'close' | 'comma' | 'end'
interface Token {
  readonly type: TokenType
  readonly text: string
}

const symbolTypes = new Map<string, TokenType>([
  ['(', 'open'],
  [')', 'close'],
  [',', 'comma'],
  ['!', 'not'],
])
const binaryOperators = 'in, notin, =, ==, !=, gt, lt'

const tokenize = (text: string): Token[] => {
  const tokens: Token[] = []
  const lexer = /\s*(?:(==|!=|=|>|<)|([(),!])|([^\s=!(),<>]+))/gy
  for (let match = lexer.exec(text); match !== null; match = lexer.exec(text)) {
    const [, operator, symbol, word] = match
    if (operator !== undefined) tokens.push({ type: 'operator', text: operator })
    else if (symbol !== undefined) tokens.push({ type: symbolTypes.get(symbol) ?? 'word', text: symbol })
    else tokens.push({ type: 'word', text: word ?? '' })
  }
  tokens.push({ type: 'end', text: '' })
  return tokens
}

/** Why a requirement is malformed, in upstream's words, or undefined. */
export const validateRequirement = ({ key, op, values }: LabelRequirement): string | undefined => {
  const problems = isQualifiedName(key).map((message) => `key: Invalid value: ${JSON.stringify(key)}: ${message}`)
  const shown = values.length === 0 ? '[]string{}' : `[]string{${values.map((v) => JSON.stringify(v)).join(', ')}}`
  const count = (message: string): void => void problems.push(`values: Invalid value: ${shown}: ${message}`)
  if ((op === 'in' || op === 'notin') && values.length === 0) {
    count("for 'in', 'notin' operators, values set can't be empty")
  }
  if ((op === '=' || op === '==' || op === '!=') && values.length !== 1) {
    count('exact-match compatibility requires one single value')
  }
  if ((op === 'exists' || op === '!') && values.length !== 0)
    count('values set must be empty for exists and does not exist')
  if (op === 'gt' || op === 'lt') {
    if (values.length !== 1) count("for 'Gt', 'Lt' operators, exactly one value is required")
    values.forEach((value, index) => {
      if (!/^[+-]?\d{1,19}$/.test(value)) {
        problems.push(
          `values[${index}]: Invalid value: ${JSON.stringify(value)}: for 'Gt', 'Lt' operators, the value must be an integer`,
        )
      }
    })
  }
  values.forEach((value, index) => {
    for (const message of isValidLabelValue(value)) {
      problems.push(`values[${index}][${key}]: Invalid value: ${JSON.stringify(value)}: ${message}`)
    }
  })
  if (problems.length === 0) return undefined
  return problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`
}

class SyntaxProblem extends Error {}

/** Recursive descent over the tokens; every failure is a SyntaxProblem with upstream's sentence. */
class Parser {
  readonly #tokens: readonly Token[]
  #position = 0

  constructor(text: string) {
    this.#tokens = tokenize(text)
  }

  #peek(): Token {
    return this.#tokens[this.#position] ?? { type: 'end', text: '' }
  }

  #next(): Token {
    const token = this.#peek()
    this.#position++
    return token
  }

  /** requirement { ',' requirement } */
  parse(): LabelRequirement[] {
    const requirements: LabelRequirement[] = []
    for (;;) {
      const token = this.#peek()
      if (token.type === 'end') return requirements
      if (token.type !== 'word' && token.type !== 'not') {
        throw new SyntaxProblem(`found '${token.text}', expected: !, identifier, or 'end of string'`)
      }
      requirements.push(this.#requirement())
      const separator = this.#next()
      if (separator.type === 'end') return requirements
      if (separator.type !== 'comma') {
        throw new SyntaxProblem(`found '${separator.text}', expected: ',' or 'end of string'`)
      }
      const after = this.#peek()
      if (after.type !== 'word' && after.type !== 'not') {
        throw new SyntaxProblem(`found '${after.text}', expected: identifier after ','`)
      }
    }
  }

  /** '!' key | key | key operator values */
  #requirement(): LabelRequirement {
    const negated = this.#peek().type === 'not'
    if (negated) this.#next()
    const key = this.#next()
    if (key.type !== 'word') throw this.#inRequirement(`found '${key.text}', expected: identifier`)
    if (negated) return this.#checked({ key: key.text, op: '!', values: [] })
    const following = this.#peek()
    if (following.type === 'end' || following.type === 'comma') {
      return this.#checked({ key: key.text, op: 'exists', values: [] })
    }
    const op = this.#operator()
    const values = op === 'in' || op === 'notin' ? this.#values() : [this.#exactValue()]
    return this.#checked({ key: key.text, op, values })
  }

  #operator(): LabelOperator {
    const { text } = this.#next()
    switch (text) {
      case '=':
      case '==':
      case '!=':
      case 'in':
      case 'notin':
        return text
      case '>':
        return 'gt'
      case '<':
        return 'lt'
      default:
        throw this.#inRequirement(`found '${text}', expected: ${binaryOperators}`)
    }
  }

  /** What stands after `=`; nothing at all is the empty value. */
  #exactValue(): string {
    const { type } = this.#peek()
    if (type === 'end' || type === 'comma') return ''
    const token = this.#next()
    if (token.type !== 'word') throw this.#inRequirement(`found '${token.text}', expected: identifier`)
    return token.text
  }

  /** '(' value { ',' value } ')' where a missing value is '' */
  #values(): string[] {
    const open = this.#next()
    if (open.type !== 'open') throw this.#inRequirement(`found '${open.text}' expected: '('`)
    const values = new Set<string>()
    let expectValue = true
    for (;;) {
      const token = this.#next()
      if (token.type === 'word') {
        values.add(token.text)
        expectValue = false
      } else if (token.type === 'comma') {
        if (expectValue) values.add('')
        expectValue = true
      } else if (token.type === 'close') {
        if (expectValue) values.add('')
        return [...values].sort()
      } else {
        throw this.#inRequirement(`found '${token.text}', expected: ',', ')' or identifier`)
      }
    }
  }

  #checked(requirement: LabelRequirement): LabelRequirement {
    const problem = validateRequirement(requirement)
    if (problem !== undefined) throw this.#inRequirement(problem)
    return requirement
  }

  #inRequirement(message: string): SyntaxProblem {
    return new SyntaxProblem(`unable to parse requirement: ${message}`)
  }
}

/** The requirements of a selector's text, sorted by key, or why it cannot be parsed. */
export const parseRequirements = (text: string): readonly LabelRequirement[] | string => {
  try {
    return new Parser(text).parse().sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  } catch (error) {
    if (error instanceof SyntaxProblem) return error.message
    throw error
  }
}
