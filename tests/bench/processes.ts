/** What the processes of a cluster use: memory and CPU, from /proc. */
import { readdirSync, readFileSync } from 'node:fs'
import type { Layout } from '../../deploy/layout.ts'
import { knownProcesses, running } from '../../deploy/process-table.ts'

export interface ProcessUsage {
  /** Proportional share: what the processes use together is the sum of it. */
  readonly pssMiB: number
  readonly rssMiB: number
}

export const memoryOf = (pid: number): ProcessUsage => {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const mebibytes = (field: string): number =>
    Math.round(Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1] ?? 0) / 102.4) / 10
  return { pssMiB: mebibytes('Pss'), rssMiB: mebibytes('Rss') }
}

/** Nanoseconds that a thread ran; 0 if it has ended since it was listed. */
const threadTime = (pid: number, thread: string): number => {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
  } catch {
    return 0
  }
}

/** Milliseconds of CPU that all threads of a process have used. */
export const cpuMsOf = (pid: number): number =>
  readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + threadTime(pid, thread), 0) / 1e6

const ofEach = <T>(layout: Layout, read: (pid: number) => T): Record<string, T> =>
  Object.fromEntries(
    knownProcesses(layout.run)
      .sort()
      .flatMap((name) => {
        const record = running(layout.run, name)
        return record === undefined ? [] : [[name, read(record.pid)]]
      }),
  )

/** Memory of every running process, by name. */
export const memoryUsage = (layout: Layout): Record<string, ProcessUsage> => ofEach(layout, memoryOf)

/** CPU time of every running process so far, by name; in milliseconds. */
export const cpuTimes = (layout: Layout): Record<string, number> => ofEach(layout, cpuMsOf)

/** CPU time that each process used while `work` ran; in milliseconds. */
export const cpuDuring = async <T>(
  layout: Layout,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly cpuMs: Record<string, number> }> => {
  const before = cpuTimes(layout)
  const result = await work()
  const after = cpuTimes(layout)
  const cpuMs = Object.fromEntries(Object.entries(after).map(([name, ms]) => [name, ms - (before[name] ?? 0)]))
  return { result, cpuMs }
}
