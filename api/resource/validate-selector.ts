/** Expressions that choose devices. Upstream: validateCELSelector, dynamic-resource-allocation/cel/compile.go */
import { boolType, dyn } from '../cel/types.ts'
import { checkExpression } from '../cel/validate.ts'
import { child, type FieldError, required, tooLong } from '../meta/field-error.ts'
import { deviceEnvironment } from './device-expressions.ts'

const maxExpressionLength = 10 * 1024

interface Selector {
  readonly cel?: { readonly expression?: string }
}

export const validateSelectors = (selectors: readonly Selector[] | undefined, path: string): FieldError[] =>
  (selectors ?? []).flatMap(({ cel }, index) => {
    const at = child(path, index, 'cel')
    if (cel === undefined) return [required(at)]
    const { expression = '' } = cel
    const where = child(at, 'expression')
    if (expression.length > maxExpressionLength) return [tooLong(where, maxExpressionLength)]
    const { errors } = checkExpression(where, expression, deviceEnvironment(), [boolType, dyn])
    return [...errors]
  })
