/** Expressions in objects, as field errors. Upstream: convertCELErrorToValidationError and CompileCELExpression. */
import { type FieldError, invalid } from '../meta/field-error.ts'
import type { Environment } from './environment.ts'
import { compile } from './program.ts'
import { CelSourceError } from './source-error.ts'
import { formatType, sameType, type Type } from './types.ts'

export interface ExpressionCheck {
  readonly errors: readonly FieldError[]
  /** What it evaluates to; undefined where it does not compile. */
  readonly type: Type | undefined
}

const ofCelGo = (type: Type): string => (type.kind === 'null' ? 'null_type' : formatType(type))

/** Compiles the expression of a field; without `results` it may evaluate to anything. */
export const checkExpression = (
  path: string,
  expression: string,
  environment: Environment,
  results: readonly Type[] = [],
): ExpressionCheck => {
  try {
    const { type } = compile(expression, environment)
    if (results.length === 0 || results.some((result) => sameType(result, type))) return { errors: [], type }
    const wanted = results.map(ofCelGo)
    const text = wanted.length === 1 ? wanted.join() : `one of [${wanted.join(' ')}]`
    return { errors: [invalid(path, expression, `must evaluate to ${text}`)], type: undefined }
  } catch (error) {
    if (!(error instanceof CelSourceError)) throw error
    return { errors: [invalid(path, expression, `compilation failed: ${error.message}`)], type: undefined }
  }
}
