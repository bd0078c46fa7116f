/** The syntax tree of CEL, macros expanded. Specification: https://github.com/google/cel-spec */
import type { Value } from './values.ts'

/** Where an expression stands: offset in the source, in UTF-16 units. */
interface Node {
  readonly pos: number
}

export interface Literal extends Node {
  readonly kind: 'literal'
  readonly value: Value
}
export interface Ident extends Node {
  readonly kind: 'ident'
  readonly name: string
}
export interface Select extends Node {
  readonly kind: 'select'
  readonly operand: Expr
  readonly field: string
  /** `has(a.b)`: only whether the field is there. */
  readonly testOnly: boolean
}
export interface Call extends Node {
  readonly kind: 'call'
  /** An operator's name is that of cel-go: `_+_`, `_?_:_`, `_[_]`. */
  readonly name: string
  readonly target: Expr | undefined
  readonly args: readonly Expr[]
}
export interface ListElement {
  readonly value: Expr
  readonly optional: boolean
}
export interface ListExpr extends Node {
  readonly kind: 'list'
  readonly elements: readonly ListElement[]
}
export interface MapEntry extends ListElement {
  readonly key: Expr
}
export interface MapExpr extends Node {
  readonly kind: 'map'
  readonly entries: readonly MapEntry[]
}
export interface StructField extends ListElement {
  readonly name: string
  readonly pos: number
}
export interface StructExpr extends Node {
  readonly kind: 'struct'
  readonly type: string
  readonly fields: readonly StructField[]
}
/** A fold over a list or a map: what all macros over collections become. */
export interface Comprehension extends Node {
  readonly kind: 'comprehension'
  readonly iterVar: string
  /** With two variables the first is the index or key, the second the value. */
  readonly iterVar2: string | undefined
  readonly range: Expr
  readonly accuVar: string
  readonly init: Expr
  readonly condition: Expr
  readonly step: Expr
  readonly result: Expr
}
export type Expr = Literal | Ident | Select | Call | ListExpr | MapExpr | StructExpr | Comprehension

/** The name that a chain of identifiers and fields spells: `a.b.c`; a leading dot stays. */
export const qualifiedName = (expr: Expr): string | undefined => {
  if (expr.kind === 'ident') return expr.name
  if (expr.kind !== 'select' || expr.testOnly) return undefined
  const operand = qualifiedName(expr.operand)
  return operand === undefined ? undefined : `${operand}.${expr.field}`
}
