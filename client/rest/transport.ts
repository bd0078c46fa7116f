import { Agent, type Dispatcher } from 'undici'
import type { ClientConfig } from './kubeconfig.ts'

/** Connections for plain requests: requests beyond them wait for one. */
const maxConnections = 32
/** How often certificates are looked at for rotation. */
const rotationCheckMs = 30_000

export interface Transport {
  /** For requests that end by themselves. */
  readonly requests: () => Dispatcher
  /** For watches: each has a connection of its own and no time limit. */
  readonly watches: () => Dispatcher
  readonly close: () => Promise<void>
}

const tlsOptions = (config: ClientConfig) => ({
  ca: config.ca(),
  cert: config.cert(),
  key: config.key(),
  rejectUnauthorized: !config.insecureSkipTlsVerify,
  ...(config.tlsServerName === undefined ? {} : { servername: config.tlsServerName }),
})

const createAgents = (config: ClientConfig): { requests: Agent; watches: Agent } => {
  const connect = { ...tlsOptions(config), timeout: 10_000, keepAlive: true, keepAliveInitialDelay: 15_000 }
  return {
    requests: new Agent({
      connect,
      connections: maxConnections,
      pipelining: 1,
      keepAliveTimeout: 60_000,
      headersTimeout: 65_000,
      bodyTimeout: 65_000,
    }),
    watches: new Agent({ connect, pipelining: 1, headersTimeout: 65_000, bodyTimeout: 0 }),
  }
}

/** Connections to one API server; made anew when certificates were rotated. */
export const createTransport = (config: ClientConfig): Transport => {
  let agents = createAgents(config)
  let version = config.tlsVersion()
  let checkedAt = performance.now()
  const current = (): { requests: Agent; watches: Agent } => {
    if (performance.now() - checkedAt < rotationCheckMs) return agents
    checkedAt = performance.now()
    const now = config.tlsVersion()
    if (now !== version) {
      version = now
      const old = agents
      agents = createAgents(config)
      void old.requests.close()
      void old.watches.close() // waits for the watches that run, which end by themselves
    }
    return agents
  }
  return {
    requests: () => current().requests,
    watches: () => current().watches,
    close: async () => {
      await Promise.all([agents.requests.destroy(), agents.watches.destroy()])
    },
  }
}
