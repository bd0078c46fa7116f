/** What Pods send out of the cluster leaves with the node's address. Not kube-proxy's in upstream, but a network plugin's. */
import { familyWords, type IpFamily, ofFamily } from '../family.ts'
import { applyNft } from '../nftables/nft.ts'

export interface EgressOptions {
  readonly isOn: boolean
  /** Ranges of all Pods. */
  readonly clusterCIDRs: readonly string[]
  /** Ranges that see the Pods' own addresses. */
  readonly except: readonly string[]
}

const tableOf = (family: IpFamily): string => `${familyWords[family].ip} kubets-egress`

/** Commands that take the table away, whether it is there or not. */
export const removeEgress = (family: IpFamily): string[] => [
  `add table ${tableOf(family)}`,
  `delete table ${tableOf(family)}`,
]

/** The commands for one family. Pure. */
export const egressCommands = (family: IpFamily, { isOn, clusterCIDRs, except }: EgressOptions): string[] => {
  const pods = ofFamily(family, clusterCIDRs)
  if (!isOn || pods.length === 0) return removeEgress(family)
  const { ip } = familyWords[family]
  const table = tableOf(family)
  const inside = [...new Set([...pods, ...ofFamily(family, except)])].join(', ')
  return [
    ...removeEgress(family),
    `add table ${table} { comment "Pods' traffic out of the cluster"; }`,
    `add set ${table} inside { type ${familyWords[family].addressType}; flags interval; auto-merge; elements = { ${inside} }; }`,
    `add chain ${table} postrouting { type nat hook postrouting priority 110; }`,
    ...pods.map(
      (range) => `add rule ${table} postrouting ${ip} saddr ${range} ${ip} daddr != @inside masquerade fully-random`,
    ),
  ]
}

export const syncEgress = (families: readonly IpFamily[], options: EgressOptions): Promise<void> =>
  applyNft(families.flatMap((family) => egressCommands(family, options)))
