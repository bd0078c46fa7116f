/** Expressions that choose devices. Upstream: validateCELSelector, dynamic-resource-allocation/cel/compile.go */
import { kubernetesEnvironment } from '../cel/library/kubernetes.ts'
import { structTypes } from '../cel/struct-types.ts'
import { boolType, dyn, objectOf } from '../cel/types.ts'
import { checkExpression } from '../cel/validate.ts'
import { child, type FieldError, required, tooLong } from '../meta/field-error.ts'

const maxExpressionLength = 10 * 1024

const deviceType = 'kubernetes.DRADevice'
const types = structTypes({
  [deviceType]: {
    driver: 'string',
    attributes: 'map(string, map(string, dyn))',
    capacity: 'map(string, map(string, kubernetes.Quantity))',
  },
})
const environment = () => kubernetesEnvironment({ device: objectOf(deviceType) }, types)

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
    const { errors } = checkExpression(where, expression, environment(), [boolType, dyn])
    return [...errors]
  })
