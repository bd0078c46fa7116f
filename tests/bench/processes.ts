/** What the processes of a cluster use: memory and CPU, from /proc. */
import { readFileSync } from 'node:fs'
import type { Layout } from '../../deploy/layout.ts'
import { knownProcesses, running } from '../../deploy/process-table.ts'

export interface ProcessUsage {
  /** Proportional share: what the processes use together is the sum of it. */
  readonly pssMiB: number
  readonly rssMiB: number
  readonly cpuSeconds: number
}

const usageOf = (pid: number): ProcessUsage => {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const mebibytes = (field: string): number =>
    Math.round(Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1] ?? 0) / 102.4) / 10
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return {
    pssMiB: mebibytes('Pss'),
    rssMiB: mebibytes('Rss'),
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100,
  }
}

/** Usage of every running process, by name. */
export const processUsage = (layout: Layout): Record<string, ProcessUsage> =>
  Object.fromEntries(
    knownProcesses(layout.run)
      .sort()
      .flatMap((name) => {
        const record = running(layout.run, name)
        return record === undefined ? [] : [[name, usageOf(record.pid)]]
      }),
  )
