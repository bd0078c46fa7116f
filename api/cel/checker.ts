/**
 * Static types of an expression. What the types leave open is dyn and decided when it is evaluated.
 * Upstream: checker/checker.go of cel-go, whose messages users know.
 */
import { type Call, type Comprehension, type Expr, qualifiedName, type Select, type StructExpr } from './ast.ts'
import { candidates, type Environment } from './environment.ts'
import type { Overload } from './functions.ts'
import { type Issue, CelSourceError } from './source-error.ts'
import {
  assignAll,
  boolType,
  dyn,
  formatType,
  isDyn,
  isLessSpecific,
  listOf,
  mapOf,
  optionalOf,
  optionalValue,
  param,
  partsOf,
  sameType,
  simple,
  substitute,
  type Substitution,
  type Type,
  typeOf,
} from './types.ts'
import { Duration, Timestamp, Uint, type Value } from './values.ts'

export interface Checked {
  /** Every expression's type; what nothing settled is dyn. */
  readonly typeOf: (expr: Expr) => Type
  /** The overloads that a call may mean. */
  readonly overloads: ReadonlyMap<Call, readonly Overload[]>
}

/** Names of types, as values. */
export const typeNames: Readonly<Record<string, Type>> = {
  bool: boolType,
  int: simple('int'),
  uint: simple('uint'),
  double: simple('double'),
  string: simple('string'),
  bytes: simple('bytes'),
  list: listOf(dyn),
  map: mapOf(dyn, dyn),
  null_type: simple('null'),
  type: { kind: 'type', of: undefined },
  optional_type: optionalOf(dyn),
  'google.protobuf.Timestamp': simple('timestamp'),
  'google.protobuf.Duration': simple('duration'),
}

const typeOfLiteral = (value: Value): Type => {
  if (value === null) return simple('null')
  if (typeof value === 'boolean') return boolType
  if (typeof value === 'bigint') return simple('int')
  if (typeof value === 'number') return simple('double')
  if (typeof value === 'string') return simple('string')
  if (value instanceof Uint) return simple('uint')
  if (value instanceof Uint8Array) return simple('bytes')
  if (value instanceof Duration) return simple('duration')
  return value instanceof Timestamp ? simple('timestamp') : dyn
}

type Scope = ReadonlyMap<string, Type>

