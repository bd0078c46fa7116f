/**
 * A syntax tree to a function: every node becomes a closure once, and runs many times. Counts what it costs as it runs,
 * in upstream's units. Upstream: interpreter/planner.go and runtimecost.go of cel-go.
 */
import {
  type Call,
  type Comprehension,
  type Expr,
  type ListExpr,
  type MapExpr,
  qualifiedName,
  type Select,
} from './ast.ts'
import { fieldOf, hasKey, iterate, optionalField } from './access.ts'
import { typeNames } from './checker.ts'
import { candidates, type Environment } from './environment.ts'
import type { Evaluate } from './frame.ts'
import { lazyOperators } from './lazy-operators.ts'
import type { Overload } from './functions.ts'
import { accumulator } from './macros.ts'
import { CelError, LiteralMap, noSuchOverload, Optional, TypeValue, type Value } from './values.ts'

const listCost = 10
const mapCost = 30

/** Places of the variables that enclosing comprehensions have. */
type Slots = ReadonlyMap<string, number>

export interface Plan {
  readonly evaluate: Evaluate
  /** How many local variables a frame must hold. */
  readonly slots: number
}

/** `overloads` says what the checker found for a call; without it, or for what it says nothing of, all are tried. */
export const plan = (
  root: Expr,
  environment: Environment,
  overloads?: ReadonlyMap<Call, readonly Overload[]>,
): Plan => {
  let slotCount = 0

  const visit = (expr: Expr, slots: Slots): Evaluate => {
    switch (expr.kind) {
      case 'literal': {
        const { value } = expr
        return () => value
      }
      case 'ident':
        return variable(expr.name, slots)
      case 'select':
        return select(expr, slots)
      case 'call':
        return call(expr, slots)
      case 'list':
        return list(expr, slots)
      case 'map':
        return map(expr, slots)
      case 'struct': {
        // A struct is a map whose fields the checker knows.
        const entries = expr.fields.map((field) => ({ ...field, key: literalOf(field.pos, field.name) }))
        return map({ kind: 'map', pos: expr.pos, entries }, slots)
      }
      case 'comprehension':
        return comprehension(expr, slots)
    }
  }

  const variable = (name: string, slots: Slots): Evaluate => {
    const slot = slots.get(name)
    if (slot !== undefined) {
      return (frame) => {
        frame.charge(1)
        const value = frame.slots[slot]
        if (value instanceof Error) throw value
        return value ?? null
      }
    }
    const global = globalOf(name)
    return (
      global ??
      (() => {
        throw new CelError(`no such attribute(s): ${name.replace(/^\./, '')}`)
      })
    )
  }

  const globalOf = (name: string): Evaluate | undefined => {
    for (const candidate of candidates(environment.container, name)) {
      if (environment.variables.has(candidate)) {
        return (frame) => {
          frame.charge(1)
          const value = frame.variables(candidate)
          if (value === undefined) throw new CelError(`no such attribute(s): ${candidate}`)
          return value
        }
      }
      if (Object.hasOwn(typeNames, candidate)) {
        const value = new TypeValue(candidate)
        return () => value
      }
    }
    return undefined
  }

  const select = (expr: Select, slots: Slots): Evaluate => {
    const { field, testOnly } = expr
    const name = testOnly ? undefined : qualifiedName(expr)
    if (name !== undefined && !slots.has(name.split('.')[0] ?? '')) {
      const whole = globalOf(name)
      if (whole !== undefined) return whole
    }
    const operand = visit(expr.operand, slots)
    if (testOnly) {
      return (frame) => {
        // Free, as Kubernetes has it: only the way to it is charged for.
        const value = operand(frame)
        return hasKey(value instanceof Optional ? value.value : value, field)
      }
    }
    return (frame) => {
      const value = operand(frame)
      frame.charge(1)
      return value instanceof Optional ? optionalField(value, field) : fieldOf(value, field)
    }
  }

  const call = (expr: Call, slots: Slots): Evaluate => {
    const special = Object.hasOwn(lazyOperators, expr.name) ? lazyOperators[expr.name] : undefined
    if (special !== undefined) {
      const args = expr.args.map((arg) => visit(arg, slots))
      return special(args)
    }
    const append = appended(expr, slots)
    if (append !== undefined) return append

    const namespace = expr.target === undefined ? undefined : qualifiedName(expr.target)
    const spaced = namespace === undefined ? undefined : functionNamed(`${namespace}.${expr.name}`, false)
    const isMethod = expr.target !== undefined && spaced === undefined
    const name = spaced ?? functionNamed(expr.name, isMethod)
    const inputs = isMethod && expr.target !== undefined ? [expr.target, ...expr.args] : expr.args
    const known = overloads?.get(expr)
    const fitting = (known ?? environment.functions.get(name ?? '') ?? []).filter(
      ({ method, params }) => method === isMethod && params.length === inputs.length,
    )
    return dispatch(
      fitting,
      inputs.map((arg) => visit(arg, slots)),
    )
  }

  const functionNamed = (name: string, isMethod: boolean): string | undefined =>
    (isMethod ? [name] : candidates(environment.container, name)).find((candidate) =>
      environment.functions.get(candidate)?.some(({ method }) => method === isMethod),
    )

  /** `@result + [x]` inside a fold: the list is the fold's own, so it may grow in place. */
  const appended = (expr: Call, slots: Slots): Evaluate | undefined => {
    const [left, right] = expr.args
    if (expr.name !== '_+_' || left?.kind !== 'ident' || left.name !== accumulator) return undefined
    const slot = slots.get(accumulator)
    const element = right?.kind === 'list' ? right.elements[0] : undefined
    if (slot === undefined || element === undefined) return undefined
    const value = visit(element.value, slots)
    return (frame) => {
      const items = frame.slots[slot]
      if (items instanceof Error) throw items
      const item = value(frame)
      frame.charge(1)
      if (!Array.isArray(items)) throw noSuchOverload()
      items.push(item)
      return items as readonly Value[]
    }
  }

  const list = ({ elements }: ListExpr, slots: Slots): Evaluate => {
    const items = elements.map(({ value, optional }) => ({ evaluate: visit(value, slots), optional }))
    return (frame) => {
      const values: Value[] = []
      for (const { evaluate, optional } of items) {
        const value = evaluate(frame)
        if (!optional) values.push(value)
        else if (!(value instanceof Optional)) throw noSuchOverload()
        else if (value.value !== undefined) values.push(value.value)
      }
      frame.charge(listCost)
      return values
    }
  }

  const map = ({ entries }: MapExpr, slots: Slots): Evaluate => {
    const items = entries.map(({ key, value, optional }) => ({
      key: visit(key, slots),
      evaluate: visit(value, slots),
      optional,
    }))
    return (frame) => {
      const pairs: [Value, Value][] = []
      for (const { key, evaluate, optional } of items) {
        const name = key(frame)
        const value = evaluate(frame)
        if (!optional) pairs.push([name, value])
        else if (!(value instanceof Optional)) throw noSuchOverload()
        else if (value.value !== undefined) pairs.push([name, value.value])
      }
      frame.charge(mapCost)
      return new LiteralMap(pairs)
    }
  }

  const comprehension = (expr: Comprehension, slots: Slots): Evaluate => {
    const range = visit(expr.range, slots)
    const init = visit(expr.init, slots)
    const [accu, first, second] = [slotCount, slotCount + 1, slotCount + 2]
    slotCount += 3
    const withAccu = new Map(slots).set(expr.accuVar, accu)
    const inner = new Map(withAccu).set(expr.iterVar, first)
    const pairs = expr.iterVar2 !== undefined
    if (expr.iterVar2 !== undefined) inner.set(expr.iterVar2, second)
    const condition = visit(expr.condition, inner)
    const step = visit(expr.step, inner)
    const result = visit(expr.result, withAccu)
    return (frame) => {
      const over = range(frame)
      frame.slots[accu] = frame.attempt(init)
      for (const [key, value] of iterate(over, pairs)) {
        frame.slots[first] = key
        frame.slots[second] = value
        if (condition(frame) === false) break
        frame.slots[accu] = frame.attempt(step)
      }
      return result(frame)
    }
  }

  const evaluate = visit(root, new Map())
  return { evaluate, slots: slotCount }
}

const literalOf = (pos: number, value: string): Expr => ({ kind: 'literal', pos, value })
/** The first overload whose parameters take the arguments. */
const dispatch = (overloads: readonly Overload[], args: readonly Evaluate[]): Evaluate => {
  const choose = (values: readonly Value[]): Overload => {
    const found = overloads.find(({ guards }) => guards.every((guard, index) => guard(values[index] ?? null)))
    if (found === undefined) throw noSuchOverload()
    return found
  }
  return (frame) => {
    const values = args.map((arg) => arg(frame))
    const { call, cost } = choose(values)
    // What a call must at least cost is paid before it runs, so that a bomb is not built first.
    frame.charge(1)
    const result = call(...values)
    frame.made(result)
    if (cost !== undefined) frame.charge(cost(values, result) - 1)
    return result
  }
}
