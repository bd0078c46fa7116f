/** Claims and releases of a Service's node ports. Upstream: initNodePorts and updateNodePorts in storage/alloc.go. */
import { needsHealthCheckPort, usesNodePorts } from '../../../api/core/service-validation.ts'
import { invalid } from '../../../api/meta/field-error.ts'
import { internalError, StatusError } from '../../../api/meta/status-error.ts'
import { type Claims, invalidService } from './claims.ts'
import type { ServiceSpec } from './service-spec.ts'

/** A dry run shows ports from here on, as upstream's: nothing is looked up for it. */
const firstDryRunPort = 32_769

const allocatesByItself = ({ type, allocateLoadBalancerNodePorts }: ServiceSpec): boolean =>
  type === 'NodePort' || (type === 'LoadBalancer' && allocateLoadBalancerNodePorts !== false)

/** Why the port cannot be had; undefined if it is claimed now. */
const claim = async (claims: Claims, port: number): Promise<string | undefined> => {
  const { ports } = claims.allocators
  const taken = 'provided port is already allocated'
  if (claims.dryRun) {
    if (claims.ports.includes(port) || (await ports.has(port))) return taken
    claims.tookPort(port)
    return undefined
  }
  const result = await ports.allocate(port)
  switch (result.type) {
    case 'allocated':
      claims.tookPort(port)
      return undefined
    case 'out-of-range':
      return `provided port is not in the valid range. The range of valid ports is ${ports.rangeText}`
    case 'taken':
    case 'full':
      return taken
  }
}

/** Any free port; undefined if there is none. */
const claimNext = async (claims: Claims): Promise<number | undefined> => {
  if (claims.dryRun) {
    const port = Math.max(firstDryRunPort - 1, ...claims.ports) + 1
    claims.tookPort(port)
    return port
  }
  const result = await claims.allocators.ports.allocateNext()
  if (result.type !== 'allocated') return undefined
  claims.tookPort(result.port)
  return result.port
}

const claimNamed = async (claims: Claims, index: number, port: number): Promise<void> => {
  const refusal = await claim(claims, port)
  if (refusal === undefined) return
  throw invalidService(claims.service, [invalid(`spec.ports[${index}].nodePort`, port, refusal)])
}

const claimAny = async (claims: Claims): Promise<number> => {
  const port = await claimNext(claims)
  if (port === undefined) throw internalError('failed to allocate a nodePort: range is full')
  return port
}

const claimHealthCheckPort = async (claims: Claims, spec: ServiceSpec): Promise<void> => {
  const wanted = spec.healthCheckNodePort ?? 0
  if (wanted !== 0) {
    const refusal = await claim(claims, wanted)
    if (refusal !== undefined) {
      throw internalError(`failed to allocate requested HealthCheck NodePort ${wanted}: ${refusal}`)
    }
    return
  }
  const port = await claimNext(claims)
  if (port === undefined) throw internalError('failed to allocate a HealthCheck NodePort 0: range is full')
  spec.healthCheckNodePort = port
}

/** Ports of one number (TCP and UDP) share a node port unless they ask for different ones. */
const claimPorts = async (claims: Claims, spec: ServiceSpec): Promise<void> => {
  const ports = spec.ports ?? []
  const byPort = new Map<number, number>()
  for (const [index, port] of ports.entries()) {
    const wanted = port.nodePort ?? 0
    if (wanted === 0 && !allocatesByItself(spec)) continue
    const shared = byPort.get(port.port)
    if (shared !== undefined) {
      if (wanted === 0) port.nodePort = shared
      else if (wanted !== shared) await claimNamed(claims, index, wanted)
      continue
    }
    const named = ports.find((other) => other.port === port.port && (other.nodePort ?? 0) !== 0)?.nodePort
    if (named !== undefined) await claimNamed(claims, index, named)
    port.nodePort = named ?? (await claimAny(claims))
    byPort.set(port.port, port.nodePort)
  }
}

export const claimNodePorts = async (claims: Claims, spec: ServiceSpec): Promise<void> => {
  if (usesNodePorts(spec)) await claimPorts(claims, spec)
  if (needsHealthCheckPort(spec)) await claimHealthCheckPort(claims, spec)
}

/** A Service of another type may name a node port; it does not hold it. */
const portsOf = (spec: ServiceSpec): number[] =>
  usesNodePorts(spec) ? (spec.ports ?? []).map(({ nodePort = 0 }) => nodePort).filter((port) => port !== 0) : []

/** Claims what the old Service does not hold, and lets go of what the new one does not name. */
const updatePorts = async (claims: Claims, spec: ServiceSpec, held: readonly number[]): Promise<void> => {
  const seen = new Set<string>()
  for (const [index, port] of (spec.ports ?? []).entries()) {
    const wanted = port.nodePort ?? 0
    if (wanted === 0 && !allocatesByItself(spec)) continue
    if (wanted === 0) port.nodePort = await claimAny(claims)
    else if (!held.includes(wanted) && !claims.ports.includes(wanted)) await claimNamed(claims, index, wanted)
    const text = `{${port.protocol} ${port.nodePort}}`
    if (seen.has(text)) throw new StatusError('', `duplicate nodePort: ${text}`)
    seen.add(text)
  }
  const now = portsOf(spec)
  claims.releaseLater({ ports: held.filter((port) => !now.includes(port)) })
}

export const updateNodePorts = async (claims: Claims, spec: ServiceSpec, old: ServiceSpec): Promise<void> => {
  const held = portsOf(old)
  if (usesNodePorts(spec)) await updatePorts(claims, spec, held)
  else claims.releaseLater({ ports: held })
  const [needed, needs] = [needsHealthCheckPort(old), needsHealthCheckPort(spec)]
  if (!needed && needs) await claimHealthCheckPort(claims, spec)
  if (needed && !needs && old.healthCheckNodePort !== undefined) {
    claims.releaseLater({ ports: [old.healthCheckNodePort] })
  }
}
