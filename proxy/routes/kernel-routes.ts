/** Brings the kernel's routes, and the tunnel's device, to what the Nodes say; touches none but its own. */
import { execFile, spawn } from 'node:child_process'
import { networkInterfaces } from 'node:os'
import { promisify } from 'node:util'
import type { Node } from '../../api/types.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { familyOf, familyWords, type IpFamily, ipFamilies } from '../family.ts'
import { applyNft } from '../nftables/nft.ts'
import { type NodeRoute, planRoutes, type TunnelEnd, tunnelEndsOf, type TunnelMode } from './node-routes.ts'

const execFileAsync = promisify(execFile)

/** Number of the routes' origin in the kernel's table: marks them as ours. */
const protocol = '172'
const device = 'kubets.vxlan'
const vxlan = { id: '1', port: '8472' } as const
/** Bytes that the tunnel puts around a packet: Ethernet, VXLAN, UDP and IP. */
const overhead: Readonly<Record<IpFamily, number>> = { IPv4: 50, IPv6: 70 }

const ip = async (...args: readonly string[]): Promise<string> => (await execFileAsync('ip', args)).stdout
const succeeds = (...args: readonly string[]): Promise<boolean> =>
  ip(...args).then(
    () => true,
    () => false,
  )

/** Many commands in one process; the first that fails ends it. */
const batch = async (command: 'ip' | 'bridge', lines: readonly string[]): Promise<void> => {
  if (lines.length === 0) return
  await new Promise<void>((resolve, reject) => {
    const child = spawn(command, ['-batch', '-'], { stdio: ['pipe', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk
    })
    child.on('error', reject)
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`${command}: ${stderr.trim()}`))))
    child.stdin.on('error', () => undefined)
    child.stdin.end(`${lines.join('\n')}\n`)
  })
}

interface KernelRoute {
  readonly dst: string
  readonly gateway?: string
  readonly dev: string
}

const keyOf = (range: string, gateway: string, tunnelled: boolean): string => `${range} ${gateway} ${tunnelled}`

const currentRoutes = async (family: IpFamily): Promise<KernelRoute[]> => {
  const text = await ip('-j', family === 'IPv6' ? '-6' : '-4', 'route', 'show', 'proto', protocol)
  return JSON.parse(text === '' ? '[]' : text) as KernelRoute[]
}

/** The device that this node's own address is on, and how large its packets may be. */
const underlayOf = async (address: string): Promise<{ readonly name: string; readonly mtu: number } | undefined> => {
  const [name] =
    Object.entries(networkInterfaces()).find(([, infos]) => infos?.some((info) => info.address === address)) ?? []
  if (name === undefined) return undefined
  const [link] = JSON.parse(await ip('-j', 'link', 'show', 'dev', name)) as { mtu: number }[]
  return { name, mtu: link?.mtu ?? 1500 }
}

const tunnelTable = (family: IpFamily): string => `${familyWords[family].ip} kubets-tunnel`

/** Commands that take the tunnel's rules away, whether they are there or not. */
export const removeTunnelRules = (family: IpFamily): string[] => [
  `add table ${tunnelTable(family)}`,
  `delete table ${tunnelTable(family)}`,
]

/** Packets of TCP are made to fit: not every Pod's kernel hears that they are too large. */
const clampCommands = ipFamilies.flatMap((family) => {
  const table = tunnelTable(family)
  return [
    ...removeTunnelRules(family),
    `add table ${table} { comment "segments that fit into the tunnel"; }`,
    `add chain ${table} forward { type filter hook forward priority -150; }`,
    `add rule ${table} forward oifname "${device}" tcp flags syn tcp option maxseg size set rt mtu`,
  ]
})

const ensureTunnel = async (ends: readonly TunnelEnd[], log: Logger): Promise<void> => {
  const [first] = ends
  const underlay = first === undefined ? undefined : await underlayOf(first.remote)
  if (first === undefined || underlay === undefined) throw new Error('this node has no address for a tunnel yet')
  if (!(await succeeds('link', 'show', 'dev', device))) {
    const at = ['id', vxlan.id, 'dstport', vxlan.port, 'local', first.remote, 'dev', underlay.name, 'nolearning']
    await ip('link', 'add', device, 'address', first.mac, 'type', 'vxlan', ...at)
    await applyNft(clampCommands)
    log.info({ device, underlay: underlay.name }, 'tunnel made')
  }
  await ip('link', 'set', 'dev', device, 'mtu', String(underlay.mtu - overhead[familyOf(first.remote)]), 'up')
  for (const { address } of ends)
    await ip('address', 'replace', `${address}/${familyOf(address) === 'IPv6' ? 128 : 32}`, 'dev', device)
}

/** Writes what differs; returns how many routes that were. */
const writeRoutes = async (family: IpFamily, wanted: readonly NodeRoute[]): Promise<number> => {
  const current = await currentRoutes(family)
  const present = new Set(current.map(({ dst, gateway = '', dev }) => keyOf(dst, gateway, dev === device)))
  const added = wanted.filter(({ range, gateway, tunnel }) => !present.has(keyOf(range, gateway, tunnel !== undefined)))
  const ranges = new Set(wanted.map(({ range }) => range))
  const gone = current.filter(({ dst }) => !ranges.has(dst))
  // Also of routes that are there: a node may come back with its range and another address.
  await batch(
    'bridge',
    wanted.flatMap(({ tunnel }) =>
      tunnel === undefined ? [] : [`fdb replace ${tunnel.mac} dev ${device} dst ${tunnel.remote} self permanent`],
    ),
  )
  await batch('ip', [
    ...wanted.flatMap(({ gateway, tunnel }) =>
      tunnel === undefined ? [] : [`neighbour replace ${gateway} lladdr ${tunnel.mac} dev ${device} nud permanent`],
    ),
    ...added.map(
      ({ range, gateway, tunnel }) =>
        `route replace ${range} via ${gateway}${tunnel === undefined ? '' : ` dev ${device} onlink`} proto ${protocol}`,
    ),
    ...gone.map(({ dst }) => `route delete ${dst} proto ${protocol}`),
  ])
  return added.length + gone.length
}

export interface SyncOptions {
  /** This node's name. */
  readonly self: string
  readonly mode: TunnelMode
  readonly families: readonly IpFamily[]
  readonly log: Logger
}

export const syncRoutes = async (nodes: readonly Node[], { self, mode, families, log }: SyncOptions): Promise<void> => {
  const networks = Object.entries(networkInterfaces())
    .filter(([name]) => name !== device)
    .flatMap(([, infos]) => infos ?? [])
    .flatMap(({ cidr, internal }) => (cidr === null || internal ? [] : [cidr]))
  const wanted = planRoutes(nodes, { self, networks, mode }).filter(({ family }) => families.includes(family))
  const own = nodes.find((node) => node.metadata?.name === self)
  if (own !== undefined && wanted.some(({ tunnel }) => tunnel !== undefined)) await ensureTunnel(tunnelEndsOf(own), log)
  for (const family of families) {
    const changes = await writeRoutes(
      family,
      wanted.filter((route) => route.family === family),
    )
    if (changes > 0) log.debug({ family, changes }, 'routes written')
  }
}

/** Takes the routes and the tunnel away. */
export const removeRoutes = async (families: readonly IpFamily[]): Promise<void> => {
  for (const family of families) await writeRoutes(family, [])
  await succeeds('link', 'delete', 'dev', device)
}
