/**
 * Tokens to a syntax tree: precedence climbing. Macros are expanded as they are parsed, as cel-go does.
 * Grammar: https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax
 */
import type { Call, Expr, ListElement, MapEntry, StructField } from './ast.ts'
import { OutOfRange, type Token, tokenize } from './lexer.ts'
import { expandMacro } from './macros.ts'
import { CelSourceError } from './source-error.ts'
import { minInt } from './values.ts'

/** Upstream: the parser's limits in cel-go. */
const maxDepth = 250
const maxCodePoints = 100_000

const reserved = new Set(
  'as break const continue else for function if import let loop package namespace return var void while'.split(' '),
)

/** Whether a name means something to CEL itself. */
export const isReserved = (name: string): boolean =>
  reserved.has(name) || name === 'in' || name === 'true' || name === 'false' || name === 'null'

/** Binary operators by how they bind, the loosest first. */
const levels: readonly (readonly string[])[] = [
  ['||'],
  ['&&'],
  ['<', '<=', '>=', '>', '==', '!=', 'in'],
  ['+', '-'],
  ['*', '/', '%'],
]
/** What cel-go lists where an expression should begin. */
const expressionStart =
  "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"
const operatorName = (text: string): string => (text === 'in' ? '@in' : `_${text}_`)

