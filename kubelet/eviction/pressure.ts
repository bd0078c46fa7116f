/**
 * From observations to pressure, and to thresholds that ask for an eviction: the memory of one round to the next. Pure.
 *
 * A threshold is met while too little is available, and stays met until its minimum reclaim is free besides. It is due
 * when it has been met for its grace period. A condition stays for the transition period after it was last seen, so
 * that nodes do not flap. Upstream: managerImpl.synchronize.
 */
import type { Observations } from './observations.ts'
import { amountOf, type Signal, type Threshold } from './thresholds.ts'

export type PressureCondition = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure'
/** As messages name it. */
export type StarvedResource = 'memory' | 'ephemeral-storage' | 'inodes' | 'pids'

const signalFacts: Readonly<Record<Signal, readonly [PressureCondition, StarvedResource]>> = {
  'memory.available': ['MemoryPressure', 'memory'],
  'allocatableMemory.available': ['MemoryPressure', 'memory'],
  'nodefs.available': ['DiskPressure', 'ephemeral-storage'],
  'nodefs.inodesFree': ['DiskPressure', 'inodes'],
  'imagefs.available': ['DiskPressure', 'ephemeral-storage'],
  'imagefs.inodesFree': ['DiskPressure', 'inodes'],
  'containerfs.available': ['DiskPressure', 'ephemeral-storage'],
  'containerfs.inodesFree': ['DiskPressure', 'inodes'],
  'pid.available': ['PIDPressure', 'pids'],
}

export const conditionOf = (signal: Signal): PressureCondition => signalFacts[signal][0]
export const resourceOf = (signal: Signal): StarvedResource => signalFacts[signal][1]

/** Milliseconds since the epoch, by threshold and by condition. */
export interface PressureState {
  readonly firstMet: ReadonlyMap<Threshold, number>
  readonly due: readonly Threshold[]
  readonly lastSeen: ReadonlyMap<PressureCondition, number>
}

export const noPressure: PressureState = { firstMet: new Map(), due: [], lastSeen: new Map() }

/** Whether less than the threshold is available; `reclaiming`, or less than that and its minimum reclaim. */
export const isMet = (threshold: Threshold, observations: Observations, reclaiming: boolean): boolean => {
  const observed = observations.get(threshold.signal)
  if (observed === undefined) return false
  const { available, capacity } = observed
  const extra = reclaiming && threshold.minReclaim !== undefined ? amountOf(threshold.minReclaim, capacity) : 0
  return amountOf(threshold.value, capacity) + extra > available
}

export interface Round {
  readonly state: PressureState
  readonly conditions: readonly PressureCondition[]
}

export const nextRound = (
  before: PressureState,
  thresholds: readonly Threshold[],
  observations: Observations,
  { now, transitionMs }: { readonly now: number; readonly transitionMs: number },
): Round => {
  const met = thresholds.filter(
    (threshold) =>
      isMet(threshold, observations, false) || (before.due.includes(threshold) && isMet(threshold, observations, true)),
  )
  const firstMet = new Map(met.map((threshold) => [threshold, before.firstMet.get(threshold) ?? now]))
  const lastSeen = new Map(before.lastSeen)
  for (const { signal } of met) lastSeen.set(conditionOf(signal), now)
  return {
    state: {
      firstMet,
      lastSeen,
      due: met.filter((threshold) => now - (firstMet.get(threshold) ?? now) >= threshold.graceMs),
    },
    conditions: [...lastSeen].filter(([, at]) => now - at < transitionMs).map(([condition]) => condition),
  }
}

const isMemory = ({ signal }: Threshold): boolean => resourceOf(signal) === 'memory'

/** What is to be reclaimed first: memory before all else. */
export const mostUrgent = (due: readonly Threshold[]): Threshold | undefined => due.find(isMemory) ?? due[0]
