/** The kubelet's ports: the HTTPS API (10250) and the plain health check on the loopback address (10248). */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createServer } from '../component-base/node-http.ts'
import { createReviews, type Reviews } from '../client/auth/delegated.ts'
import type { RestClient } from '../client/rest/rest-client.ts'
import { HealthChecks } from '../component-base/healthz/healthz.ts'
import type { Logger } from '../component-base/logging/logger.ts'
import { selfSignedServingCert } from '../component-base/tls/self-signed.ts'
import { watchTlsFiles } from '../component-base/tls/tls-files.ts'
import type { KubeletConfig } from './config/config.ts'
import type { AuthenticateToken, AuthorizeKubelet } from './server/auth.ts'
import type { KubeletServerBackend } from './server/backend.ts'
import { createKubeletServer } from './server/server.ts'

/** Asks the API server (SubjectAccessReview). */
const webhookAuthorizer =
  ({ isAllowed }: Reviews, nodeName: string): AuthorizeKubelet =>
  (user, verb, subresource) =>
    isAllowed({
      user: user.name,
      groups: user.groups,
      resourceAttributes: { verb, resource: 'nodes', subresource, name: nodeName, version: 'v1' },
    })

/** Asks the API server whose token it is (TokenReview). */
const webhookAuthenticator =
  ({ identify }: Reviews): AuthenticateToken =>
  async (token) => {
    const found = await identify(token)
    return found === undefined ? undefined : { name: found.user, groups: [...found.groups] }
  }

/** Files of the serving certificate; a self-signed one is made in --cert-dir where none is given. */
const servingFiles = async (config: KubeletConfig): Promise<{ certFile: string; keyFile: string }> => {
  if (config.tlsCertFile !== '') return { certFile: config.tlsCertFile, keyFile: config.tlsKeyFile }
  const certFile = join(config.certDir, 'kubelet.crt')
  const keyFile = join(config.certDir, 'kubelet.key')
  const exists = await readFile(certFile).then(
    () => true,
    () => false,
  )
  if (!exists) {
    const pair = await selfSignedServingCert([config.nodeName, ...config.nodeIPs])
    await mkdir(config.certDir, { recursive: true, mode: 0o750 })
    await writeFile(keyFile, pair.keyPem, { mode: 0o600 })
    await writeFile(certFile, pair.certPem, { mode: 0o644 })
  }
  return { certFile, keyFile }
}

export interface ServingDeps {
  readonly config: KubeletConfig
  readonly client: RestClient | undefined
  readonly backend: KubeletServerBackend
  readonly log: Logger
  readonly signal: AbortSignal
}

/** Listens until the signal aborts. Without a client CA nobody could ask, and the API is not served. */
export const serveKubelet = async ({ config, client, backend, log, signal }: ServingDeps): Promise<void> => {
  const { clientCaFile } = config
  if (clientCaFile === '') {
    log.warn('the kubelet API is not served: no client CA file is configured (authentication.x509.clientCAFile)')
    return
  }
  const files = { ...(await servingFiles(config)), clientCaFile }
  const [cert, key, ca] = await Promise.all([readFile(files.certFile), readFile(files.keyFile), readFile(clientCaFile)])
  const webhook = config.authorizationMode === 'Webhook' && client !== undefined
  const server = createKubeletServer({
    tls: { cert, key, ca },
    tlsSettings: config.tlsSettings,
    streamingIdleTimeoutMs: config.streamingIdleTimeoutMs,
    backend,
    authorize: webhook
      ? webhookAuthorizer(createReviews(client), config.nodeName)
      : () => config.authorizationMode === 'AlwaysAllow',
    ...(config.tokenAuthentication && client !== undefined
      ? { authenticateToken: webhookAuthenticator(createReviews(client)) }
      : {}),
    log: log.child({ subsystem: 'server' }),
  })
  watchTlsFiles(files, (material) => server.setTls(material), signal)
  const port = await server.listen(config.address, config.port)
  log.info({ address: config.address, port }, 'kubelet API served')
  signal.addEventListener('abort', () => void server.close(), { once: true })
}

/** http://127.0.0.1:10248/healthz, for supervisors on the node. */
export const serveHealthz = async ({ config, backend, log, signal }: Omit<ServingDeps, 'client'>): Promise<void> => {
  if (config.healthzPort === 0) return
  const health = new HealthChecks()
  for (const [name, check] of Object.entries(backend.healthChecks)) health.add(name, check)
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    void health.answer(url.pathname, url.searchParams).then((answer) => {
      response
        .writeHead(answer?.code ?? 404, { 'content-type': 'text/plain; charset=utf-8' })
        .end(answer?.text ?? '404 page not found\n')
    })
  })
  // A second kubelet in one network namespace (tests) goes on without it.
  server.on('error', (error) => log.warn({ err: error }, 'the health port cannot be served'))
  await new Promise<void>((resolve) => {
    server.once('listening', () => resolve())
    server.once('error', () => resolve())
    server.listen(config.healthzPort, config.healthzBindAddress)
  })
  signal.addEventListener('abort', () => server.close(), { once: true })
}
