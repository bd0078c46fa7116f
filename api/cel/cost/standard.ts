/** What calls of the language's own functions cost at most. Upstream: functionCost in checker/cost.go of cel-go */
import { type CallInput, type EstimateCall, signatureOf } from './call.ts'
import { add, fixed, multiply, type Range, regexFactor, scale, walk } from './range.ts'

const comparisons = new Set(['_<_', '_<=_', '_>_', '_>=_'])

/** Up to the shorter one's end. */
const compared = (a: Range, b: Range): Range => {
  const max = Math.min(a.max, b.max)
  return walk({ min: max > 0 ? 1 : 0, max })
}

const ofArguments = ({ name, overload, args }: CallInput): ReturnType<EstimateCall> => {
  const [first, second] = args
  if (first === undefined) return undefined
  const { size } = first
  const signature = signatureOf(overload)
  if (name === 'bytes' && signature === 'string')
    return { cost: walk(size), size: { min: size.min, max: size.max * 4 } }
  if (name === 'string' && signature === 'bytes')
    return { cost: walk(size), size: { min: Math.floor(size.min / 4), max: size.max } }
  if (name === 'strings.quote') return { cost: walk(size), size: { min: size.min + 2, max: size.max * 2 + 2 } }
  if (second === undefined) return undefined
  if (name === '@in') return signature.includes('list(') ? { cost: scale(second.size, 1) } : undefined
  if (name === '_==_' || name === '_!=_') return { cost: compared(size, second.size) }
  const texts = signature === 'string, string' || signature === 'bytes, bytes'
  if (texts && comparisons.has(name)) return { cost: compared(size, second.size) }
  if (name !== '_+_') return undefined
  const both = add(size, second.size)
  if (texts) return { cost: walk(both), size: both }
  return signature.startsWith('list(') ? { cost: fixed(1), size: both } : undefined
}

export const estimateStandardCall: EstimateCall = (input) => {
  const { name, target, args } = input
  const [first] = args
  if (target === undefined) return ofArguments(input)
  if (name === 'format') return { cost: walk(target.size) }
  if (first === undefined) return undefined
  if (name === 'startsWith' || name === 'endsWith') return { cost: walk(first.size) }
  if (name === 'contains') return { cost: multiply(walk(target.size), walk(first.size)) }
  if (name !== 'matches') return undefined
  // An empty string is not searched for nothing: the expression itself may be dear.
  return { cost: multiply(walk(add(target.size, fixed(1))), scale(first.size, regexFactor)) }
}
