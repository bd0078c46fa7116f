/** What one port of a Service adds to the table. Pure, but for the slots that its endpoints are given. */
import { parseCidr, parseIp, containsCidr } from '../../api/meta/cidr.ts'
import { familyWords } from '../family.ts'
import { type Endpoint, endpointText } from '../services/endpoints.ts'
import type { ServicePort } from '../services/service-port.ts'
import type { TableOptions } from './base-table.ts'
import type { EndpointSlots } from './endpoint-slots.ts'
import { endpointName, servicePortName } from './names.ts'
import type { Fragment } from './table.ts'

interface Draft {
  readonly chains: Map<string, string[]>
  readonly sets: Map<string, string>
  readonly elements: Map<string, Map<string, string>>
}

interface Context {
  readonly options: TableOptions
  readonly slots: EndpointSlots
  readonly draft: Draft
}

const addElement = ({ elements }: Draft, container: string, key: string, value = ''): void => {
  const items = elements.get(container) ?? new Map<string, string>()
  items.set(key, value)
  elements.set(container, items)
}

/** One rule that picks an endpoint at random: a random slot of its block. */
const randomRule = (chain: string, port: ServicePort, endpoints: readonly Endpoint[], context: Context): string => {
  const { draft, options, slots } = context
  const { ip } = familyWords[options.family]
  const dnat = `meta l4proto ${port.protocol} dnat ${ip} to`
  const [only] = endpoints
  if (endpoints.length === 1 && only !== undefined) {
    slots.release(chain)
    return `${dnat} ${endpointText(only)}`
  }
  const wanted = endpoints.map((endpoint) => `${endpoint.ip} . ${endpoint.port}`)
  const { map, offset, texts } = slots.place(chain, port.protocol, wanted)
  draft.sets.set(map, `map { typeof numgen random mod 2 : ${ip} daddr . ${port.protocol} dport; }`)
  texts.forEach((text, index) => addElement(draft, map, String(offset + index), text))
  return `${dnat} numgen random mod ${texts.length} offset ${offset} map @${map}`
}

/** Sets of clients that are remembered have a bound, as all that strangers can fill. */
const affinitySize = 65_535

/**
 * The chain that sends a connection to one of `endpoints`. With affinity each endpoint remembers its clients in a set,
 * which lives as long as the endpoint, whatever becomes of the others.
 */
const policyChain = (chain: string, port: ServicePort, endpoints: readonly Endpoint[], context: Context): void => {
  const { draft, options, slots } = context
  if (port.affinitySeconds === 0) {
    draft.chains.set(chain, [randomRule(chain, port, endpoints, context)])
    return
  }
  slots.release(chain)
  const { ip, addressType } = familyWords[options.family]
  const targets = endpoints.map((endpoint) => {
    const name = endpointName(port, endpoint.ip, endpoint.port)
    draft.sets.set(`affinity-${name}`, `set { type ${addressType}; size ${affinitySize}; flags dynamic,timeout; }`)
    draft.chains.set(`endpoint-${name}`, [
      // A time-out of the set itself could not be changed while the set lives.
      `update @affinity-${name} { ${ip} saddr timeout ${port.affinitySeconds}s }`,
      `meta l4proto ${port.protocol} dnat ${ip} to ${endpointText(endpoint)}`,
    ])
    return name
  })
  draft.chains.set(chain, [
    ...targets.map((name) => `${ip} saddr @affinity-${name} goto endpoint-${name}`),
    `numgen random mod ${targets.length} vmap { ${targets.map((name, i) => `${i} : goto endpoint-${name}`).join(', ')} }`,
  ])
}

interface Chains {
  readonly cluster: string
  readonly local: string
  readonly external: string
  readonly firewall: string
}

/** Traffic to a node port, a load balancer's or an external address. */
const externalRules = (port: ServicePort, chains: Chains, { localTraffic }: TableOptions): string[] => {
  if (!port.externalPolicyLocal) return ['jump mark-for-masquerade', `goto ${chains.cluster}`]
  return [
    // From inside the cluster it is as if it had gone out to a load balancer and come back to any node.
    ...(localTraffic === undefined ? [] : [`${localTraffic.isLocal} goto ${chains.cluster}`]),
    'fib saddr type local jump mark-for-masquerade',
    `fib saddr type local goto ${chains.cluster}`,
    ...(port.localEndpoints.length === 0 ? [] : [`goto ${chains.local}`]),
  ]
}

