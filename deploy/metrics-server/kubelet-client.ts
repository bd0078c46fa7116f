/** Reads a kubelet's HTTPS port, as the API server does: over the node's address, trusted by the cluster's CA. */
import { Agent } from 'undici'
import type { Node } from '../../api/types.ts'
import type { ClientConfig } from '../../component-base/kubeconfig.ts'

const timeoutMs = 10_000
const preferredTypes = ['InternalIP', 'ExternalIP', 'Hostname']

const originOf = ({ metadata, status }: Node): string => {
  const addresses = status?.addresses ?? []
  const found = preferredTypes.flatMap((type) => addresses.filter((address) => address.type === type))[0]
  if (found === undefined) throw new Error(`node ${metadata?.name ?? ''} has no address`)
  const host = found.address.includes(':') ? `[${found.address}]` : found.address
  return `https://${host}:${status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 10250}`
}

export interface KubeletClient extends AsyncDisposable {
  /** The body of a path. Throws on anything but 200. */
  readonly read: (node: Node, path: string) => Promise<string>
}

const createAgent = (config: ClientConfig): Agent =>
  new Agent({
    connect: { ca: config.ca(), cert: config.cert(), key: config.key(), timeout: timeoutMs },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    allowH2: false,
  })

export const createKubeletClient = (config: ClientConfig): KubeletClient => {
  let agent = createAgent(config)
  let version = config.tlsVersion()
  /** With the certificates of now: a CA may have changed. */
  const current = (): Agent => {
    const now = config.tlsVersion()
    if (now === version) return agent
    const old = agent
    agent = createAgent(config)
    version = now
    old.close().catch(() => undefined)
    return agent
  }
  return {
    read: async (node, path) => {
      const token = config.token()
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
      const { statusCode, body } = await current().request({ origin: originOf(node), path, method: 'GET', headers })
      const text = await body.text()
      if (statusCode !== 200) throw new Error(`GET ${path}: ${statusCode} ${text.slice(0, 200)}`)
      return text
    },
    [Symbol.asyncDispose]: () => agent.destroy(),
  }
}