/** Throws CelSourceError. */
export const parse = (source: string): Expr => {
  if (source.length > maxCodePoints) {
    const message = `expression code point size exceeds limit: size: ${source.length}, limit ${maxCodePoints}`
    throw new CelSourceError(source, [{ pos: 0, message }])
  }
  const tokens = tokenize(source)
  let index = 0
  let depth = 0

  const peek = (): Token => tokens[index] ?? { type: 'end', text: '<EOF>', pos: source.length }
  const is = (text: string): boolean => {
    const token = peek()
    return token.type === 'symbol' && token.text === text
  }
  const take = (): Token => {
    const token = peek()
    index++
    return token
  }
  const accept = (text: string): Token | undefined => (is(text) ? take() : undefined)
  const fail = (pos: number, message: string): CelSourceError => new CelSourceError(source, [{ pos, message }])
  const unexpected = (wanted: string): CelSourceError => {
    const { text, pos } = peek()
    return fail(pos, `Syntax error: mismatched input '${text}' expecting ${wanted}`)
  }
  const expect = (text: string): Token => {
    const token = accept(text)
    if (token === undefined) throw unexpected(`'${text}'`)
    return token
  }
  const nested = <T>(run: () => T): T => {
    if (++depth > maxDepth) throw fail(peek().pos, `expression recursion limit exceeded: ${maxDepth}`)
    const result = run()
    depth--
    return result
  }
  const call = (pos: number, name: string, args: readonly Expr[], target?: Expr): Expr => {
    const plain: Call = { kind: 'call', pos, name, target, args }
    return expandMacro(plain, fail) ?? plain
  }

  const expression = (): Expr =>
    nested(() => {
      const condition = binary(0)
      const question = accept('?')
      if (question === undefined) return condition
      const yes = binary(0)
      expect(':')
      return call(question.pos, '_?_:_', [condition, yes, expression()])
    })

  const binary = (level: number): Expr => {
    const operators = levels[level]
    if (operators === undefined) return unary()
    let left = binary(level + 1)
    let chain = 0
    for (;;) {
      const token = peek()
      if (token.type !== 'symbol' || !operators.includes(token.text)) return left
      if (level >= 2 && ++chain + depth > maxDepth)
        throw fail(token.pos, `expression recursion limit exceeded: ${maxDepth}`)
      index++
      left = call(token.pos, operatorName(token.text), [left, binary(level + 1)])
    }
  }

  const unary = (): Expr => {
    const sign = accept('!') ?? accept('-')
    if (sign === undefined) return member()
    let count = 1
    while (accept(sign.text) !== undefined) count++
    const next = peek()
    // A minus is part of the literal behind it, and of nothing more: -2.x() is (-2).x().
    if (sign.text === '-' && next.type === 'literal' && (typeof next.value === 'number' || isIntegral(next.value))) {
      return member(count % 2 === 1)
    }
    const operand = member()
    return count % 2 === 0 ? operand : call(sign.pos, sign.text === '!' ? '!_' : '-_', [operand])
  }

  const member = (negative = false): Expr => {
    let operand = primary(negative)
    for (;;) {
      const token = peek()
      if (accept('.') !== undefined) operand = afterDot(operand, token.pos)
      else if (accept('[') !== undefined) {
        const optional = accept('?') !== undefined
        const key = expression()
        expect(']')
        operand = call(token.pos, optional ? '_[?_]' : '_[_]', [operand, key])
      } else return operand
    }
  }

  const afterDot = (operand: Expr, pos: number): Expr => {
    const optional = accept('?') !== undefined
    const name = take()
    if (name.type !== 'ident') {
      index--
      throw unexpected('IDENTIFIER')
    }
    if (optional) {
      const field: Expr = { kind: 'literal', pos: name.pos, value: name.text }
      return call(pos, '_?._', [operand, field])
    }
    const open = name.quoted ? undefined : accept('(')
    if (open !== undefined) return call(open.pos, name.text, list(')'), operand)
    return { kind: 'select', pos, operand, field: name.text, testOnly: false }
  }

  /** Expressions up to the closing sign. */
  const list = (close: string): Expr[] => {
    const items: Expr[] = []
    while (!is(close)) {
      items.push(expression())
      if (accept(',') === undefined) break
      if (close === ')' && is(close)) throw unexpected(expressionStart)
    }
    expect(close)
    return items
  }

  const primary = (negative: boolean): Expr => {
    const token = take()
    if (token.type === 'literal') {
      const { value } = token
      if (value instanceof OutOfRange) {
        if (!negative) throw fail(token.pos, 'invalid int literal')
        return { kind: 'literal', pos: token.pos, value: minInt }
      }
      const signed = negative && (typeof value === 'bigint' || typeof value === 'number') ? -value : value
      return { kind: 'literal', pos: token.pos, value: signed }
    }
    if (token.type === 'symbol') {
      if (token.text === '(') {
        const inner = expression()
        expect(')')
        return inner
      }
      if (token.text === '[') return { kind: 'list', pos: token.pos, elements: elements() }
      if (token.text === '{') return { kind: 'map', pos: token.pos, entries: entries() }
      if (token.text === '.') return name(take(), '.')
    }
    if (token.type === 'ident') return name(token, '')
    index--
    throw unexpected(expressionStart)
  }

  /** An identifier, a call, or a struct whose type's name begins here. */
  const name = (token: Token, dot: '' | '.'): Expr => {
    if (token.type !== 'ident' || token.quoted) {
      index--
      throw unexpected('IDENTIFIER')
    }
    const struct = structName(token)
    if (struct !== undefined) {
      const brace = tokens[index - 1] ?? token
      return { kind: 'struct', pos: brace.pos, type: dot + struct, fields: fields() }
    }
    if (reserved.has(token.text)) throw fail(token.pos, `reserved identifier: ${token.text}`)
    const open = accept('(')
    if (open !== undefined) return call(open.pos, dot + token.text, list(')'))
    return { kind: 'ident', pos: token.pos, name: dot + token.text }
  }

  /** Looks ahead for `a.b.C{`, and if it is there goes behind the brace. */
  const structName = (first: Token): string | undefined => {
    let ahead = index
    let text = first.text
    for (;;) {
      const sign = tokens[ahead]
      if (sign?.type !== 'symbol') return undefined
      if (sign.text === '{') {
        index = ahead + 1
        return text
      }
      const next = tokens[ahead + 1]
      if (sign.text !== '.' || next?.type !== 'ident') return undefined
      text += `.${next.text}`
      ahead += 2
    }
  }

  const elements = (): ListElement[] => {
    const items: ListElement[] = []
    while (!is(']')) {
      const optional = accept('?') !== undefined
      items.push({ value: expression(), optional })
      if (accept(',') === undefined) break
    }
    expect(']')
    return items
  }

  const entries = (): MapEntry[] => {
    const items: MapEntry[] = []
    while (!is('}')) {
      const optional = accept('?') !== undefined
      const key = expression()
      expect(':')
      items.push({ key, value: expression(), optional })
      if (accept(',') === undefined) break
    }
    expect('}')
    return items
  }

  const fields = (): StructField[] => {
    const items: StructField[] = []
    while (!is('}')) {
      const optional = accept('?') !== undefined
      const field = take()
      if (field.type !== 'ident') {
        index--
        throw unexpected('IDENTIFIER')
      }
      const colon = expect(':')
      items.push({ name: field.text, value: expression(), optional, pos: colon.pos })
      if (accept(',') === undefined) break
    }
    expect('}')
    return items
  }

  const result = expression()
  if (peek().type !== 'end') throw unexpected('<EOF>')
  return result
}

const isIntegral = (value: unknown): boolean => typeof value === 'bigint' || value instanceof OutOfRange
