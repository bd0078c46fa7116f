/** Keeps the node's table of one IP family equal to the Services: changes are gathered, the difference is written. */
import type { EndpointSlice, Service } from '../../api/types.ts'
import { sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { IpFamily } from '../family.ts'
import type { HealthCheckPorts } from '../health/health-check-ports.ts'
import type { ProxyHealth } from '../health/proxy-health.ts'
import type { ProxyMetrics } from '../metrics.ts'
import { baseCommands, type TableOptions } from '../nftables/base-table.ts'
import { EndpointSlots } from '../nftables/endpoint-slots.ts'
import { tableOf } from '../nftables/names.ts'
import { applyNft, listExisting } from '../nftables/nft.ts'
import { releaseSlots, servicePortFragment } from '../nftables/service-rules.ts'
import { emptyFragment, mergeFragments } from '../nftables/table.ts'
import { type Changes, type Existing, TableModel } from '../nftables/table-model.ts'
import type { ServiceChange } from '../watch.ts'
import { deleteStaleFlows } from './conntrack.ts'
import { type ServicePort, type ServiceView, viewService } from './service-port.ts'
import { type SyncPeriods, SyncSchedule } from './sync-schedule.ts'
import type { Place } from './topology.ts'

export interface ProxierOptions {
  readonly family: IpFamily
  readonly periods: SyncPeriods
  /** The node's settings as they are now; after a change, `requestFullSync`. */
  readonly place: () => Place
  readonly tableOptions: () => TableOptions
  /** Cluster IPs that this node answers itself (cluster DNS): never redirected, never refused. */
  readonly localAddresses: ReadonlySet<string>
  readonly getService: (key: string) => Service | undefined
  readonly slicesOf: (key: string) => readonly EndpointSlice[]
  readonly allServices: () => readonly Service[]
  readonly health: ProxyHealth
  readonly healthChecks: HealthCheckPorts
  readonly metrics: ProxyMetrics
  readonly log: Logger
}

/** Times between full syncs: what somebody else did to the table does not stay. Upstream: FullSyncPeriod. */
const fullSyncMs = 3_600_000
const retryMs = 1_000
/** Kernels before 6.2 take a moment to see that no element leads to a chain any more. */
const retirementMs = 1_000

const nothing: Existing = { chains: [], containers: new Map() }
const gatherMs = 100

const noView: ServiceView = { ports: [], healthCheck: undefined }

/** Labels by which a Service asks that kube-proxy leaves it alone. */
const skipLabels = ['service.kubernetes.io/service-proxy-name', 'service.kubernetes.io/headless']

const keyOf = (service: Service): string => `${service.metadata?.namespace}/${service.metadata?.name}`

export class Proxier {
  readonly #options: ProxierOptions
  readonly #table: string
  readonly #schedule: SyncSchedule
  readonly #views = new Map<string, ServiceView>()
  readonly #dirty = new Set<string>()
  /** Which of them changed how, for the metrics. */
  readonly #pending = { service: new Set<string>(), endpoints: new Set<string>() }
  /** When endpoints changed whose rules are not written yet, in milliseconds since the epoch. */
  readonly #triggers: number[] = []
  /** Chains that wait for their deletion, and since when. */
  readonly #retired = new Map<string, number>()
  /** As they were at the last full sync. */
  #place: Place
  #tableOptions: TableOptions
  #model: TableModel
  #slots = new EndpointSlots()
  #needsFullSync = true
  #lastFullSync = 0
  #failures = 0

  constructor(options: ProxierOptions) {
    this.#options = options
    this.#table = tableOf(options.family)
    this.#place = options.place()
    this.#tableOptions = options.tableOptions()
    this.#model = new TableModel(this.#table)
    this.#schedule = new SyncSchedule(options.periods)
  }

  /** A Service or one of its EndpointSlices changed, the latter at a time that the slice tells. */
  enqueue({ key, what, triggeredAt }: ServiceChange): void {
    this.#dirty.add(key)
    this.#pending[what].add(key)
    if (triggeredAt !== undefined) this.#triggers.push(triggeredAt)
    this.#reportPending()
    this.#request()
  }

  /** Everything is computed and written anew: the node changed. */
  requestFullSync(): void {
    this.#needsFullSync = true
    this.#request()
  }

  /** Writes the whole table, then every change, until the signal is aborted. The table stays when the process ends. */
  async run(signal: AbortSignal): Promise<void> {
    const { log, metrics, family } = this.#options
    while (!signal.aborted) {
      try {
        await this.#sync()
        this.#failures = 0
        await this.#schedule.next(signal).catch(() => undefined)
      } catch (error) {
        // What the kernel holds is not what we believe: the next write is of everything.
        this.#needsFullSync = true
        this.#failures++
        metrics.syncFailures.labels(family).inc()
        log.error({ err: error, family }, 'nftables not written; trying again')
        await sleep(retryMs, signal).catch(() => undefined)
      }
    }
  }

  #request(): void {
    const { health, metrics, family } = this.#options
    health.queued(family)
    metrics.lastQueued.labels(family).setToCurrentTime()
    this.#schedule.request()
  }

  #reportPending(): void {
    const { metrics } = this.#options
    metrics.pendingServices.set(this.#pending.service.size)
    metrics.pendingEndpoints.set(this.#pending.endpoints.size)
  }

  async #sync(): Promise<void> {
    const { family, health, metrics } = this.#options
    const startedAt = performance.now()
    const isFull = this.#needsFullSync || startedAt - this.#lastFullSync > fullSyncMs
    await this.#deleteRetired(startedAt)
    const triggers = this.#triggers.splice(0)
    for (const keys of Object.values(this.#pending)) keys.clear()
    this.#reportPending()
    const hasUdp = isFull ? await this.#writeAll() : await this.#writeDirty()
    if (isFull) this.#lastFullSync = startedAt
    this.#needsFullSync = false
    health.updated(family)
    metrics.lastSync.labels(family).setToCurrentTime()
    const seconds = (performance.now() - startedAt) / 1000
    metrics.syncSeconds.labels(family).observe(seconds)
    metrics[isFull ? 'fullSyncSeconds' : 'partialSyncSeconds'].labels(family).observe(seconds)
    for (const at of triggers) metrics.programmingSeconds.labels(family).observe((Date.now() - at) / 1000)
    this.#report()
    if (hasUdp) await this.#deleteStaleFlows()
  }

  /** Computes a Service's part of the table; true if a UDP port of it may have changed. */
  #refresh(key: string): boolean {
    const { getService, slicesOf, localAddresses, family, healthChecks } = this.#options
    const service = getService(key)
    const isOurs =
      service !== undefined &&
      !localAddresses.has(service.spec?.clusterIP ?? '') &&
      !skipLabels.some((label) => service.metadata?.labels?.[label] !== undefined)
    const before = this.#views.get(key) ?? noView
    const view = isOurs ? viewService(service, slicesOf(key), { ...this.#place, family }) : noView
    const idOf = ({ portName, protocol }: ServicePort): string => `${protocol}/${portName}`
    const kept = new Set(view.ports.map(idOf))
    for (const port of before.ports) if (!kept.has(idOf(port))) releaseSlots(port, this.#slots)
    const fragments = view.ports.map((port) => servicePortFragment(port, this.#tableOptions, this.#slots))
    this.#model.replace(key, fragments.length === 0 ? emptyFragment : mergeFragments(fragments))
    if (view.ports.length === 0) this.#views.delete(key)
    else this.#views.set(key, view)
    healthChecks.set(key, view.healthCheck)
    return [...before.ports, ...view.ports].some(({ protocol }) => protocol === 'udp')
  }

  async #writeAll(): Promise<boolean> {
    const { allServices, place, tableOptions, healthChecks } = this.#options
    this.#place = place()
    this.#tableOptions = tableOptions()
    // A table that refuses what belongs into it is of somebody else's making, and goes within the same transaction.
    const isRefused = this.#failures > 1
    const existing = isRefused ? nothing : await listExisting(this.#table)
    const removal = isRefused ? [`add table ${this.#table}`, `delete table ${this.#table}`] : []
    this.#dirty.clear()
    const gone = new Set(this.#views.keys())
    this.#views.clear()
    this.#retired.clear()
    this.#model = new TableModel(this.#table)
    this.#slots = new EndpointSlots()
    for (const service of allServices()) {
      gone.delete(keyOf(service))
      this.#refresh(keyOf(service))
    }
    for (const key of gone) healthChecks.set(key, undefined)
    await this.#apply(this.#model.everything([...removal, ...baseCommands(this.#tableOptions)], existing))
    return true
  }

  async #writeDirty(): Promise<boolean> {
    const keys = [...this.#dirty]
    this.#dirty.clear()
    const hasUdp = keys.map((key) => this.#refresh(key)).some(Boolean)
    await this.#apply(this.#model.changes())
    return hasUdp
  }

  async #apply({ commands, retired, revived }: Changes): Promise<void> {
    if (commands.length > 0) await applyNft(commands)
    for (const chain of retired) this.#retired.set(chain, performance.now())
    for (const chain of revived) this.#retired.delete(chain)
    if (this.#retired.size > 0) setTimeout(() => this.#schedule.request(), retirementMs + gatherMs).unref()
  }

  async #deleteRetired(now: number): Promise<void> {
    const { metrics, family, log } = this.#options
    const due = [...this.#retired].filter(([, since]) => now - since > retirementMs).map(([chain]) => chain)
    if (due.length === 0) return
    for (const chain of due) this.#retired.delete(chain)
    try {
      await applyNft(due.map((chain) => `delete chain ${this.#table} ${chain}`))
    } catch (err) {
      // They are empty; a full sync finds them again.
      metrics.cleanupFailures.labels(family).inc()
      log.debug({ err, chains: due.length }, 'chains not deleted')
    }
  }

  async #deleteStaleFlows(): Promise<void> {
    const { family, metrics } = this.#options
    const startedAt = performance.now()
    const ports = [...this.#views.values()].flatMap((view) => view.ports)
    metrics.deletedFlows.labels(family).inc(await deleteStaleFlows(family, ports))
    metrics.flowSeconds.labels(family).observe((performance.now() - startedAt) / 1000)
  }

  /** Services that a Local policy leaves without an endpoint here. */
  #report(): void {
    const { family, metrics } = this.#options
    let internal = 0
    let external = 0
    for (const { ports } of this.#views.values()) {
      for (const port of ports) {
        if (!port.hasEndpoints || port.localEndpoints.length > 0) continue
        if (port.internalPolicyLocal) internal++
        if (port.externalPolicyLocal) external++
      }
    }
    metrics.noLocalEndpoints.labels(family, 'internal').set(internal)
    metrics.noLocalEndpoints.labels(family, 'external').set(external)
  }
}
