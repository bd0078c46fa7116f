/** Where a request is sent on to, and one HTTP request to there. */
import { readFile } from 'node:fs/promises'
import type { ClientRequest, Agent as HttpAgent, OutgoingHttpHeaders } from 'node:http'
import { Agent as HttpsAgent, type AgentOptions as HttpsAgentOptions, request as httpsRequest } from 'node:https'
import { Agent, request as httpRequest } from '../../component-base/node-http.ts'
import type { KubeletClientConfig } from '../server/context.ts'
import { type HostPort, joinHostPort } from './kubelet-address.ts'

export interface Backend extends HostPort {
  readonly scheme: 'http' | 'https'
  /** Path and query, as they go over the wire. */
  readonly path: string
  /** TLS to it; undefined for plain HTTP. */
  readonly agent: HttpsAgent | undefined
}

/**
 * Each request has a connection of its own, but the backend is not told that it is the last one: some close such a
 * connection as soon as they have answered, and what is still sent then takes the answer with it.
 */
const singleUse = <T extends HttpAgent>(agent: T): T => Object.assign(agent, { keepSocketAlive: () => false })

const httpAgent = singleUse(new Agent({ keepAlive: true }))

export const httpsAgent = (options: HttpsAgentOptions): HttpsAgent =>
  singleUse(new HttpsAgent({ ...options, keepAlive: true }))

/** TLS to Pods, Services and ports of nodes is not verified: nobody knows their certificates. */
const unverifiedAgent = httpsAgent({ rejectUnauthorized: false })

/** Certificates are rotated on disk; no kubelet connection is made with files read longer ago than this. */
const agentLifetimeMs = 5_000

interface KubeletAgents {
  readonly verified: HttpsAgent
  readonly unverified: HttpsAgent
  readonly loadedAtMs: number
}
const kubeletAgents = new WeakMap<KubeletClientConfig, Promise<KubeletAgents>>()

const loadAgents = async (config: KubeletClientConfig): Promise<KubeletAgents> => {
  const read = async (file: string): Promise<Buffer | undefined> => (file === '' ? undefined : readFile(file))
  const [cert, key, ca] = await Promise.all([read(config.certFile), read(config.keyFile), read(config.caFile)])
  const identity = { ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) }
  const unverified = httpsAgent({ ...identity, rejectUnauthorized: false })
  // Without --kubelet-certificate-authority upstream does not verify kubelets either.
  const verified = ca === undefined ? unverified : httpsAgent({ ...identity, ca })
  return { verified, unverified, loadedAtMs: performance.now() }
}

/** mTLS to kubelets. `verify: false` is for insecureSkipTLSVerifyBackend. */
const kubeletAgent = async (config: KubeletClientConfig, verify: boolean): Promise<HttpsAgent> => {
  let agents = kubeletAgents.get(config)
  const old = await agents?.catch(() => undefined)
  if (agents === undefined || old === undefined || performance.now() - old.loadedAtMs > agentLifetimeMs) {
    agents = loadAgents(config)
    kubeletAgents.set(config, agents)
  }
  const { verified, unverified } = await agents
  return verify ? verified : unverified
}

export const kubeletBackend = async (
  config: KubeletClientConfig,
  address: HostPort,
  path: string,
  options: { readonly verify: boolean } = { verify: true },
): Promise<Backend> => ({ ...address, scheme: 'https', path, agent: await kubeletAgent(config, options.verify) })

export const plainBackend = (scheme: 'http' | 'https', address: HostPort, path: string): Backend => ({
  ...address,
  scheme,
  path,
  agent: scheme === 'https' ? unverifiedAgent : undefined,
})

/** `https://10.0.0.1:10250/pods` for messages. */
export const backendUrl = ({ scheme, host, port, path }: Backend): string =>
  `${scheme}://${joinHostPort({ host, port })}${path}`

/** Starts a request; the caller sends the body and ends it. */
export const openRequest = (
  backend: Backend,
  method: string,
  headers: OutgoingHttpHeaders,
  signal: AbortSignal,
): ClientRequest => {
  const options = { host: backend.host, port: backend.port, path: backend.path, method, headers, signal }
  const request =
    backend.scheme === 'http'
      ? httpRequest({ ...options, agent: httpAgent })
      : httpsRequest({ ...options, agent: backend.agent ?? unverifiedAgent })
  // HTTP/1.1 keeps connections without being asked to.
  if (!Object.keys(headers).some((name) => name.toLowerCase() === 'connection')) request.removeHeader('connection')
  return request
}

const codeTexts: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
}

const unknownAuthority = 'certificate signed by unknown authority'
const certificateTexts: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'certificate has expired or is not yet valid',
  CERT_NOT_YET_VALID: 'certificate has expired or is not yet valid',
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
}

/** Why a connection was not made, in the words that Go's net package uses and users search for. */
export const dialErrorText = (error: unknown, { host, port }: HostPort): string => {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as NodeJS.ErrnoException
  const text = code === undefined ? undefined : codeTexts[code]
  if (text !== undefined) return `dial tcp ${joinHostPort({ host, port })}: ${text}`
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${host}: no such host`
  if (code === 'ECONNRESET') return 'EOF'
  if (code === 'EPROTO' || code?.startsWith('ERR_SSL')) return 'http: server gave HTTP response to HTTPS client'
  const certificate = code === undefined ? undefined : certificateTexts[code]
  if (certificate !== undefined) return `tls: failed to verify certificate: x509: ${certificate}`
  return code?.startsWith('ERR_TLS') ? `tls: failed to verify certificate: ${error.message}` : error.message
}
