/** The kubelet's ports: the HTTPS API (10250) and the plain health check on the loopback address (10248). */
import { readFile } from 'node:fs/promises'
import { createServer } from '../component-base/node-http.ts'
import { createReviews, type Reviews } from '../client/auth/delegated.ts'
import type { RestClient } from '../client/rest/rest-client.ts'
import { HealthChecks } from '../component-base/healthz/healthz.ts'
import type { Logger } from '../component-base/logging/logger.ts'
import { readTlsFiles, type TlsMaterial, watchFileContent, watchTlsFiles } from '../component-base/tls/tls-files.ts'
import { followAuthority } from './certificates/client-credentials.ts'
import type { CertificateMetrics } from './certificates/metrics.ts'
import { createServingCertificateManager, servingFiles } from './certificates/serving-certificate.ts'
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

export interface ServingDeps {
  readonly config: KubeletConfig
  readonly client: RestClient | undefined
  /** What the Node reports: what a certificate of the cluster is asked for. */
  readonly addresses: readonly string[]
  readonly certificateMetrics: CertificateMetrics
  readonly backend: KubeletServerBackend
  readonly log: Logger
  readonly signal: AbortSignal
}

/** Where the server's certificates come from: what there is now, and `follow`, which tells of every change. */
interface TlsSource {
  readonly first: Partial<TlsMaterial>
  readonly follow: (use: (material: TlsMaterial) => void) => void
}

const tlsFromFiles = async ({ config, signal }: ServingDeps): Promise<TlsSource> => {
  const files = { ...(await servingFiles(config)), clientCaFile: config.clientCaFile }
  return { first: readTlsFiles(files), follow: (use) => watchTlsFiles(files, use, signal) }
}

/** Until the cluster has signed the first certificate, handshakes fail. */
const tlsFromCluster = async (deps: ServingDeps, client: RestClient): Promise<TlsSource> => {
  const { config, addresses, certificateMetrics: metrics, signal } = deps
  const log = deps.log.child({ subsystem: 'certificates' })
  let ca: Buffer = await readFile(config.clientCaFile)
  let apply = (): void => undefined
  const manager = createServingCertificateManager({ config, addresses, client, metrics, log, onRotated: () => apply() })
  const material = (): Partial<TlsMaterial> => {
    const current = manager.current()
    if (current === undefined) return { ca }
    return { ca, cert: Buffer.from(current.certPem), key: Buffer.from(current.keyPem) }
  }
  return {
    first: material(),
    follow: (use) => {
      apply = () => {
        const { cert, key } = material()
        if (cert !== undefined && key !== undefined) use({ ca, cert, key })
      }
      const changed = (content: Buffer): void => {
        ca = content
        apply()
      }
      watchFileContent(config.clientCaFile, changed, { log, signal })
      followAuthority(manager, config.clientCaFile, { log, signal })
      manager.run(signal).catch((err: unknown) => log.error({ err }, 'the serving certificate is not kept any more'))
    },
  }
}

/** Listens until the signal aborts. Without a client CA nobody could ask, and the API is not served. */
export const serveKubelet = async (deps: ServingDeps): Promise<void> => {
  const { config, client, backend, log, signal } = deps
  if (config.clientCaFile === '') {
    log.warn('the kubelet API is not served: no client CA file is configured (authentication.x509.clientCAFile)')
    return
  }
  const fromCluster = config.serverTLSBootstrap && client !== undefined
  const tls = fromCluster ? await tlsFromCluster(deps, client) : await tlsFromFiles(deps)
  const webhook = config.authorizationMode === 'Webhook' && client !== undefined
  const server = createKubeletServer({
    tls: tls.first,
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
  tls.follow((material) => server.setTls(material))
  // Go takes any unspecified address for all of both families.
  const isAll = config.address === '0.0.0.0' && deps.addresses.some((address) => address.includes(':'))
  const port = await server.listen(isAll ? '::' : config.address, config.port)
  log.info({ address: config.address, port }, 'kubelet API served')
  signal.addEventListener('abort', () => void server.close(), { once: true })
}

/** http://127.0.0.1:10248/healthz, for supervisors on the node. */
export const serveHealthz = async ({
  config,
  backend,
  log,
  signal,
}: Pick<ServingDeps, 'config' | 'backend' | 'log' | 'signal'>): Promise<void> => {
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
