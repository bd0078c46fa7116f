/** Quantities as values. Upstream: apiserver/pkg/cel/library/quantity.go */
import {
  addQuantities,
  compareQuantities,
  parseQuantity,
  type Quantity,
  quantityFromNumber,
  subQuantities,
} from '../../meta/quantity.ts'
import { func, type FunctionDeclaration, method } from '../functions.ts'
import { CelError, maxInt, minInt, Opaque, type Value } from '../values.ts'
import { walk } from './operators.ts'

const typeName = 'kubernetes.Quantity'
const nanosPerUnit = 1_000_000_000n

export class QuantityValue extends Opaque {
  readonly typeName = typeName
  readonly quantity: Quantity
  constructor(quantity: Quantity) {
    super()
    this.quantity = quantity
  }
  equals(other: Opaque): boolean {
    return other instanceof QuantityValue && compareQuantities(this.quantity, other.quantity) === 0
  }
}

const parse = (text: string): Quantity | undefined => {
  try {
    return parseQuantity(text)
  } catch {
    return undefined
  }
}
const quantity = (text: string): Value => {
  const parsed = parse(text)
  if (parsed === undefined) {
    throw new CelError("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")
  }
  return new QuantityValue(parsed)
}

const whole = ({ quantity: { nanos } }: QuantityValue): bigint | undefined => {
  const units = nanos / nanosPerUnit
  return nanos % nanosPerUnit === 0n && units <= maxInt && units >= minInt ? units : undefined
}
const asInteger = (value: QuantityValue): bigint => {
  const units = whole(value)
  if (units === undefined) throw new CelError('cannot convert value to integer')
  return units
}
const compare = (a: QuantityValue, b: QuantityValue): number => compareQuantities(a.quantity, b.quantity)
const combine =
  (operation: (a: Quantity, b: Quantity) => Quantity) =>
  ({ quantity: a }: QuantityValue, b: QuantityValue | bigint): Value =>
    new QuantityValue(operation(a, typeof b === 'bigint' ? quantityFromNumber(b) : b.quantity))
const signOf = ({ quantity: { nanos } }: QuantityValue): bigint => (nanos > 0n ? 1n : nanos < 0n ? -1n : 0n)

const pair = `${typeName}, ${typeName}`
export const quantityFunctions: readonly FunctionDeclaration[] = [
  func('quantity', `string -> ${typeName}`, quantity, walk),
  func('isQuantity', 'string -> bool', (text: string) => parse(text) !== undefined, walk),
  method('sign', `${typeName} -> int`, signOf),
  method('isInteger', `${typeName} -> bool`, (value: QuantityValue) => whole(value) !== undefined),
  method('asInteger', `${typeName} -> int`, asInteger),
  method('asApproximateFloat', `${typeName} -> double`, (value: QuantityValue) => Number(value.quantity.nanos) / 1e9),
  method('isGreaterThan', `${pair} -> bool`, (a: QuantityValue, b: QuantityValue) => compare(a, b) > 0),
  method('isLessThan', `${pair} -> bool`, (a: QuantityValue, b: QuantityValue) => compare(a, b) < 0),
  method('compareTo', `${pair} -> int`, (a: QuantityValue, b: QuantityValue) => BigInt(Math.sign(compare(a, b)))),
  method('add', `${pair} -> ${typeName}`, combine(addQuantities)),
  method('add', `${typeName}, int -> ${typeName}`, combine(addQuantities)),
  method('sub', `${pair} -> ${typeName}`, combine(subQuantities)),
  method('sub', `${typeName}, int -> ${typeName}`, combine(subQuantities)),
]