/** Who may not come by a load balancer's address is dropped before the address is looked up. */
const firewallRules = (port: ServicePort, { family, nodeIP }: TableOptions): string[] => {
  const node = nodeIP === undefined ? undefined : parseIp(nodeIP)
  const admitsNode = port.sourceRanges.some((range) => {
    const cidr = parseCidr(range)
    return (
      node !== undefined && cidr !== undefined && containsCidr(cidr, { ...node, prefix: familyWords[family].width })
    )
  })
  // A node that has the load balancer's address itself comes from that address.
  const sources = [...new Set([...port.sourceRanges, ...(admitsNode ? port.loadBalancerIPs : [])])]
  return [...sources.map((source) => `${familyWords[family].ip} saddr ${source} return`), 'drop']
}

/** Maps that say where traffic to an address goes, and what becomes of it where no endpoint is. */
const dispatch = (port: ServicePort, chains: Chains, draft: Draft): void => {
  const { hasEndpoints, protocol } = port
  const hasInternal = port.internalPolicyLocal ? port.localEndpoints.length > 0 : hasEndpoints
  const hasExternal = port.externalPolicyLocal ? port.localEndpoints.length > 0 : hasEndpoints
  // "No endpoints" is refused; "no endpoints here" under a Local policy is dropped.
  const refusal = hasEndpoints ? 'drop' : 'goto reject-chain'
  const internalChain = port.internalPolicyLocal ? chains.local : chains.cluster
  addElement(draft, 'cluster-ips', port.clusterIP)
  const ownKey = `${port.clusterIP} . ${protocol} . ${port.port}`
  if (hasInternal) addElement(draft, 'service-ips', ownKey, `goto ${internalChain}`)
  else addElement(draft, 'no-endpoint-services', ownKey, refusal)
  for (const ip of [...port.externalIPs, ...port.loadBalancerIPs]) {
    const key = `${ip} . ${protocol} . ${port.port}`
    if (hasEndpoints) addElement(draft, 'service-ips', key, `goto ${chains.external}`)
    if (!hasExternal) addElement(draft, 'no-endpoint-services', key, refusal)
  }
  if (port.nodePort !== 0) {
    const key = `${protocol} . ${port.nodePort}`
    if (hasEndpoints) addElement(draft, 'service-nodeports', key, `goto ${chains.external}`)
    if (!hasExternal) addElement(draft, 'no-endpoint-nodeports', key, refusal)
  }
}

/** What one port of a Service adds to the table. */
export const servicePortFragment = (port: ServicePort, options: TableOptions, slots: EndpointSlots): Fragment => {
  const draft: Draft = { chains: new Map(), sets: new Map(), elements: new Map() }
  const context = { options, slots, draft }
  const name = servicePortName(port)
  const chains: Chains = {
    cluster: `service-${name}`,
    local: `local-${name}`,
    external: `external-${name}`,
    firewall: `firewall-${name}`,
  }
  dispatch(port, chains, draft)
  const policies = [
    [chains.cluster, port.clusterEndpoints],
    [chains.local, port.localEndpoints],
  ] as const
  for (const [chain, endpoints] of policies) {
    if (endpoints.length === 0) slots.release(chain)
    else policyChain(chain, port, endpoints, context)
    for (const { ip, port: number, isLocal } of endpoints) {
      if (isLocal) addElement(draft, 'hairpin-connections', `${ip} . ${ip} . ${port.protocol} . ${number}`)
    }
  }
  const isExternal = port.nodePort !== 0 || port.externalIPs.length > 0 || port.loadBalancerIPs.length > 0
  if (port.hasEndpoints && isExternal) draft.chains.set(chains.external, externalRules(port, chains, options))
  if (port.sourceRanges.length > 0 && port.loadBalancerIPs.length > 0) {
    draft.chains.set(chains.firewall, firewallRules(port, options))
    for (const ip of port.loadBalancerIPs)
      addElement(draft, 'firewall-ips', `${ip} . ${port.protocol} . ${port.port}`, `goto ${chains.firewall}`)
  }
  return draft
}

/** Gives back the slots of a port that is gone. */
export const releaseSlots = (port: ServicePort, slots: EndpointSlots): void => {
  const name = servicePortName(port)
  slots.release(`service-${name}`)
  slots.release(`local-${name}`)
}
