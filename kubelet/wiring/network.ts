/** The network of Pods: configured once the node knows its Pod CIDRs. */
import { nodes } from '../../api/resources.ts'
import type { Node } from '../../api/types.ts'
import type { InformerFactory } from '../../client/cache/informer.ts'
import { findPlugin } from '../runtime/cni/cni.ts'
import { ensureNetworkConfig } from '../runtime/cni/network-config.ts'
import type { ContainerEngine } from '../runtime/engine.ts'
import type { RuntimeService } from '../runtime/runtime-service.ts'
import type { Base } from './base.ts'

/** Writes the bridge network for these CIDRs (two are joined by a comma), and tells everyone who waits for it. */
export const createNetworkConfigurer =
  (
    { config, paths, wakeAll, wakeNode }: Base,
    { engine, runtime }: { readonly engine: ContainerEngine; readonly runtime: RuntimeService },
  ) =>
  async (podCidr: string): Promise<void> => {
    await runtime.updatePodCidr(podCidr)
    if (engine.wiresPods && !config.ownsCniConf) return wakeNode()
    const hostPorts = await findPlugin('portmap', config.cniBinDirs).then(
      () => true,
      () => false,
    )
    const podCidrs = podCidr.split(',')
    await ensureNetworkConfig(config.cniConfDir, { podCidrs, dataDir: paths.cniNetworks, mtu: config.mtu, hostPorts })
    wakeNode()
    wakeAll()
  }

/** Follows this node's object; `onPodCidr` is called when its Pod CIDRs are set or change. */
export const watchNode = (
  { config, log }: Base,
  factory: InformerFactory,
  { seen, onPodCidr }: { readonly seen: (node: Node) => void; readonly onPodCidr: (cidr: string) => Promise<void> },
): void => {
  let podCidr = ''
  const look = (node: Node): void => {
    seen(node)
    // Of two families joined by a comma, as runtimes are told of them.
    const assigned = node.spec?.podCIDRs?.join(',') ?? node.spec?.podCIDR ?? ''
    if (assigned === '' || assigned === podCidr) return
    podCidr = assigned
    onPodCidr(assigned).catch((error: unknown) => log.error({ err: error }, 'cannot write the network configuration'))
  }
  factory
    .for(nodes, { fieldSelector: `metadata.name=${config.nodeName}` })
    .addHandler({ onAdd: look, onUpdate: (_old, node) => look(node) })
}
