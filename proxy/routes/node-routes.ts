/** Routes from this node to the Pods of the others: each Pod CIDR by way of its node's address. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Node } from '../../api/types.ts'
import type { Logger } from '../../component-base/logging/logger.ts'

const execFileAsync = promisify(execFile)

/** Number of the routes' origin in the kernel's table: marks them as ours. */
const protocol = '172'

const addressOf = (node: Node): string | undefined =>
  node.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address

const podCIDRsOf = (node: Node): string[] =>
  (node.spec?.podCIDRs ?? (node.spec?.podCIDR === undefined ? [] : [node.spec.podCIDR])).filter((cidr) =>
    cidr.includes('.'),
  )

/** The wanted routes: Pod CIDR to gateway. Pure. */
export const wantedRoutes = (nodes: readonly Node[], self: string): Map<string, string> => {
  const routes = new Map<string, string>()
  for (const node of nodes) {
    const gateway = addressOf(node)
    if (node.metadata?.name === self || gateway === undefined) continue
    for (const cidr of podCIDRsOf(node)) routes.set(cidr, gateway)
  }
  return routes
}

const currentRoutes = async (): Promise<Map<string, string>> => {
  const { stdout } = await execFileAsync('ip', ['-j', '-4', 'route', 'show', 'proto', protocol])
  const routes = JSON.parse(stdout === '' ? '[]' : stdout) as { dst: string; gateway?: string }[]
  return new Map(routes.map(({ dst, gateway }) => [dst, gateway ?? '']))
}

/** Brings the kernel's routes to what the Nodes say; touches none but its own. */
export const syncRoutes = async (nodes: readonly Node[], self: string, log: Logger): Promise<void> => {
  const wanted = wantedRoutes(nodes, self)
  const current = await currentRoutes()
  for (const [cidr, gateway] of wanted) {
    if (current.get(cidr) === gateway) continue
    await execFileAsync('ip', ['route', 'replace', cidr, 'via', gateway, 'proto', protocol])
    log.debug({ cidr, gateway }, 'route set')
  }
  for (const cidr of current.keys()) {
    if (!wanted.has(cidr)) await execFileAsync('ip', ['route', 'delete', cidr, 'proto', protocol])
  }
}
