/**
 * What calls of Kubernetes' functions cost at most. Estimates decide which rules a definition may have, so they are
 * upstream's to the unit, also where that looks odd. Upstream: EstimateCallCost in apiserver/pkg/cel/library/cost.go
 */
import type { Type } from '../types.ts'
import { type CallEstimate, type EstimateCall, type Operand, signatureOf } from './call.ts'
import { add, fixed, multiply, type Range, regexFactor, scale, traversalFactor, walk } from './range.ts'

/** Accessors of values that are parsed already. The authorizer is not asked by rules of definitions. */
const nominal = new Set(
  (
    'masked prefixLength family isUnspecified isLoopback isLinkLocalMulticast isLinkLocalUnicast isGlobalUnicast ' +
    'format.named sign asInteger isInteger asApproximateFloat isGreaterThan isLessThan compareTo add sub major minor patch ' +
    'getScheme getHostname getHost getPort getEscapedPath getQuery'
  ).split(' '),
)

const one = fixed(1)
/** A name format's regular expression, in characters, and the longest name of a format. */
const maxFormatRegex = 128
const maxFormatName = 64
/** Of an address: 4 bytes or 16. */
const addressSize: Range = { min: 4, max: 16 }

const isText = ({ kind }: Type): boolean => kind === 'string' || kind === 'bytes'

const replaced = (whole: Range, old: Range, fresh: Range): Range => {
  const most = (): number => {
    if (old.min === 0) return (whole.max + 1) * fresh.max + whole.max
    return fresh.max <= old.min ? whole.max : Math.ceil(whole.max / old.min) * fresh.max
  }
  const least = (): number => {
    if (old.max === 0) return (whole.min + 1) * fresh.min + whole.min
    return old.max <= fresh.min ? whole.min : Math.ceil(whole.min / old.max) * fresh.min
  }
  return { min: least(), max: most() }
}

const joined = (list: Range, element: Range, separator: Range | undefined): Range => {
  const elements = multiply(list, element)
  if (separator === undefined) return elements
  return add(elements, multiply(separator, { min: Math.max(list.min - 1, 0), max: Math.max(list.max - 1, 0) }))
}

/** The limit of `split(separator, limit)`, if it stands there as a number. */
const literalLimit = (limit: Operand | undefined): number | undefined =>
  limit?.expr.kind === 'literal' && typeof limit.expr.value === 'bigint' ? Number(limit.expr.value) : undefined

const equality = (left: Operand, right: Operand): CallEstimate | undefined => {
  if (left.type.kind !== 'opaque' || right.type.kind !== 'opaque' || left.type.name !== right.type.name)
    return undefined
  const { name } = left.type
  if (name === 'optional_type') return undefined
  if (name === 'kubernetes.NamedFormat') return { cost: scale({ min: 1, max: maxFormatName }, traversalFactor) }
  if (name === 'kubernetes.URL') return { cost: scale({ min: 1, max: right.size.max }, traversalFactor) }
  return { cost: one }
}

const range = (ofText: boolean, arg: Operand, more: Range): CallEstimate => {
  const bytes = add(walk(add(addressSize, addressSize)), more)
  return { cost: ofText ? add(bytes, scale(arg.size, traversalFactor)) : bytes }
}

const ofMethod = (name: string, target: Operand, input: Parameters<EstimateCall>[0]): CallEstimate | undefined => {
  const [first, second] = input.args
  const { size } = target
  switch (name) {
    case 'isSorted':
    case 'sum':
    case 'max':
    case 'min':
    case 'indexOf':
    case 'lastIndexOf': {
      if (target.type.kind !== 'list') return { cost: walk(size) }
      const element = isText(target.type.element) ? walk(input.elementSize(target)) : fixed(0)
      return { cost: multiply(size, add(one, element)) }
    }
    case 'lowerAscii':
    case 'upperAscii':
    case 'substring':
    case 'trim':
      return { cost: walk(size), size }
    case 'replace':
      if (first === undefined || second === undefined) return undefined
      return { cost: scale(size, 2 * traversalFactor), size: replaced(size, first.size, second.size) }
    case 'split':
      return { cost: scale(size, 2 * traversalFactor), size: { min: 0, max: literalLimit(second) ?? size.max } }
    case 'join': {
      const whole = joined(size, input.elementSize(target), first?.size)
      return { cost: walk(whole), size: whole }
    }
    case 'find':
    case 'findAll':
      if (first === undefined) return undefined
      return {
        cost: multiply(walk(add(size, one)), scale(first.size, regexFactor)),
        size: { min: 0, max: size.max },
      }
    case 'ip':
      return { cost: one }
    case 'containsIP':
      return first === undefined ? undefined : range(first.type.kind === 'string', first, fixed(0))
    case 'containsCIDR':
      return first === undefined ? undefined : range(first.type.kind === 'string', first, add(walk(addressSize), one))
    case 'validate':
      return first === undefined ? undefined : { cost: scale(walk(first.size), maxFormatRegex * regexFactor) }
    default:
      return undefined
  }
}

/** Each element of one with each of the other. */
const sets: Readonly<Record<string, number>> = { 'sets.contains': 1, 'sets.intersects': 1, 'sets.equivalent': 2 }

export const estimateKubernetesCall: EstimateCall = (input) => {
  const { name, target, args } = input
  const [first, second] = args
  if (nominal.has(name)) return { cost: one }
  if (target !== undefined) return ofMethod(name, target, input)
  if ((name === 'url' || name === 'jsonpatch.escapeKey') && first !== undefined)
    return { cost: walk(first.size), size: first.size }
  if (first === undefined || second === undefined) return undefined
  if (name === '_==_') return equality(first, second)
  const factor = sets[name]
  if (factor !== undefined && signatureOf(input.overload).startsWith('list'))
    return { cost: add(scale(multiply(first.size, second.size), factor), one) }
  return undefined
}
