/** What is said of addresses and ports of Services, under upstream's names. */
import { Counter, Gauge, Histogram, type Registry } from '../../../component-base/metrics/prometheus.ts'

/** A client asked for that very one, or for any. */
export type Scope = 'static' | 'dynamic'

export interface RangeUse {
  readonly cidr: string
  readonly allocated: number
  readonly available: number
}

/** What the repair finds wrong. */
export type RepairError = 'leak' | 'repair' | 'outOfRange' | 'duplicate' | 'invalid'

export interface ServiceMetrics {
  /** Called at each scrape. */
  readonly watchRanges: (use: () => readonly RangeUse[]) => void
  readonly ipAllocated: (cidr: string, scope: Scope, seconds: number) => void
  readonly ipRefused: (cidr: string, scope: Scope) => void
  readonly portAllocated: (scope: Scope) => void
  readonly portRefused: (scope: Scope) => void
  readonly portsUsed: (allocated: number, available: number) => void
  readonly ipError: (type: RepairError) => void
  readonly portError: (type: RepairError) => void
  /** A round that could not be finished. */
  readonly repairFailed: (what: 'ips' | 'ports') => void
}

const durationBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export const createServiceMetrics = (registry: Registry): ServiceMetrics => {
  const registers = [registry]
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]): Counter<Label> =>
    new Counter({ name, help, labelNames: [...labelNames], registers })
  let ranges: () => readonly RangeUse[] = () => []
  const ips = 'kube_apiserver_clusterip_allocator'
  const ports = 'kube_apiserver_nodeport_allocator'
  const rangeGauge = (name: string, help: string, valueOf: (use: RangeUse) => number): void => {
    const gauge: Gauge<'cidr'> = new Gauge({
      name,
      help,
      labelNames: ['cidr'],
      registers,
      collect: () => {
        gauge.reset()
        for (const use of ranges()) gauge.labels(use.cidr).set(valueOf(use))
      },
    })
  }
  rangeGauge(`${ips}_allocated_ips`, 'Number of addresses that Services have.', ({ allocated }) => allocated)
  rangeGauge(`${ips}_available_ips`, 'Number of addresses that Services can have.', ({ available }) => available)
  const ipAllocations = counter(`${ips}_allocation_total`, 'Number of addresses given.', ['cidr', 'scope'])
  const ipRefusals = counter(`${ips}_allocation_errors_total`, 'Number of addresses refused.', ['cidr', 'scope'])
  const ipSeconds = new Histogram({
    name: `${ips}_allocation_duration_seconds`,
    help: 'Time that it takes to give an address.',
    labelNames: ['cidr'],
    buckets: durationBuckets,
    registers,
  })
  const allocatedPorts = new Gauge({
    name: `${ports}_allocated_ports`,
    help: 'Number of node ports in use.',
    registers,
  })
  const availablePorts = new Gauge({ name: `${ports}_available_ports`, help: 'Number of free node ports.', registers })
  const portAllocations = counter(`${ports}_allocation_total`, 'Number of node ports given.', ['scope'])
  const portRefusals = counter(`${ports}_allocation_errors_total`, 'Number of node ports refused.', ['scope'])
  const ipErrors = counter('apiserver_clusterip_repair_ip_errors_total', 'Wrong addresses, by what is wrong.', ['type'])
  const portErrors = counter('apiserver_nodeport_repair_port_errors_total', 'Wrong ports, by what is wrong.', ['type'])
  const failures = {
    ips: counter('apiserver_clusterip_repair_reconcile_errors_total', 'Failed rounds of the repair.', []),
    ports: counter('apiserver_nodeport_repair_reconcile_errors_total', 'Failed rounds of the repair.', []),
  }
  return {
    watchRanges: (use) => {
      ranges = use
    },
    ipAllocated: (cidr, scope, seconds) => {
      ipAllocations.labels(cidr, scope).inc()
      ipSeconds.labels(cidr).observe(seconds)
    },
    ipRefused: (cidr, scope) => ipRefusals.labels(cidr, scope).inc(),
    portAllocated: (scope) => portAllocations.labels(scope).inc(),
    portRefused: (scope) => portRefusals.labels(scope).inc(),
    portsUsed: (allocated, available) => {
      allocatedPorts.set(allocated)
      availablePorts.set(available)
    },
    ipError: (type) => ipErrors.labels(type).inc(),
    portError: (type) => portErrors.labels(type).inc(),
    repairFailed: (what) => failures[what].inc(),
  }
}
