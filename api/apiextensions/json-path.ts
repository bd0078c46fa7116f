/** The part of JSONPath that columns, scale and selectable fields use. Upstream: client-go/util/jsonpath */
import { isObject } from './structural/structural.ts'

type Step =
  | { readonly type: 'field'; readonly name: string }
  | { readonly type: 'index'; readonly index: number }
  | { readonly type: 'all' }
  | { readonly type: 'filter'; readonly path: readonly Step[]; readonly operator: string; readonly value: unknown }

const field = /\.([^.[\]]+)/y
const quoted = /\[(?:'([^']*)'|"([^"]*)")\]/y
const index = /\[(-?\d+)\]/y
const all = /\[\*\]|\.\*/y
const filter = /\[\?\(@([^=!<>]+?)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?))?\)\]/y

/** Undefined for what is no path that we can walk. */
const parse = (text: string): readonly Step[] | undefined => {
  const steps: Step[] = []
  let at = 0
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    if (found !== null) at += found[0].length
    return found
  }
  while (at < text.length) {
    const everything = match(all)
    const named = everything ?? match(field) ?? match(quoted)
    if (everything !== null) steps.push({ type: 'all' })
    else if (named !== null) steps.push({ type: 'field', name: (named[1] ?? named[2] ?? '').replaceAll('\\.', '.') })
    else {
      const number = match(index)
      const condition = number === null ? match(filter) : null
      if (number !== null) steps.push({ type: 'index', index: Number(number[1]) })
      else if (condition !== null) {
        const path = parse(condition[1]?.trim() ?? '')
        if (path === undefined) return undefined
        steps.push({ type: 'filter', path, operator: condition[2] ?? '', value: literal(condition[3] ?? '') })
      } else return undefined
    }
  }
  return steps
}

const literal = (text: string): unknown => {
  const inner = /^(?:"(.*)"|'(.*)')$/.exec(text)
  if (inner !== null) return inner[1] ?? inner[2]
  if (text === 'true' || text === 'false') return text === 'true'
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : text
}

const holds = (value: unknown, operator: string, wanted: unknown): boolean => {
  if (operator === '') return value !== undefined
  if (operator === '==') return value === wanted
  if (operator === '!=') return value !== wanted
  if (typeof value !== typeof wanted || value === undefined || value === null) return false
  const [a, b] = [value as string | number, wanted as string | number]
  return operator === '<' ? a < b : operator === '>' ? a > b : operator === '<=' ? a <= b : a >= b
}

const walk = (values: readonly unknown[], step: Step): readonly unknown[] =>
  values.flatMap((value): readonly unknown[] => {
    switch (step.type) {
      case 'field':
        return isObject(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : []
      case 'index':
        return Array.isArray(value) && value.at(step.index) !== undefined ? [value.at(step.index)] : []
      case 'all':
        return Array.isArray(value) ? (value as unknown[]) : isObject(value) ? Object.values(value) : []
      case 'filter':
        return Array.isArray(value)
          ? value.filter((item) => holds(step.path.reduce(walk, [item])[0], step.operator, step.value))
          : []
    }
  })

export type JsonPath = (value: unknown) => readonly unknown[]

/** A path like `.spec.replicas`; undefined if it is none. */
export const jsonPath = (text: string): JsonPath | undefined => {
  const steps = parse(text)
  return steps === undefined ? undefined : (value) => steps.reduce(walk, [value])
}
