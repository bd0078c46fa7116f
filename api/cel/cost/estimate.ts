/**
 * What an expression may cost at most, from the sizes that a schema allows: found without evaluating anything, in the
 * units in which evaluation counts. Upstream: checker/cost.go of cel-go
 */
import { type Call, type Comprehension, type Expr, qualifiedName, type Select } from '../ast.ts'
import type { Checked } from '../checker.ts'
import type { Overload } from '../functions.ts'
import { accumulator } from '../macros.ts'
import { optionalValue, type Type } from '../types.ts'
import type { CallEstimate, EstimateCall, Operand } from './call.ts'
import { estimateKubernetesCall } from './kubernetes.ts'
import { add, fixed, multiply, nothing, type Range, sum, union, unknown } from './range.ts'
import { estimateStandardCall } from './standard.ts'

const listCost = fixed(10)
const mapCost = fixed(30)
const structCost = fixed(40)
const one = fixed(1)

/** The size of what is at a path; undefined where nothing is known of it. */
export type SizeOfPath = (path: readonly string[]) => Range | undefined

/** Sizes of what a list or a map holds. */
interface EntrySizes {
  readonly container: 'list' | 'map'
  readonly key: Range
  readonly value: Range
}

interface Local {
  readonly path: readonly string[]
  readonly size: Range | undefined
  readonly entries: EntrySizes | undefined
}

const unionEntries = (a: EntrySizes | undefined, b: EntrySizes | undefined): EntrySizes | undefined =>
  a === undefined || b === undefined
    ? undefined
    : { container: a.container, key: union(a.key, b.key), value: union(a.value, b.value) }

const isScalar = (type: Type): boolean => {
  const inner = optionalValue(type)
  if (inner !== undefined) return isScalar(inner)
  return ['bool', 'double', 'duration', 'int', 'timestamp', 'uint'].includes(type.kind)
}

/** Of what stands in the expression itself. */
const writtenSize = (expr: Expr): Range | undefined => {
  if (expr.kind === 'list') return fixed(expr.elements.length)
  if (expr.kind === 'map') return fixed(expr.entries.length)
  if (expr.kind !== 'literal') return undefined
  const { value } = expr
  if (typeof value === 'string') return fixed(Array.from(value).length)
  return fixed(value instanceof Uint8Array ? value.length : 1)
}

/** A variable for one value, and no loop: what `cel.bind` becomes. */
const isBind = ({ range, condition, accuVar }: Comprehension): boolean =>
  range.kind === 'list' &&
  range.elements.length === 0 &&
  condition.kind === 'literal' &&
  condition.value === false &&
  accuVar !== accumulator

const estimateCall: EstimateCall = (input) => estimateKubernetesCall(input) ?? estimateStandardCall(input)

