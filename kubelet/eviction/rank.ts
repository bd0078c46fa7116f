/** Who has to go first. Pure. Upstream: rankMemoryPressure, rankDiskPressureFunc, rankPIDPressure. */
import { podRequests } from '../../api/meta/pods.ts'
import { quantityToNumber } from '../../api/meta/quantity.ts'
import type { BoundPod } from '../pod.ts'
import { addUsage, type FsUsage } from '../stats/disk-usage.ts'
import type { PodDisk } from '../stats/pod-disk.ts'
import type { Signal } from './thresholds.ts'

export interface ContainerUse {
  readonly name: string
  /** Working set. */
  readonly memoryBytes: number
}

/** What a Pod uses, as far as it is known. */
export interface PodUse {
  readonly containers: readonly ContainerUse[]
  readonly processes: number
  /** Measured where a disk is under pressure, or the Pod has a limit of it. */
  readonly disk: PodDisk | undefined
}

export interface Candidate {
  readonly pod: BoundPod
  /** Undefined: nothing is known, and it goes before all of which something is. */
  readonly use: PodUse | undefined
}

type Compare = (a: Candidate, b: Candidate) => number

const trueFirst = (a: boolean, b: boolean): number => Number(b) - Number(a)

const requestOf = ({ pod }: Candidate, resource: string): number => {
  const amount = podRequests(pod)[resource]
  return amount === undefined ? 0 : quantityToNumber(amount)
}

const byPriority: Compare = (a, b) => (a.pod.spec.priority ?? 0) - (b.pod.spec.priority ?? 0)

export const memoryOf = ({ containers }: PodUse): number =>
  containers.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0)

/** Two comparisons for an amount: those over their request first; the most over it first. */
const overRequest = (
  amount: (use: PodUse) => number | undefined,
  resource: string | undefined,
): { readonly exceeds: Compare; readonly excess: Compare } => {
  const excessOf = (candidate: Candidate): number | undefined => {
    const used = candidate.use === undefined ? undefined : amount(candidate.use)
    return used === undefined ? undefined : used - (resource === undefined ? 0 : requestOf(candidate, resource))
  }
  const compare =
    (known: (a: number, b: number) => number): Compare =>
    (a, b) => {
      const [left, right] = [excessOf(a), excessOf(b)]
      if (left === undefined || right === undefined) return trueFirst(left === undefined, right === undefined)
      return known(left, right)
    }
  return { exceeds: compare((a, b) => trueFirst(a > 0, b > 0)), excess: compare((a, b) => b - a) }
}

/** The parts of a Pod's disk use that lie on the file system of a signal. */
const onFileSystem = (signal: Signal, { containers, volumes }: PodDisk, hasImageFs: boolean): FsUsage => {
  const all = [...containers.values()]
  const layers = all.map(({ rootfs }) => rootfs)
  const rest = [...all.map(({ logs }) => logs), ...volumes.values()]
  if (!hasImageFs) return addUsage([...layers, ...rest])
  return addUsage(signal.startsWith('nodefs.') ? rest : layers)
}

const comparisonsFor = (signal: Signal, hasImageFs: boolean): readonly Compare[] => {
  if (signal === 'pid.available') {
    return [byPriority, overRequest(({ processes }) => processes, undefined).excess]
  }
  if (signal === 'memory.available' || signal === 'allocatableMemory.available') {
    const { exceeds, excess } = overRequest(memoryOf, 'memory')
    return [exceeds, byPriority, excess]
  }
  const isInodes = signal.endsWith('.inodesFree')
  const used = ({ disk }: PodUse): number | undefined => {
    if (disk === undefined) return undefined
    const usage = onFileSystem(signal, disk, hasImageFs)
    return isInodes ? usage.inodesUsed : usage.usedBytes
  }
  const { exceeds, excess } = overRequest(used, isInodes ? undefined : 'ephemeral-storage')
  return [exceeds, byPriority, excess]
}

/** In the order in which they are to be evicted. */
export const rank = (candidates: readonly Candidate[], signal: Signal, hasImageFs: boolean): readonly Candidate[] => {
  const comparisons = comparisonsFor(signal, hasImageFs)
  return candidates.toSorted((a, b) => {
    for (const compare of comparisons) {
      const order = compare(a, b)
      if (order !== 0) return order
    }
    return 0
  })
}
