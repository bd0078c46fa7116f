/** What the estimate of a call is told, and tells. */
import type { Overload } from '../functions.ts'
import { formatType, type Type } from '../types.ts'
import type { Expr } from '../ast.ts'
import type { Range } from './range.ts'

/** A part of an expression: where its value comes from, of which type, and how large it is. */
export interface Operand {
  readonly expr: Expr
  readonly type: Type
  /** Fields from a variable on: `['self', 'spec', '@items']`; empty where the value comes from elsewhere. */
  readonly path: readonly string[]
  readonly size: Range
}

export interface CallEstimate {
  readonly cost: Range
  /** Of a result that has a size and does not come from a path. */
  readonly size?: Range
}

export interface CallInput {
  readonly name: string
  readonly overload: Overload
  /** The receiver of a method. */
  readonly target: Operand | undefined
  readonly args: readonly Operand[]
  /** The size of what a list holds. */
  readonly elementSize: (list: Operand) => Range
}

/** `string, string`: what tells the overloads of a function apart. */
export const signatureOf = ({ params }: Overload): string => params.map(formatType).join(', ')

/** Undefined where it knows nothing of a function. */
export type EstimateCall = (input: CallInput) => CallEstimate | undefined
