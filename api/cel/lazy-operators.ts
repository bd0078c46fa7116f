/** What is no function, because it does not evaluate all its arguments, or not strictly. */
import { elementAt, indexOf, optionalField, wrap } from './access.ts'
import type { Evaluate } from './frame.ts'
import { noSuchOverload, Optional, type Value } from './values.ts'

const booleanOf = (value: Value | Error): boolean | Error =>
  typeof value === 'boolean' || value instanceof Error ? value : noSuchOverload()

/** `&&` (decided by false) and `||` (decided by true): an error on one side gives way to a decision on the other. */
const shortCircuit =
  (decided: boolean) =>
  ([left, right]: readonly Evaluate[]): Evaluate =>
  (frame) => {
    const first = booleanOf(frame.attempt(left))
    if (first === decided) return decided
    const second = booleanOf(frame.attempt(right))
    if (second === decided) return decided
    if (first instanceof Error) throw first
    if (second instanceof Error) throw second
    return !decided
  }

/** By the operator's name. */
export const lazyOperators: Readonly<Record<string, (args: readonly Evaluate[]) => Evaluate>> = {
  '_&&_': shortCircuit(false),
  '_||_': shortCircuit(true),
  '_?_:_':
    ([condition, yes, no]) =>
    (frame) => {
      const value = condition?.(frame)
      if (typeof value !== 'boolean') throw noSuchOverload()
      return (value ? yes : no)?.(frame) ?? null
    },
  '@not_strictly_false':
    ([value]) =>
    (frame) =>
      frame.attempt(value) !== false,
  '_[_]':
    ([container, key]) =>
    (frame) => {
      const value = container?.(frame) ?? null
      const index = key?.(frame) ?? null
      frame.charge(1)
      return indexOf(value, index)
    },
  '_[?_]':
    ([container, key]) =>
    (frame) => {
      const value = container?.(frame) ?? null
      const index = key?.(frame) ?? null
      frame.charge(1)
      const inside = value instanceof Optional ? value.value : value
      return inside === undefined ? Optional.none : wrap(elementAt(inside, index))
    },
  '_?._':
    ([operand, field]) =>
    (frame) => {
      const value = operand?.(frame) ?? null
      const name = field?.(frame)
      frame.charge(1)
      return optionalField(value, typeof name === 'string' ? name : '')
    },
}
