/** Connections to the servers of APIServices: where they are, by which certificate they are known, and who we are. */
import type { IncomingMessage } from 'node:http'
import type { Agent } from 'node:https'
import { once } from 'node:events'
import { readTlsFiles, type TlsMaterial, watchTlsFiles } from '../../component-base/tls/tls-files.ts'
import type { AggregatorConfig } from '../config.ts'
import { type Backend, backendUrl, dialErrorText, httpsAgent, openRequest } from '../streaming/backend.ts'
import type { ResolveService } from '../webhook/service-resolver.ts'
import type { RemoteService } from './remote-service.ts'
import { type RemoteUser, userHeaders } from './user-headers.ts'

export interface RemoteRequest {
  readonly user: RemoteUser
  readonly timeoutMs: number
  readonly headers?: Readonly<Record<string, string>>
}

export interface RemoteAnswer {
  readonly code: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

export interface Backends {
  /** Where a request for this path goes. Rejects with upstream's words where there is nobody. */
  readonly backendOf: (remote: RemoteService, path: string) => Promise<Backend>
  /** A GET of our own. Rejects with Go's words: `Get "https://…": …`. */
  readonly get: (backend: Backend, request: RemoteRequest) => Promise<RemoteAnswer>
}

/** OpenAPI documents are megabytes. */
const maxAnswerBytes = 64 * 1024 * 1024

const serverNameOf = ({ service: { name, namespace } }: RemoteService): string => `${name}.${namespace}.svc`

const bodyOf = async (answer: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of answer) {
    chunks.push(chunk as Buffer)
    size += (chunk as Buffer).length
    if (size > maxAnswerBytes) throw new Error(`the answer is larger than ${maxAnswerBytes} bytes`)
  }
  return Buffer.concat(chunks)
}

export const createBackends = (
  { certFile, keyFile }: AggregatorConfig,
  resolveService: ResolveService,
  signal: AbortSignal,
): Backends => {
  let identity: TlsMaterial | undefined
  let agents = new WeakMap<RemoteService, Agent>()
  if (certFile !== '' && keyFile !== '') {
    const files = { certFile, keyFile }
    identity = readTlsFiles(files)
    watchTlsFiles(
      files,
      (material) => {
        identity = material
        agents = new WeakMap()
      },
      signal,
    )
  }

  const agentOf = (remote: RemoteService): Agent => {
    let agent = agents.get(remote)
    if (agent === undefined) {
      agent = httpsAgent({
        servername: serverNameOf(remote),
        rejectUnauthorized: !remote.insecure,
        ...(remote.ca === undefined ? {} : { ca: remote.ca }),
        ...(identity === undefined ? {} : { cert: identity.cert, key: identity.key }),
      })
      agents.set(remote, agent)
    }
    return agent
  }

  const backendOf = async (remote: RemoteService, path: string): Promise<Backend> => {
    const { namespace, name, port } = remote.service
    return { ...(await resolveService(namespace, name, port)), scheme: 'https', path, agent: agentOf(remote) }
  }

  const get = async (backend: Backend, { user, timeoutMs, headers }: RemoteRequest): Promise<RemoteAnswer> => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
    try {
      const request = openRequest(backend, 'GET', { ...headers, ...userHeaders(user) }, limit)
      const answered = once(request, 'response')
      request.end()
      const [answer] = (await answered) as [IncomingMessage]
      return { code: answer.statusCode ?? 0, headers: answer.headers, body: await bodyOf(answer) }
    } catch (error) {
      const why = limit.aborted
        ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
        : dialErrorText(error, backend)
      throw new Error(`Get ${JSON.stringify(backendUrl(backend))}: ${why}`, { cause: error })
    }
  }
  return { backendOf, get }
}
