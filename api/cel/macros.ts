/**
 * Macros: calls that are rewritten before anything is checked. Specification:
 * https://github.com/google/cel-spec/blob/master/doc/langdef.md#macros, and cel-go's ext for two variables, bind, optMap.
 */
import type { Call, Comprehension, Expr } from './ast.ts'

/** The variable in which a fold collects; no expression can name it. */
export const accumulator = '@result'

type Fail = (pos: number, message: string) => Error
type Expand = (call: Call, fail: Fail) => Expr | undefined

const literal = (pos: number, value: boolean | bigint): Expr => ({ kind: 'literal', pos, value })
const ident = (pos: number, name: string): Expr => ({ kind: 'ident', pos, name })
const operator = (pos: number, name: string, ...args: readonly Expr[]): Expr => ({
  kind: 'call',
  pos,
  name,
  target: undefined,
  args,
})
const listOf = (pos: number, ...values: readonly Expr[]): Expr => ({
  kind: 'list',
  pos,
  elements: values.map((value) => ({ value, optional: false })),
})
const accu = (pos: number): Expr => ident(pos, accumulator)
/** True also where the argument fails: what failed may yet be made good by a later element. */
const notStrictlyFalse = (pos: number, value: Expr): Expr => operator(pos, '@not_strictly_false', value)

const variable = (expr: Expr | undefined, fail: Fail, misfit = 'argument must be a simple name'): string => {
  if (expr?.kind !== 'ident' || expr.name.startsWith('.')) throw fail(expr?.pos ?? 0, misfit)
  if (expr.name === '__result__' || expr.name === accumulator)
    throw fail(expr.pos, `iteration variable overwrites accumulator variable`)
  return expr.name
}

interface Fold {
  readonly init: Expr
  readonly condition: Expr
  readonly step: Expr
  readonly result?: Expr
}

/** A fold whose first `vars` arguments name the variables. */
const fold =
  (vars: 1 | 2, build: (pos: number, args: readonly Expr[]) => Fold): Expand =>
  ({ pos, target, args }, fail) => {
    if (target === undefined) return undefined
    const iterVar = variable(args[0], fail)
    const iterVar2 = vars === 2 ? variable(args[1], fail) : undefined
    if (iterVar === iterVar2) throw fail(args[1]?.pos ?? pos, `duplicate variable name: ${iterVar}`)
    const { init, condition, step, result = accu(pos) } = build(pos, args.slice(vars))
    const base = { kind: 'comprehension', pos, iterVar, iterVar2, range: target } as const
    const folded: Comprehension = { ...base, accuVar: accumulator, init, condition, step, result }
    return folded
  }

const part = (args: readonly Expr[], index: number): Expr => {
  const arg = args[index]
  if (arg === undefined) throw new Error('a macro was expanded with too few arguments')
  return arg
}

const all = (vars: 1 | 2): Expand =>
  fold(vars, (pos, args) => ({
    init: literal(pos, true),
    condition: notStrictlyFalse(pos, accu(pos)),
    step: operator(pos, '_&&_', accu(pos), part(args, 0)),
  }))
const exists = (vars: 1 | 2): Expand =>
  fold(vars, (pos, args) => ({
    init: literal(pos, false),
    condition: notStrictlyFalse(pos, operator(pos, '!_', accu(pos))),
    step: operator(pos, '_||_', accu(pos), part(args, 0)),
  }))
const existsOne = (vars: 1 | 2): Expand =>
  fold(vars, (pos, args) => ({
    init: literal(pos, 0n),
    condition: literal(pos, true),
    step: operator(pos, '_?_:_', part(args, 0), operator(pos, '_+_', accu(pos), literal(pos, 1n)), accu(pos)),
    result: operator(pos, '_==_', accu(pos), literal(pos, 1n)),
  }))

/** Collects into a list: all elements, or (with a `test`) those that pass it. */
const collect = (vars: 1 | 2, pick: (args: readonly Expr[]) => { test?: Expr; value: Expr | undefined }): Expand =>
  fold(vars, (pos, args) => {
    const { test, value = part(args, 0) } = pick(args)
    const added = operator(pos, '_+_', accu(pos), listOf(pos, value))
    return {
      init: listOf(pos),
      condition: literal(pos, true),
      step: test === undefined ? added : operator(pos, '_?_:_', test, added, accu(pos)),
    }
  })
