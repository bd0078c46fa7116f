import { readdirSync, readFileSync } from 'node:fs'
import { Counter, Gauge, Registry } from './prometheus.ts'

interface Gauged {
  readonly name: string
  readonly help: string
  readonly read: () => number
}

/** Pages of the second field of statm, which Linux counts in 4 KiB. */
const virtualBytes = (): number => Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[0]) * 4096

/** The limit of open files of this process. */
export const maxFiles = (): number =>
  Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1])

const startedAt = Date.now() / 1000 - process.uptime()

/** What upstream's processes tell of themselves, under Prometheus' common names, and Node's heap and event loop. */
export const processGauges: readonly Gauged[] = [
  {
    name: 'process_start_time_seconds',
    help: 'Start time of the process since unix epoch in seconds.',
    read: () => startedAt,
  },
  {
    name: 'process_resident_memory_bytes',
    help: 'Resident memory size in bytes.',
    read: () => process.memoryUsage.rss(),
  },
  { name: 'process_virtual_memory_bytes', help: 'Virtual memory size in bytes.', read: virtualBytes },
  {
    name: 'process_open_fds',
    help: 'Number of open file descriptors.',
    read: () => readdirSync('/proc/self/fd').length - 1,
  },
  { name: 'process_max_fds', help: 'Maximum number of open file descriptors.', read: maxFiles },
  { name: 'nodejs_heap_size_used_bytes', help: 'Used heap in bytes.', read: () => process.memoryUsage().heapUsed },
  { name: 'nodejs_heap_size_total_bytes', help: 'Heap in bytes.', read: () => process.memoryUsage().heapTotal },
  { name: 'nodejs_external_memory_bytes', help: 'Memory of buffers.', read: () => process.memoryUsage().external },
  {
    name: 'nodejs_eventloop_utilization',
    help: 'Share of its time that the event loop was busy, since the start.',
    read: () => performance.eventLoopUtilization().utilization,
  },
]

/**
 * The registry of a process, with facts about the process and upstream's kubernetes_build_info. All is read when it is
 * scraped: prom-client's own defaults keep a timer of 10 ms running, and an idle process should sleep.
 */
export const createMetrics = (component: string): Registry => {
  const registry = new Registry()
  for (const { name, help, read } of processGauges) {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        try {
          this.set(read())
        } catch {
          // No /proc: the rest is still worth having.
        }
      },
    })
  }
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Total user and system CPU time spent in seconds.',
    registers: [registry],
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    },
  })
  new Gauge({
    name: 'kubernetes_build_info',
    help: 'A metric with a constant 1 value, labeled by the version of this component.',
    labelNames: ['component', 'git_version', 'major', 'minor', 'platform'],
    registers: [registry],
  })
    .labels(component, 'v1.36.0', '1', '36', `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`)
    .set(1)
  return registry
}
