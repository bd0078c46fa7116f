/** Eviction thresholds from the configuration. Pure. Upstream: ParseThresholdConfig. */
import { parseGoDuration } from '../../component-base/flags/duration.ts'
import { parseQuantity, quantityToNumber } from '../../api/meta/quantity.ts'

/** What is measured, with the unit of its amounts: bytes, inodes or processes. */
export const signals = [
  'memory.available',
  'allocatableMemory.available',
  'nodefs.available',
  'nodefs.inodesFree',
  'imagefs.available',
  'imagefs.inodesFree',
  'containerfs.available',
  'containerfs.inodesFree',
  'pid.available',
] as const
export type Signal = (typeof signals)[number]

const isSignal = (name: string): name is Signal => (signals as readonly string[]).includes(name)

/** Upstream: DefaultEvictionHard of Linux. */
export const defaultEvictionHard: Readonly<Record<string, string>> = {
  'memory.available': '100Mi',
  'nodefs.available': '10%',
  'nodefs.inodesFree': '5%',
  'imagefs.available': '15%',
  'imagefs.inodesFree': '5%',
}

/** A part of the capacity between 0 and 1, or an amount with the text that people wrote. */
export type ThresholdValue =
  | { readonly type: 'percentage'; readonly fraction: number }
  | { readonly type: 'amount'; readonly amount: number; readonly text: string }

/** Met while less than `value` is available. */
export interface Threshold {
  readonly signal: Signal
  readonly value: ThresholdValue
  /** 0 is a hard threshold. */
  readonly graceMs: number
  /** So much more must be free before it is over. */
  readonly minReclaim: ThresholdValue | undefined
}

export interface EvictionSettings {
  readonly hard: Readonly<Record<string, string>>
  readonly soft: Readonly<Record<string, string>>
  readonly softGracePeriod: Readonly<Record<string, string>>
  readonly minimumReclaim: Readonly<Record<string, string>>
  /** enforceNodeAllocatable has `pods`. */
  readonly enforcesAllocatable: boolean
}

/** The amount that a value means of a capacity. */
export const amountOf = (value: ThresholdValue, capacity: number): number =>
  value.type === 'amount' ? value.amount : Math.floor(capacity * value.fraction)

const known = (name: string): Signal => {
  if (isSignal(name)) return name
  throw new Error(`unsupported eviction signal ${name}`)
}

const percentage = (text: string): number => {
  const number = Number(text.replace(/%+$/, ''))
  if (text.startsWith('%') || Number.isNaN(number)) {
    throw new Error(`strconv.ParseFloat: parsing ${JSON.stringify(text.replace(/%+$/, ''))}: invalid syntax`)
  }
  return number / 100
}

/** Undefined: the threshold is switched off. */
const thresholdValue = (signal: Signal, text: string): ThresholdValue | undefined => {
  if (text === '0%' || text === '100%') return undefined
  if (text.endsWith('%')) {
    const fraction = percentage(text)
    if (fraction < 0) throw new Error(`eviction percentage threshold ${signal} must be >= 0%: ${text}`)
    if (fraction > 1) throw new Error(`eviction percentage threshold ${signal} must be <= 100%: ${text}`)
    return { type: 'percentage', fraction }
  }
  const amount = quantityToNumber(parseQuantity(text))
  if (amount <= 0) throw new Error(`eviction threshold ${signal} must be positive: ${text}`)
  return { type: 'amount', amount, text }
}

const reclaimValue = (signal: Signal, text: string): ThresholdValue => {
  if (text.endsWith('%')) {
    const fraction = percentage(text)
    if (fraction <= 0) throw new Error(`eviction percentage minimum reclaim ${signal} must be positive: ${text}`)
    return { type: 'percentage', fraction }
  }
  const amount = quantityToNumber(parseQuantity(text))
  if (amount < 0) throw new Error(`negative eviction minimum reclaim specified for ${signal}`)
  return { type: 'amount', amount, text }
}

const gracePeriod = (text: string): number => {
  const ms = parseGoDuration(text)
  if (typeof ms === 'string') throw new Error(ms)
  if (ms < 0) throw new Error(`invalid eviction grace period specified: ${text}, must be a positive value`)
  return ms
}

const statements = <T>(map: Readonly<Record<string, string>>, parse: (signal: Signal, text: string) => T) =>
  Object.entries(map).map(([name, text]) => {
    const signal = known(name)
    return { signal, value: parse(signal, text) }
  })

/** What falls to the file system of containers: that of images, or of the node. It has no setting of its own. */
const containerFsThresholds = (thresholds: readonly Threshold[], hasImageFs: boolean): Threshold[] => {
  const source = hasImageFs ? 'imagefs' : 'nodefs'
  return thresholds.flatMap((threshold): Threshold[] => {
    if (threshold.signal === `${source}.available`) return [{ ...threshold, signal: 'containerfs.available' }]
    if (threshold.signal === `${source}.inodesFree`) return [{ ...threshold, signal: 'containerfs.inodesFree' }]
    return []
  })
}

/** Thresholds of the node; `hasImageFs`: images have a file system of their own. */
export const withContainerFs = (thresholds: readonly Threshold[], hasImageFs: boolean): Threshold[] => [
  ...thresholds.filter(({ signal }) => !signal.startsWith('containerfs.')),
  ...containerFsThresholds(thresholds, hasImageFs),
]

/** Throws an Error in upstream's words. */
export const parseThresholds = (settings: EvictionSettings): Threshold[] => {
  const hard = statements(settings.hard, thresholdValue)
  const soft = statements(settings.soft, thresholdValue)
  const grace = new Map(
    statements(settings.softGracePeriod, (_signal, text) => gracePeriod(text)).map(({ signal, value }) => [
      signal,
      value,
    ]),
  )
  const reclaim = new Map(statements(settings.minimumReclaim, reclaimValue).map(({ signal, value }) => [signal, value]))
  const thresholds: Threshold[] = []
  for (const { signal, value } of hard) {
    if (value !== undefined) thresholds.push({ signal, value, graceMs: 0, minReclaim: reclaim.get(signal) })
  }
  for (const { signal, value } of soft) {
    if (value === undefined) continue
    const graceMs = grace.get(signal)
    if (graceMs === undefined)
      throw new Error(`grace period must be specified for the soft eviction threshold ${signal}`)
    thresholds.push({ signal, value, graceMs, minReclaim: reclaim.get(signal) })
  }
  if (!settings.enforcesAllocatable) return thresholds
  const allocatable = thresholds
    .filter(({ signal, graceMs }) => signal === 'memory.available' && graceMs === 0)
    .map((threshold): Threshold => ({ ...threshold, signal: 'allocatableMemory.available' }))
  return [...thresholds, ...allocatable]
}
