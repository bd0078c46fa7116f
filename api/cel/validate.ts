/** Expressions in objects, as field errors. Upstream: convertCELErrorToValidationError and CompileCELExpression. */
import { type FieldError, invalid } from '../meta/field-error.ts'
import type { Environment } from './environment.ts'
import { type CheckedSource, checkSource } from './program.ts'
import { CelSourceError } from './source-error.ts'
import { formatType, sameType, type Type } from './types.ts'

export interface ExpressionCheck {
  readonly errors: readonly FieldError[]
  /** What it evaluates to; undefined where it does not compile. */
  readonly type: Type | undefined
  /** Undefined where it does not compile, or to something else than is wanted. */
  readonly source: CheckedSource | undefined
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
    const source = checkSource(expression, environment)
    const type = source.checked.typeOf(source.root)
    if (results.length === 0 || results.some((result) => sameType(result, type))) return { errors: [], type, source }
    const wanted = results.map(ofCelGo)
    const text = wanted.length === 1 ? wanted.join() : `one of [${wanted.join(' ')}]`
    return { errors: [invalid(path, expression, `must evaluate to ${text}`)], type: undefined, source: undefined }
  } catch (error) {
    if (!(error instanceof CelSourceError)) throw error
    const errors = [invalid(path, expression, `compilation failed: ${error.message}`)]
    return { errors, type: undefined, source: undefined }
  }
}
