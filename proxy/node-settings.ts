/** What a proxy goes by on its node, from the configuration and the Node object. Pure but for the interfaces it is given. */
import type { NetworkInterfaceInfo } from 'node:os'
import { containsCidr, parseCidr, parseIp } from '../api/meta/cidr.ts'
import type { Node } from '../api/types.ts'
import type { ProxyConfiguration } from './config/configuration.ts'
import { familyOf, familyWords, type IpFamily, ofFamily } from './family.ts'
import type { LocalTraffic } from './nftables/base-table.ts'

/** The first InternalIP of the family, or else the first ExternalIP. */
export const nodeIPOf = (node: Node | undefined, family: IpFamily): string | undefined => {
  const ofType = (type: string): string[] =>
    ofFamily(
      family,
      (node?.status?.addresses ?? []).filter((address) => address.type === type).map(({ address }) => address),
    )
  return [...ofType('InternalIP'), ...ofType('ExternalIP')][0]
}

export const podCIDRsOf = (node: Node | undefined): readonly string[] =>
  node?.spec?.podCIDRs ?? (node?.spec?.podCIDR === undefined ? [] : [node.spec.podCIDR])

/** How this node's Pods (or the cluster's, by their range) are known; undefined if the family has no range. */
export const localTrafficOf = (
  config: ProxyConfiguration,
  family: IpFamily,
  node: Node | undefined,
): LocalTraffic | undefined => {
  const byRange = (ranges: readonly string[]): LocalTraffic | undefined => {
    const [range] = ofFamily(family, ranges)
    if (range === undefined) return undefined
    const { ip } = familyWords[family]
    return { isLocal: `${ip} saddr ${range}`, isNotLocal: `${ip} saddr != ${range}` }
  }
  const byInterface = (name: string): LocalTraffic => ({
    isLocal: `iifname "${name}"`,
    isNotLocal: `iifname != "${name}"`,
  })
  switch (config.detectLocalMode) {
    case 'NodeCIDR':
      return byRange(podCIDRsOf(node))
    case 'BridgeInterface':
      return byInterface(config.detectLocal.bridgeInterface)
    case 'InterfaceNamePrefix':
      return byInterface(`${config.detectLocal.interfaceNamePrefix}*`)
    default:
      return byRange(config.clusterCIDR.split(','))
  }
}

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>

/**
 * Addresses on which node ports are served; undefined: all that are no loopback. Upstream: NodePortAddresses.
 * Loopback addresses never are: the kernel does not route what comes from there to a Pod.
 */
export const nodePortAddressesOf = (
  config: ProxyConfiguration,
  family: IpFamily,
  { node, interfaces }: { readonly node: Node | undefined; readonly interfaces: Interfaces },
): readonly string[] | undefined => {
  if (config.nodePortAddresses.includes('primary')) {
    const ip = nodeIPOf(node, family)
    return ip === undefined ? [] : [ip]
  }
  const ranges = ofFamily(family, config.nodePortAddresses)
  // Ranges of the other family alone say nothing of this one.
  if (ranges.length === 0 || ranges.some((range) => range.endsWith('/0'))) return undefined
  const parsed = ranges.flatMap((range) => parseCidr(range) ?? [])
  const addresses = Object.values(interfaces)
    .flatMap((infos) => infos ?? [])
    .filter(({ address, internal }) => !internal && familyOf(address) === family)
  return addresses
    .map(({ address }) => address)
    .filter((address) => {
      const ip = parseIp(address)
      return ip !== undefined && parsed.some((cidr) => containsCidr(cidr, { ...ip, prefix: familyWords[family].width }))
    })
}
