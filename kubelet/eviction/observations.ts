/** What the signals say now. Pure. Upstream: makeSignalObservations. */
import type { NodeUsage } from '../stats/node-usage.ts'
import type { Signal } from './thresholds.ts'

/** In the signal's unit. */
export interface Observation {
  readonly available: number
  readonly capacity: number
}
export type Observations = ReadonlyMap<Signal, Observation>

export interface FileSystem {
  readonly total: number
  readonly available: number
  readonly inodes: number
  readonly freeInodes: number
}

export interface Measurements {
  readonly node: NodeUsage
  readonly nodeFs: FileSystem
  readonly imageFs: FileSystem
  /** Images and layers of containers have a file system of their own. */
  readonly hasImageFs: boolean
  /** Of the cgroup of all Pods; undefined without it, or without a limit. */
  readonly pods: { readonly limitBytes: number; readonly workingSetBytes: number } | undefined
}

export const observe = ({ node, nodeFs, imageFs, hasImageFs, pods }: Measurements): Observations => {
  const observations = new Map<Signal, Observation>()
  const { memoryTotal, memoryWorkingSet, maxPid, processes } = node
  observations.set('memory.available', { available: memoryTotal - memoryWorkingSet, capacity: memoryTotal })
  if (pods !== undefined) {
    const { limitBytes, workingSetBytes } = pods
    observations.set('allocatableMemory.available', { available: limitBytes - workingSetBytes, capacity: limitBytes })
  }
  const disk = (name: 'nodefs' | 'imagefs' | 'containerfs', fs: FileSystem): void => {
    observations.set(`${name}.available`, { available: fs.available, capacity: fs.total })
    // A file system without a table of inodes never runs out of them.
    if (fs.inodes > 0) observations.set(`${name}.inodesFree`, { available: fs.freeInodes, capacity: fs.inodes })
  }
  disk('nodefs', nodeFs)
  disk('imagefs', imageFs)
  disk('containerfs', hasImageFs ? imageFs : nodeFs)
  if (maxPid > 0) observations.set('pid.available', { available: maxPid - processes, capacity: maxPid })
  return observations
}
