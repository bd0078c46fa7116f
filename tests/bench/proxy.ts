/**
 * `npm run bench:proxy`: how long kube-proxy takes to write 10,000 Services with 10 endpoints each, all at once and one
 * change after the other, in a network namespace of its own. `--services=N --endpoints=N` take other numbers.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import type { EndpointSlice, Service } from '../../api/types.ts'
import { createMetrics } from '../../component-base/metrics/metrics.ts'
import { createLogger } from '../../component-base/logging/logger.ts'
import { HealthCheckPorts } from '../../proxy/health/health-check-ports.ts'
import { ProxyHealth } from '../../proxy/health/proxy-health.ts'
import { createProxyMetrics } from '../../proxy/metrics.ts'
import { Proxier } from '../../proxy/services/proxier.ts'
import { cpuMsOf, memoryOf } from './processes.ts'
import { round, summarize } from './statistics.ts'

const argument = (name: string): string | undefined =>
  process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3)
const serviceCount = Number(argument('services') ?? 10_000)
const endpointCount = Number(argument('endpoints') ?? 10)
const changes = 50

// The rules are written in a namespace that goes with this process.
if (process.env['KUBETS_BENCH_NETNS'] === undefined) {
  const env = { ...process.env, KUBETS_BENCH_NETNS: '1' }
  const argv = ['--net', process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  process.exit(spawnSync('unshare', argv, { env, stdio: 'inherit' }).status ?? 1)
}

const say = (text: string): void => void process.stdout.write(`${text}\n`)
const address = (second: number, index: number): string =>
  `10.${second + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`

const service = (index: number): Service => ({
  metadata: { name: `service-${index}`, namespace: 'bench' },
  spec: {
    clusterIP: address(96, index),
    clusterIPs: [address(96, index)],
    type: 'ClusterIP',
    ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
  },
})

const slice = (index: number, ips: readonly string[]): EndpointSlice => ({
  metadata: { name: `service-${index}`, namespace: 'bench' },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints: ips.map((ip) => ({ addresses: [ip], conditions: { ready: true, serving: true }, nodeName: 'other' })),
})

const services = new Map(Array.from({ length: serviceCount }, (_, index) => [`bench/service-${index}`, service(index)]))
const podsOf = (index: number): string[] =>
  Array.from({ length: endpointCount }, (_, pod) => address(128, index * endpointCount + pod))
const slices = new Map(
  Array.from({ length: serviceCount }, (_, index) => [`bench/service-${index}`, slice(index, podsOf(index))]),
)

const log = createLogger('bench', 0)
const health = new ProxyHealth(60_000, () => Date.now())
const proxier = new Proxier({
  family: 'IPv4',
  periods: { minMs: 0, maxMs: 60_000 },
  place: () => ({ nodeName: 'here', zone: '' }),
  tableOptions: () => ({
    family: 'IPv4',
    localTraffic: { isLocal: 'ip saddr 10.128.0.0/9', isNotLocal: 'ip saddr != 10.128.0.0/9' },
    masqueradeAll: false,
    masqueradeBit: 14,
    nodePortAddresses: undefined,
    nodeIP: undefined,
    serviceCIDRs: ['10.96.0.0/12'],
    localServices: [],
  }),
  localAddresses: new Set(),
  getService: (key) => services.get(key),
  slicesOf: (key) => [slices.get(key) ?? slice(0, [])],
  allServices: () => [...services.values()],
  health,
  healthChecks: new HealthCheckPorts({ addresses: () => [], isProxyHealthy: () => true, failed: () => undefined, log }),
  metrics: createProxyMetrics(createMetrics('bench')),
  log,
})

/** Resolves at the next write. */
let written = Promise.withResolvers<void>()
health.updated = () => {
  written.resolve()
  written = Promise.withResolvers<void>()
}

/** What nft has used so far: the processes that this one has waited for, in clock ticks of 10 ms. */
const nftCpuMs = (): number => {
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[13]) + Number(fields[14])) * 10
}

const stop = new AbortController()
let begin = performance.now()
const cpuBefore = cpuMsOf(process.pid)
const running = proxier.run(stop.signal)
await written.promise
say(`load: ${serviceCount} Services with ${endpointCount} endpoints: ${round((performance.now() - begin) / 1000)} s`)
say(
  `  of this process: ${round(cpuMsOf(process.pid) - cpuBefore)} ms CPU, ${round(memoryOf(process.pid).rssMiB)} MiB; nft: ${nftCpuMs()} ms CPU`,
)

const kinds: readonly [string, (index: number, round: number) => void][] = [
  [
    'exchange of one endpoint',
    (index, turn) =>
      void slices.set(
        `bench/service-${index}`,
        slice(index, [...podsOf(index).slice(1), address(64, index * 100 + turn)]),
      ),
  ],
  ['one endpoint less', (index) => void slices.set(`bench/service-${index}`, slice(index, podsOf(index).slice(1)))],
  [
    'one endpoint more',
    (index, turn) =>
      void slices.set(`bench/service-${index}`, slice(index, [...podsOf(index), address(64, index * 100 + turn)])),
  ],
  ['a Service without endpoints', (index) => void slices.set(`bench/service-${index}`, slice(index, []))],
]
for (const [name, change] of kinds) {
  const latencies: number[] = []
  const cpu = nftCpuMs()
  for (let turn = 0; turn < changes; turn++) {
    const index = Math.floor((serviceCount / changes) * turn)
    change(index, turn)
    // After the pause between writes, as a change comes that nobody expected.
    await new Promise((resolve) => setTimeout(resolve, 5))
    begin = performance.now()
    proxier.enqueue({ key: `bench/service-${index}`, what: 'endpoints', triggeredAt: undefined })
    await written.promise
    latencies.push(performance.now() - begin)
  }
  const { p50Ms, p99Ms, maxMs } = summarize(latencies, 1)
  const each = round((nftCpuMs() - cpu) / changes)
  say(`${name}: p50 ${p50Ms} ms, p99 ${p99Ms} ms, max ${maxMs} ms; nft itself ${each} ms of CPU`)
}
say(`load average ${loadavg()[0]?.toFixed(1)}`)
stop.abort()
await running
process.exit(0)
