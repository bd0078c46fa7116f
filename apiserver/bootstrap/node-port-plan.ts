/**
 * The node ports that should be marked as used, given those that are. Pure.
 * Upstream: pkg/registry/core/service/portallocator/controller/repair.go.
 */
import { usesNodePorts } from '../../api/core/service-validation.ts'
import type { Service } from '../../api/types.ts'
import type { RepairError } from '../registry/services/metrics.ts'
import type { NodePortAllocator } from '../registry/services/node-port-allocator.ts'
import type { Warning } from './system-events.ts'

/** Rounds in which a port has to look leaked before it is given free: its Service may be about to be written. */
const roundsBeforeRelease = 3

/** For each port that looks leaked, the rounds that it is still kept for. */
export type Leaks = ReadonlyMap<number, number>

export interface PortPlan {
  readonly used: ReadonlySet<number>
  readonly leaks: Leaks
  readonly warnings: readonly Warning[]
  /** For the metrics: what was found wrong. */
  readonly errors: readonly RepairError[]
}

/** A number that two ports of one protocol have is there twice; TCP and UDP may share it. */
const portsOf = ({ spec }: Service): number[] => {
  if (spec === undefined || !usesNodePorts(spec)) return []
  const seen = new Set<string>()
  const ports: number[] = []
  for (const { nodePort = 0, protocol = 'TCP' } of spec.ports ?? []) {
    if (nodePort === 0) continue
    const isShared = ports.includes(nodePort) && !seen.has(`${protocol}/${nodePort}`)
    seen.add(`${protocol}/${nodePort}`)
    if (!isShared) ports.push(nodePort)
  }
  const health = spec.healthCheckNodePort ?? 0
  if (health !== 0 && (!ports.includes(health) || seen.has(`TCP/${health}`))) ports.push(health)
  return ports
}

const errorOf: Readonly<Record<string, RepairError>> = {
  PortOutOfRange: 'outOfRange',
  PortAlreadyAllocated: 'duplicate',
  PortNotAllocated: 'repair',
}

const keepLeaked = (leaked: Iterable<number>, before: Leaks): Leaks => {
  const kept = new Map<number, number>()
  for (const port of leaked) {
    const rounds = before.get(port) ?? roundsBeforeRelease - 1
    if (rounds > 0) kept.set(port, rounds - 1)
  }
  return kept
}

export const planNodePorts = (
  stored: ReadonlySet<number>,
  services: Iterable<Service>,
  before: Leaks,
  range: Pick<NodePortAllocator, 'contains' | 'rangeText'>,
): PortPlan => {
  const used = new Set<number>()
  const warnings: Warning[] = []
  for (const service of services) {
    const warn = (reason: string, message: string): void =>
      void warnings.push({ object: service, action: 'PortAllocation', reason, message })
    for (const port of portsOf(service)) {
      if (!range.contains(port)) {
        warn('PortOutOfRange', `Port ${port} is not within the port range ${range.rangeText}; please recreate service`)
      } else if (used.has(port)) {
        warn('PortAlreadyAllocated', `Port ${port} was assigned to multiple services; please recreate service`)
      } else {
        used.add(port)
        if (!stored.has(port)) warn('PortNotAllocated', `Port ${port} is not allocated; repairing`)
      }
    }
  }
  const leaked = stored.difference(used)
  const leaks = keepLeaked(leaked, before)
  const released = Array.from({ length: leaked.size - leaks.size }, (): RepairError => 'leak')
  const errors = [...warnings.flatMap(({ reason }) => errorOf[reason] ?? []), ...released]
  return { used: used.union(new Set(leaks.keys())), leaks, warnings, errors }
}