export const estimateCost = (root: Expr, checked: Checked, sizeOfPath: SizeOfPath): Range => {
  const paths = new Map<Expr, readonly string[]>()
  const sizes = new Map<Expr, Range>()
  const entrySizes = new Map<Expr, EntrySizes>()
  const locals = new Map<string, Local[]>()

  const local = (name: string): Local | undefined => locals.get(name)?.at(-1)
  const withLocals = <T>(variables: readonly (readonly [string, Local])[], work: () => T): T => {
    for (const [name, value] of variables) locals.set(name, [...(locals.get(name) ?? []), value])
    const result = work()
    for (const [name] of variables) locals.get(name)?.pop()
    return result
  }

  const pathOf = (expr: Expr): readonly string[] =>
    (expr.kind === 'ident' ? local(expr.name)?.path : undefined) ?? paths.get(expr) ?? []

  const sizeOf = (expr: Expr): Range | undefined => {
    const known = sizes.get(expr) ?? writtenSize(expr)
    if (known !== undefined) return known
    const path = pathOf(expr)
    const found = path.length === 0 ? undefined : sizeOfPath(path)
    if (found !== undefined) {
      sizes.set(expr, found)
      return found
    }
    if (isScalar(checked.typeOf(expr))) return one
    return expr.kind === 'ident' ? local(expr.name)?.size : undefined
  }
  const sizeOrUnknown = (expr: Expr): Range => sizeOf(expr) ?? unknown

  const entriesOf = (expr: Expr): EntrySizes | undefined =>
    entrySizes.get(expr) ?? (expr.kind === 'ident' ? local(expr.name)?.entries : undefined)

  const setSize = (expr: Expr, size: Range | undefined): void => void (size !== undefined && sizes.set(expr, size))
  const setEntries = (expr: Expr, entries: EntrySizes | undefined): void =>
    void (entries !== undefined && entrySizes.set(expr, entries))

  const operand = (expr: Expr): Operand => ({
    expr,
    type: checked.typeOf(expr),
    path: pathOf(expr),
    size: sizeOrUnknown(expr),
  })

  const cost = (expr: Expr): Range => {
    switch (expr.kind) {
      case 'literal':
        return nothing
      case 'ident':
        paths.set(expr, local(expr.name)?.path ?? [expr.name])
        return one
      case 'select':
        return costOfSelect(expr)
      case 'call':
        return costOfCall(expr)
      case 'list': {
        const total = sum(expr.elements.map(({ value }) => cost(value)))
        const values = expr.elements.map(({ value }) => sizeOrUnknown(value))
        entrySizes.set(expr, { container: 'list', key: one, value: values.reduce(union, values[0] ?? nothing) })
        return add(total, listCost)
      }
      case 'map': {
        const total = sum(expr.entries.flatMap(({ key, value }) => [cost(key), cost(value)]))
        const keys = expr.entries.map(({ key }) => sizeOrUnknown(key))
        const values = expr.entries.map(({ value }) => sizeOrUnknown(value))
        const key = keys.reduce(union, keys[0] ?? nothing)
        entrySizes.set(expr, { container: 'map', key, value: values.reduce(union, values[0] ?? nothing) })
        return add(total, mapCost)
      }
      case 'struct':
        return add(sum(expr.fields.map(({ value }) => cost(value))), structCost)
      case 'comprehension':
        return isBind(expr) ? costOfBind(expr) : costOfFold(expr)
    }
  }

  const costOfSelect = (expr: Select): Range => {
    const total = cost(expr.operand)
    // has() is free, as Kubernetes has it.
    if (expr.testOnly) return total
    paths.set(expr, [...pathOf(expr.operand), expr.field])
    const { kind } = checked.typeOf(expr.operand)
    return kind === 'map' || kind === 'object' || kind === 'param' ? add(total, one) : total
  }

  const costOfCall = (expr: Call): Range => {
    if (expr.name === 'dyn' && expr.target === undefined && expr.args[0] !== undefined) {
      const [arg] = expr.args
      const total = add(cost(arg), one)
      setSize(expr, sizeOf(arg))
      setEntries(expr, entriesOf(arg))
      return total
    }
    const overloads = checked.overloads.get(expr) ?? []
    // `ip.isCanonical(x)` is a function in a namespace, and its target none.
    const isMethod = expr.target !== undefined && (overloads[0]?.method ?? true)
    const argCosts = expr.args.map(cost)
    const targetCost = isMethod && expr.target !== undefined ? cost(expr.target) : nothing
    const special = costOfOperator(expr, argCosts)
    if (special !== undefined) return special
    const namespace = isMethod || expr.target === undefined ? undefined : qualifiedName(expr.target)
    const target = isMethod && expr.target !== undefined ? operand(expr.target) : undefined
    const name = namespace === undefined ? expr.name : `${namespace}.${expr.name}`
    const args = expr.args.map(operand)
    let total: Range | undefined
    let size: Range | undefined
    for (const overload of overloads.length === 0 ? [undefined] : overloads) {
      const estimate = estimateOf(expr, { name, overload, target, args })
      total = total === undefined ? estimate.cost : union(total, estimate.cost)
      if (estimate.size !== undefined) size = size === undefined ? estimate.size : union(size, estimate.size)
    }
    setSize(expr, size)
    return sum([targetCost, total ?? nothing, ...argCosts])
  }

  const elementSize = ({ path }: Operand): Range =>
    (path.length === 0 ? undefined : sizeOfPath([...path, '@items'])) ?? unknown

  interface CallOf {
    readonly name: string
    readonly overload: Overload | undefined
    readonly target: Operand | undefined
    readonly args: readonly Operand[]
  }

  const estimateOf = (expr: Call, { name, overload, target, args }: CallOf): CallEstimate => {
    if (overload === undefined) return { cost: one }
    const [first, second] = args
    if (name === '_+_' && first !== undefined && second !== undefined)
      setEntries(expr, unionEntries(entriesOf(first.expr), entriesOf(second.expr)))
    if (name === '_[_]' && first !== undefined) {
      paths.set(expr, [...pathOf(first.expr), overload.params[0]?.kind === 'map' ? '@values' : '@items'])
      const size = entriesOf(first.expr)?.value
      return size === undefined ? { cost: one } : { cost: one, size }
    }
    return estimateCall({ name, overload, target, args, elementSize }) ?? { cost: one }
  }

  /** What need not evaluate all its arguments. */
  const costOfOperator = (expr: Call, costs: readonly Range[]): Range | undefined => {
    const { name, args } = expr
    const [first = nothing, second = nothing, third = nothing] = costs
    if (name === '_&&_' || name === '_||_') return { min: first.min, max: add(first, second).max }
    if (name !== '_?_:_') return undefined
    const [, yes, no] = args
    if (yes !== undefined && no !== undefined) {
      setSize(expr, union(sizeOrUnknown(yes), sizeOrUnknown(no)))
      setEntries(expr, unionEntries(entriesOf(yes), entriesOf(no)))
    }
    return add(first, union(second, third))
  }

  const costOfBind = (expr: Comprehension): Range => {
    const { range, init, accuVar, result } = expr
    const before = add(cost(range), cost(init))
    const bound: Local = { path: pathOf(init), size: sizeOf(init), entries: entriesOf(init) }
    const total = withLocals([[accuVar, bound]], () => add(before, cost(result)))
    setSize(expr, sizeOf(result))
    setEntries(expr, entriesOf(result))
    return total
  }

  const costOfFold = (expr: Comprehension): Range => {
    const { range, init, accuVar, condition, step, result } = expr
    const before = add(cost(range), cost(init))
    const accu: Local = { path: pathOf(init), size: sizeOf(init), entries: entriesOf(init) }
    const [loop, after] = withLocals([[accuVar, accu]], () => [
      withLocals(iterated(expr), () => add(cost(condition), cost(step))),
      cost(result),
    ])
    const count = sizeOrUnknown(range)
    if (init.kind === 'literal') setSize(expr, sizeOf(init))
    else if (init.kind === 'list' || init.kind === 'map') {
      setSize(expr, count)
      setEntries(expr, entriesOf(step))
    }
    return sum([before, after, multiply(count, loop)])
  }

  const iterated = ({ iterVar, iterVar2, range }: Comprehension): (readonly [string, Local])[] => {
    const entries = entriesOf(range)
    const isList = (entries?.container ?? checked.typeOf(range).kind) === 'list'
    const path = pathOf(range)
    const at = (part: string, size: Range | undefined): Local => ({ path: [...path, part], size, entries: undefined })
    const value = at(isList ? '@items' : '@values', entries?.value)
    const key = at(isList ? '@indices' : '@keys', entries?.key)
    if (iterVar2 !== undefined)
      return [
        [iterVar, key],
        [iterVar2, value],
      ]
    return [[iterVar, isList ? value : key]]
  }

  return cost(root)
}
