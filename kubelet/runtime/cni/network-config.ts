/** CNI network configurations: finding them in a folder, and the one that the kubelet writes itself. */
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { extname, join } from 'node:path'

/** One plugin of a chain, as it stands in the file. */
export interface PluginConfig {
  readonly type: string
  readonly capabilities?: Readonly<Record<string, boolean>>
  readonly [field: string]: unknown
}

/** A conflist: the plugins are run in order for ADD and backwards for DEL. */
export interface NetworkConfig {
  readonly cniVersion: string
  readonly name: string
  readonly plugins: readonly PluginConfig[]
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isPlugin = (value: unknown): value is PluginConfig => isRecord(value) && typeof value['type'] === 'string'

/** Reads a .conflist, or a .conf of one plugin as a list of one. Throws with the file's fault. */
export const parseNetworkConfig = (text: string): NetworkConfig => {
  const value: unknown = JSON.parse(text)
  if (!isRecord(value) || typeof value['name'] !== 'string') throw new Error('the network has no name')
  const { name, cniVersion = '0.2.0' } = value
  if (typeof cniVersion !== 'string') throw new Error('cniVersion is not a string')
  const plugins: unknown = value['plugins'] ?? [value]
  if (!Array.isArray(plugins) || plugins.length === 0 || !plugins.every(isPlugin)) {
    throw new Error('plugins is not a list of plugins with types')
  }
  return { name, cniVersion, plugins }
}

/** The first valid network of the folder in the order of file names, as libcni chooses; undefined when there is none. */
export const loadNetworkConfig = async (folder: string): Promise<NetworkConfig | undefined> => {
  const names = await readdir(folder).catch((): string[] => [])
  for (const name of names.filter((file) => ['.conflist', '.conf', '.json'].includes(extname(file))).sort()) {
    try {
      return parseNetworkConfig(await readFile(join(folder, name), 'utf8'))
    } catch {
      // The next file may be good; a folder without any is reported as NetworkPluginNotReady.
    }
  }
  return undefined
}

/** Name of the file that the kubelet writes; the high number lets any other network win. */
const ownFile = '99-kubets-bridge.conflist'

export interface BridgeOptions {
  /** The node's ranges for Pods: one, or one of each family. */
  readonly podCidrs: readonly string[]
  /** Where host-local keeps its leases. */
  readonly dataDir: string
  /** 0 is the bridge's default. */
  readonly mtu: number
  /** The portmap plugin is there to forward them. */
  readonly hostPorts: boolean
}

/** A bridge on the node with addresses from its Pod CIDR; packets leave unmasked, the proxy masks what must be. */
export const bridgeNetwork = ({ podCidrs, dataDir, mtu, hostPorts }: BridgeOptions): NetworkConfig => ({
  cniVersion: '1.0.0',
  name: 'kubets',
  plugins: [
    {
      type: 'bridge',
      bridge: 'cni0',
      isGateway: true,
      // A node that was given another Pod CIDR keeps its bridge.
      forceAddress: true,
      ipMasq: false,
      hairpinMode: true,
      ...(mtu === 0 ? {} : { mtu }),
      ipam: {
        type: 'host-local',
        dataDir,
        // A range of ranges for each family: a Pod gets an address of each.
        ranges: podCidrs.map((subnet) => [{ subnet }]),
        routes: podCidrs.map((subnet) => ({ dst: subnet.includes(':') ? '::/0' : '0.0.0.0/0' })),
      },
    },
    ...(hostPorts ? [{ type: 'portmap', capabilities: { portMappings: true }, snat: true }] : []),
  ],
})

/** Writes the bridge network unless the folder has a network of someone else's. */
export const ensureNetworkConfig = async (folder: string, network: BridgeOptions): Promise<void> => {
  await mkdir(folder, { recursive: true })
  // The IPAM plugin writes files that all may read: nobody else comes in.
  await mkdir(network.dataDir, { recursive: true, mode: 0o700 })
  const others = (await readdir(folder)).filter(
    (name) => name !== ownFile && ['.conflist', '.conf', '.json'].includes(extname(name)),
  )
  if (others.length > 0) return
  const text = `${JSON.stringify(bridgeNetwork(network), null, 2)}\n`
  const file = join(folder, ownFile)
  if ((await readFile(file, 'utf8').catch(() => '')) === text) return
  await writeFile(`${file}.tmp`, text, { mode: 0o600 })
  await rename(`${file}.tmp`, file)
}