const withTest = (args: readonly Expr[]) =>
  args.length === 1 ? { value: part(args, 0) } : { test: part(args, 0), value: part(args, 1) }

const filter: Expand = (call, fail) => {
  const name = variable(call.args[0], fail, 'argument is not an identifier')
  const value = ident(call.args[0]?.pos ?? 0, name)
  return collect(1, (args) => ({ test: part(args, 0), value }))(call, fail)
}

/** Collects into a map, under the key or as the entry that the last argument gives. */
const collectMap = (insert: (pos: number, key: Expr, args: readonly Expr[]) => Expr): Expand => {
  return (call, fail) => {
    const key = ident(call.args[0]?.pos ?? 0, variable(call.args[0], fail))
    const build = fold(2, (pos, args) => {
      const added = insert(pos, key, args.slice(-1))
      return {
        init: { kind: 'map', pos, entries: [] },
        condition: literal(pos, true),
        step: args.length === 1 ? added : operator(pos, '_?_:_', part(args, 0), added, accu(pos)),
      }
    })
    return build(call, fail)
  }
}
const transformMap = collectMap((pos, key, args) => operator(pos, 'cel.@mapInsert', accu(pos), key, part(args, 0)))
const transformMapEntry = collectMap((pos, _, args) => operator(pos, 'cel.@mapInsert', accu(pos), part(args, 0)))

const has: Expand = ({ target, args }, fail) => {
  if (target !== undefined) return undefined
  const [arg] = args
  if (arg?.kind !== 'select') throw fail(arg?.pos ?? 0, 'invalid argument to has() macro')
  return { ...arg, testOnly: true }
}

/** A variable for one value: a fold over nothing. */
const bindTo = (pos: number, name: string, value: Expr, result: Expr): Expr => ({
  kind: 'comprehension',
  pos,
  iterVar: '#unused',
  iterVar2: undefined,
  range: listOf(pos),
  accuVar: name,
  init: value,
  condition: literal(pos, false),
  step: ident(pos, name),
  result,
})

const bind: Expand = ({ pos, target, args }, fail) => {
  if (target?.kind !== 'ident' || target.name !== 'cel') return undefined
  return bindTo(pos, variable(args[0], fail), part(args, 1), part(args, 2))
}

/** `o.optMap(v, e)`: e of the value, if there is one. */
const optMap =
  (flat: boolean): Expand =>
  ({ pos, target, args }, fail) => {
    if (target === undefined) return undefined
    const name = variable(args[0], fail)
    // The target stands twice in the expansion, but is evaluated once.
    const held = '@target'
    const value: Expr = { kind: 'call', pos, name: 'value', target: ident(pos, held), args: [] }
    const mapped = bindTo(pos, name, value, part(args, 1))
    const some = flat ? mapped : operator(pos, 'optional.of', mapped)
    const hasValue: Expr = { kind: 'call', pos, name: 'hasValue', target: ident(pos, held), args: [] }
    return bindTo(pos, held, target, operator(pos, '_?_:_', hasValue, some, operator(pos, 'optional.none')))
  }

/** By name and number of arguments. */
const macros: Readonly<Record<string, Expand>> = {
  'has/1': has,
  'all/2': all(1),
  'all/3': all(2),
  'exists/2': exists(1),
  'exists/3': exists(2),
  'exists_one/2': existsOne(1),
  'exists_one/3': existsOne(2),
  'existsOne/2': existsOne(1),
  'existsOne/3': existsOne(2),
  'map/2': collect(1, withTest),
  'map/3': collect(1, withTest),
  'filter/2': filter,
  'transformList/3': collect(2, withTest),
  'transformList/4': collect(2, withTest),
  'transformMap/3': transformMap,
  'transformMap/4': transformMap,
  'transformMapEntry/3': transformMapEntry,
  'transformMapEntry/4': transformMapEntry,
  'bind/3': bind,
  'optMap/2': optMap(false),
  'optFlatMap/2': optMap(true),
}

/** The expansion of a call, or undefined if it is no macro. Throws what `fail` makes. */
export const expandMacro = (call: Call, fail: Fail): Expr | undefined => {
  const key = `${call.name}/${call.args.length}`
  return Object.hasOwn(macros, key) ? macros[key]?.(call, fail) : undefined
}
