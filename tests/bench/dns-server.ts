/** Cluster DNS alone, for the benchmark: `dns-server.ts PORT SERVICES`, on the loopback address. */
import { createLogger } from '../../component-base/logging/logger.ts'
import { createMetrics } from '../../component-base/metrics/metrics.ts'
import { createForwarder } from '../../proxy/dns/forwarder.ts'
import { serveDns } from '../../proxy/dns/server.ts'
import { Zone } from '../../proxy/dns/zone.ts'
import { createProxyMetrics } from '../../proxy/metrics.ts'

const [port = 0, count = 0] = process.argv.slice(2).map(Number)
const zone = new Zone('cluster.local', () => true)
for (let index = 0; index < count; index++) {
  const ip = `10.96.${index >> 8}.${index & 255}`
  const metadata = { name: `service-${index}`, namespace: 'bench' }
  zone.set(`bench/service-${index}`, { metadata, spec: { clusterIP: ip, clusterIPs: [ip] } }, [])
}
const forward = createForwarder({
  servers: () => [],
  stubs: new Map(),
  now: () => performance.now(),
  looked: () => undefined,
})
const metrics = createProxyMetrics(createMetrics('bench'))
await serveDns(
  { address: '127.0.0.1', port, zone, forward, metrics, log: createLogger('bench', 0) },
  new AbortController().signal,
)
process.stdout.write('ready\n')