/** Throws CelSourceError with all that is wrong. */
export const check = (source: string, root: Expr, environment: Environment): Checked => {
  const types = new Map<Expr, Type>()
  const overloads = new Map<Call, readonly Overload[]>()
  const issues: Issue[] = []
  let known: Substitution = new Map()
  let fresh = 0

  const newParam = (): Type => param(`_var${fresh++}`)
  const report = (pos: number, message: string): Type => {
    issues.push({ pos, message })
    return simple('error')
  }
  const show = (type: Type): string => formatType(substitute(known, type))
  const assignable = (wanted: Type, given: Type): boolean => {
    const next = assignAll(known, [wanted], [given])
    if (next !== undefined) known = next
    return next !== undefined
  }

  const visit = (expr: Expr, scope: Scope): Type => {
    const type = typeOfExpr(expr, scope)
    types.set(expr, type)
    return type
  }

  const typeOfExpr = (expr: Expr, scope: Scope): Type => {
    switch (expr.kind) {
      case 'literal':
        return typeOfLiteral(expr.value)
      case 'ident': {
        const found = lookUp(expr.name, scope)
        return found ?? report(expr.pos, undeclared(expr.name))
      }
      case 'select':
        return select(expr, scope)
      case 'call':
        return call(expr, scope)
      case 'list': {
        let element: Type | undefined
        for (const { value, optional } of expr.elements) {
          const type = elementType(value, optional, scope)
          element = element === undefined ? type : join(element, type, value.pos)
        }
        return listOf(element ?? newParam())
      }
      case 'map': {
        let key: Type | undefined
        let value: Type | undefined
        for (const entry of expr.entries) {
          const keyType = visit(entry.key, scope)
          key = key === undefined ? keyType : join(key, keyType, entry.key.pos)
          const type = elementType(entry.value, entry.optional, scope)
          value = value === undefined ? type : join(value, type, entry.value.pos)
        }
        return mapOf(key ?? newParam(), value ?? newParam())
      }
      case 'struct':
        return struct(expr, scope)
      case 'comprehension':
        return comprehension(expr, scope)
    }
  }

  const undeclared = (name: string): string =>
    `undeclared reference to '${name.replace(/^\./, '')}' (in container '${environment.container}')`

  /** Local variables hide all others, unless the name has a leading dot. */
  const lookUp = (name: string, scope: Scope): Type | undefined => {
    const local = scope.get(name)
    if (local !== undefined) return local
    for (const candidate of candidates(environment.container, name)) {
      const variable = environment.variables.get(candidate)
      if (variable !== undefined) return variable
      const named = Object.hasOwn(typeNames, candidate) ? typeNames[candidate] : undefined
      if (named !== undefined) return typeOf(named)
    }
    return undefined
  }

  const elementType = (value: Expr, optional: boolean, scope: Scope): Type => {
    const type = visit(value, scope)
    if (!optional) return type
    const inner = optionalValue(substitute(known, type))
    if (inner !== undefined) return inner
    if (isDyn(type)) return dyn
    return report(value.pos, `expected type 'optional_type(${show(type)})' but found '${show(type)}'`)
  }

  const join = (previous: Type, current: Type, pos: number): Type => {
    if (assignable(previous, current)) {
      const [a, b] = [substitute(known, previous), substitute(known, current)]
      // What may be null is known by what it is otherwise.
      return b.kind === 'null' || (a.kind !== 'null' && isLessSpecific(a, b)) ? a : b
    }
    if (environment.homogeneousLiterals)
      return report(pos, `expected type '${show(previous)}' but found '${show(current)}'`)
    return dyn
  }

  const select = (expr: Select, scope: Scope): Type => {
    const name = expr.testOnly ? undefined : qualifiedName(expr)
    // A name with dots may be one variable. A local variable at its head hides it.
    if (name !== undefined && !scope.has(name.split('.')[0] ?? '')) {
      const whole = lookUp(name, new Map())
      if (whole !== undefined) return whole
    }
    const operand = substitute(known, visit(expr.operand, scope))
    const inner = optionalValue(operand)
    const field = fieldType(expr, inner === undefined ? operand : substitute(known, inner), expr.field)
    if (expr.testOnly) return boolType
    return inner === undefined ? field : optionalOf(optionalValue(field) ?? field)
  }

  const fieldType = (expr: { readonly pos: number }, operand: Type, field: string): Type => {
    if (operand.kind === 'map') return operand.value
    if (operand.kind === 'object') {
      const type = environment.types(operand.name)
      if (type === undefined) return report(expr.pos, `unexpected failed resolution of '${operand.name}'`)
      return type.field(field) ?? report(expr.pos, `undefined field '${field}'`)
    }
    if (operand.kind === 'param') {
      assignable(operand, dyn)
      return dyn
    }
    if (isDyn(operand)) return operand
    return report(expr.pos, `type '${formatType(operand)}' does not support field selection`)
  }

  const call = (expr: Call, scope: Scope): Type => {
    if (expr.name === '_?._') return optionalSelect(expr, scope)
    // `a.b.c(x)` may be a function in the namespace a.b, rather than a method.
    const namespace = expr.target === undefined ? undefined : qualifiedName(expr.target)
    if (namespace !== undefined) {
      const name = functionName(`${namespace}.${expr.name}`, false)
      if (name !== undefined && !scope.has(namespace)) {
        const args = expr.args.map((arg) => visit(arg, scope))
        return resolve(expr, name, args, false)
      }
    }
    const target = expr.target === undefined ? undefined : visit(expr.target, scope)
    const args = expr.args.map((arg) => visit(arg, scope))
    const isMethod = target !== undefined
    const name = functionName(expr.name, isMethod)
    if (name === undefined && !environment.functions.has(expr.name)) return report(expr.pos, undeclared(expr.name))
    return resolve(expr, name ?? expr.name, target === undefined ? args : [target, ...args], isMethod)
  }

  const functionName = (name: string, isMethod: boolean): string | undefined => {
    const names = isMethod ? [name] : candidates(environment.container, name)
    return names.find((candidate) => environment.functions.get(candidate)?.some(({ method }) => method === isMethod))
  }

  const resolve = (expr: Call, name: string, args: readonly Type[], isMethod: boolean): Type => {
    const matching: Overload[] = []
    let result: Type | undefined
    let after = known
    for (const overload of environment.functions.get(name) ?? []) {
      if (overload.method !== isMethod || overload.params.length !== args.length) continue
      const named = rename(overload)
      const next = assignAll(known, named.params, args)
      if (next === undefined) continue
      matching.push(overload)
      const type = substitute(next, named.result)
      if (result === undefined) {
        result = type
        after = next
      } else if (!isDyn(result) && !sameType(substitute(next, result, true), substitute(next, type, true))) {
        result = dyn
      }
    }
    if (result === undefined) {
      const shown = args.map(show)
      const applied = isMethod ? `${shown[0]}.(${shown.slice(1).join(', ')})` : `(${shown.join(', ')})`
      return report(expr.pos, `found no matching overload for '${name}' applied to '${applied}'`)
    }
    // With several overloads nothing is known of the parameters but what one of them would say.
    if (matching.length === 1 || !isDyn(result)) known = after
    overloads.set(expr, matching)
    return result
  }

  /** The overload with type parameters of its own. */
  const rename = ({ params, result }: Overload): { params: readonly Type[]; result: Type } => {
    const names: Substitution = new Map()
    const collect = (type: Type): void => {
      if (type.kind === 'param' && !names.has(type.name)) names.set(type.name, newParam())
      partsOf(type).forEach(collect)
    }
    for (const type of [...params, result]) collect(type)
    if (names.size === 0) return { params, result }
    return { params: params.map((type) => substitute(names, type)), result: substitute(names, result) }
  }

  const optionalSelect = (expr: Call, scope: Scope): Type => {
    const [target, field] = expr.args
    if (target === undefined || field?.kind !== 'literal' || typeof field.value !== 'string')
      return report(expr.pos, 'unsupported optional field selection')
    types.set(field, simple('string'))
    const operand = substitute(known, visit(target, scope))
    const type = fieldType(expr, optionalValue(operand) ?? operand, field.value)
    return optionalOf(optionalValue(type) ?? type)
  }

  const struct = (expr: StructExpr, scope: Scope): Type => {
    const name = candidates(environment.container, expr.type).find((one) => environment.types(one) !== undefined)
    const type = name === undefined ? undefined : environment.types(name)
    for (const { name: fieldName, value, optional, pos } of expr.fields) {
      const given = elementType(value, optional, scope)
      const wanted = type?.field(fieldName)
      if (type === undefined) continue
      if (wanted === undefined) report(pos, `undefined field '${fieldName}'`)
      else if (!assignable(wanted, given))
        report(pos, `expected type of field '${fieldName}' is '${show(wanted)}' but provided type is '${show(given)}'`)
    }
    return name === undefined ? report(expr.pos, undeclared(expr.type)) : { kind: 'object', name }
  }

  const comprehension = (expr: Comprehension, scope: Scope): Type => {
    const range = substitute(known, visit(expr.range, scope))
    const accu = visit(expr.init, scope)
    const [first, second] = iterated(expr, range)
    const withAccu = new Map(scope).set(expr.accuVar, accu)
    const inner = new Map(withAccu).set(expr.iterVar, first)
    if (expr.iterVar2 !== undefined) inner.set(expr.iterVar2, second)
    expectType(expr.condition, boolType, visit(expr.condition, inner))
    const step = visit(expr.step, inner)
    expectType(expr.step, accu, step)
    return visit(expr.result, new Map(withAccu).set(expr.accuVar, substitute(known, accu)))
  }

  const expectType = ({ pos }: Expr, wanted: Type, given: Type): void => {
    if (!assignable(wanted, given)) report(pos, `expected type '${show(wanted)}' but found '${show(given)}'`)
  }

  /** The types of the one or two variables over a range. */
  const iterated = ({ iterVar2, range: { pos } }: Comprehension, range: Type): readonly [Type, Type] => {
    const one = iterVar2 === undefined
    if (range.kind === 'list') return one ? [range.element, dyn] : [simple('int'), range.element]
    if (range.kind === 'map') return [range.key, range.value]
    if (range.kind === 'param') assignable(range, dyn)
    if (range.kind === 'param' || isDyn(range)) return [dyn, dyn]
    const shown = formatType(range)
    const error = report(
      pos,
      `expression of type '${shown}' cannot be range of a comprehension (must be list, map, or dynamic)`,
    )
    return [error, error]
  }

  visit(root, new Map())
  if (issues.length > 0) throw new CelSourceError(source, issues)
  return { typeOf: (expr) => substitute(known, types.get(expr) ?? dyn, true), overloads }
}
