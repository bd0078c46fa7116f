/** Keeps the node's nftables table equal to the Services: changes are gathered, and only the difference is written. */
import { execFile } from 'node:child_process'
import type { EndpointSlice, Service } from '../../api/types.ts'
import { sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { ProxyMetrics } from '../metrics.ts'
import { applyNft } from '../nftables/nft.ts'
import {
  baseRules,
  hairpinAddresses,
  type RulesetOptions,
  servicePortFragment,
  tableName,
} from '../nftables/ruleset.ts'
import { diffFragments, emptyFragment, type Fragment, mergeFragments } from '../nftables/table.ts'
import { type ServicePort, servicePortsOf } from './service-port.ts'

export interface ProxierOptions extends RulesetOptions {
  readonly nodeName: string
  /** Cluster IPs that this node answers itself (cluster DNS): never redirected, never refused. */
  readonly localAddresses: ReadonlySet<string>
  readonly getService: (key: string) => Service | undefined
  readonly slicesOf: (key: string) => readonly EndpointSlice[]
  readonly allServices: () => readonly Service[]
  readonly metrics: ProxyMetrics
  readonly log: Logger
}

interface ServiceState {
  readonly fragment: Fragment
  readonly ports: readonly ServicePort[]
  readonly hairpins: ReadonlySet<string>
}

const noState: ServiceState = { fragment: emptyFragment, ports: [], hairpins: new Set() }
const retryMs = 1_000

/** Labels by which a Service asks that kube-proxy leaves it alone. */
const skipLabels = ['service.kubernetes.io/service-proxy-name', 'service.kubernetes.io/headless']

export class Proxier {
  readonly #options: ProxierOptions
  readonly #states = new Map<string, ServiceState>()
  /** How many Services have an endpoint of this node's, by its address. */
  readonly #hairpins = new Map<string, number>()
  readonly #dirty = new Set<string>()
  #wake: (() => void) | undefined
  #lastSync = 0

  constructor(options: ProxierOptions) {
    this.#options = options
  }

  /** A Service or one of its EndpointSlices changed. */
  enqueue(key: string): void {
    this.#dirty.add(key)
    this.#wake?.()
  }

  /** Milliseconds since the epoch of the last write that succeeded; 0 before the first. */
  get lastSync(): number {
    return this.#lastSync
  }

  /** Writes the whole table, then every change, until the signal is aborted. The table stays when the process ends. */
  async run(signal: AbortSignal): Promise<void> {
    const { log, metrics } = this.#options
    let whole = true
    while (!signal.aborted) {
      const startedAt = performance.now()
      try {
        if (whole) await this.#writeAll()
        else await this.#writeDirty()
        whole = false
        this.#lastSync = Date.now()
        metrics.syncSeconds.observe((performance.now() - startedAt) / 1000)
      } catch (error) {
        // What the kernel holds is not what we believe: the next write is of everything.
        whole = true
        metrics.syncFailures.inc()
        log.error({ err: error }, 'nftables not written; trying again')
        await sleep(retryMs, signal).catch(() => undefined)
        continue
      }
      await this.#changes(signal)
    }
  }

  /** Resolves when something is dirty; a turn of the event loop gathers what comes together. */
  async #changes(signal: AbortSignal): Promise<void> {
    if (this.#dirty.size === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        signal.addEventListener('abort', () => resolve(), { once: true })
        if (signal.aborted) resolve()
      })
      this.#wake = undefined
    }
    await new Promise((resolve) => setTimeout(resolve, 2))
  }

  #compute(key: string): ServiceState {
    const { getService, slicesOf, nodeName, localAddresses } = this.#options
    const service = getService(key)
    if (service === undefined || localAddresses.has(service.spec?.clusterIP ?? '')) return noState
    if (skipLabels.some((label) => service.metadata?.labels?.[label] !== undefined)) return noState
    const ports = servicePortsOf(service, slicesOf(key), nodeName)
    return {
      ports,
      fragment: mergeFragments(ports.map((port) => servicePortFragment(port, this.#options))),
      hairpins: new Set(ports.flatMap(hairpinAddresses)),
    }
  }

  async #writeAll(): Promise<void> {
    this.#dirty.clear()
    this.#states.clear()
    this.#hairpins.clear()
    for (const service of this.#options.allServices()) {
      const key = `${service.metadata?.namespace}/${service.metadata?.name}`
      const state = this.#compute(key)
      this.#states.set(key, state)
      for (const ip of state.hairpins) this.#hairpins.set(ip, (this.#hairpins.get(ip) ?? 0) + 1)
    }
    const everything = mergeFragments([...this.#states.values()].map((state) => state.fragment))
    await applyNft([
      ...baseRules(this.#options),
      ...diffFragments(tableName, emptyFragment, everything),
      ...hairpinCommands('add', [...this.#hairpins.keys()]),
    ])
  }

  async #writeDirty(): Promise<void> {
    const keys = [...this.#dirty]
    this.#dirty.clear()
    const before: ServiceState[] = []
    const after: ServiceState[] = []
    const touched = new Map<string, number>()
    for (const key of keys) {
      const old = this.#states.get(key) ?? noState
      const next = this.#compute(key)
      before.push(old)
      after.push(next)
      for (const ip of old.hairpins) touched.set(ip, (touched.get(ip) ?? 0) - 1)
      for (const ip of next.hairpins) touched.set(ip, (touched.get(ip) ?? 0) + 1)
      if (next === noState) this.#states.delete(key)
      else this.#states.set(key, next)
    }
    const added: string[] = []
    const gone: string[] = []
    for (const [ip, change] of touched) {
      const count = this.#hairpins.get(ip) ?? 0
      const next = count + change
      if (count === 0 && next > 0) added.push(ip)
      if (count > 0 && next === 0) gone.push(ip)
      if (next === 0) this.#hairpins.delete(ip)
      else this.#hairpins.set(ip, next)
    }
    const commands = [
      ...diffFragments(
        tableName,
        mergeFragments(before.map((s) => s.fragment)),
        mergeFragments(after.map((s) => s.fragment)),
      ),
      ...hairpinCommands('delete', gone),
      ...hairpinCommands('add', added),
    ]
    if (commands.length === 0) return
    await applyNft(commands)
    await Promise.all(keys.map((_, index) => forgetUdp(before[index] ?? noState, after[index] ?? noState)))
  }
}

const hairpinCommands = (verb: 'add' | 'delete', addresses: readonly string[]): string[] =>
  addresses.length === 0
    ? []
    : [`${verb} element ${tableName} hairpin-connections { ${addresses.map((ip) => `${ip} . ${ip}`).join(', ')} }`]

/**
 * UDP has no end of a connection: a client that goes on talking would be sent to an endpoint that is gone, or stay
 * without one, for as long as its conntrack entry lives. So entries of changed UDP ports are dropped.
 */
const forgetUdp = async (before: ServiceState, after: ServiceState): Promise<void> => {
  for (const port of before.ports.filter(({ protocol }) => protocol === 'udp')) {
    const now = after.ports.find((p) => p.protocol === 'udp' && p.port === port.port && p.clusterIP === port.clusterIP)
    const alive = new Set((now?.internalEndpoints ?? []).map(({ ip }) => ip))
    const dead = port.internalEndpoints.filter(({ ip }) => !alive.has(ip))
    for (const { ip } of dead) await conntrackDelete('--orig-dst', port.clusterIP, '--dst-nat', ip)
    if (port.internalEndpoints.length === 0 && alive.size > 0) await conntrackDelete('--orig-dst', port.clusterIP)
  }
}

/** conntrack exits 1 when nothing matched; its absence leaves entries to their time-out. */
const conntrackDelete = (...filter: readonly string[]): Promise<void> =>
  new Promise((resolve) => {
    execFile('conntrack', ['-D', '-p', 'udp', ...filter], () => resolve())
  })
