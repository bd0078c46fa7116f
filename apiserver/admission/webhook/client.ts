/** Calls of webhooks over HTTPS. Upstream: apiserver/pkg/util/webhook/client.go */
import type { IncomingMessage } from 'node:http'
import type { RequestOptions } from 'node:https'
import type { UserCredentials } from '../../../component-base/kubeconfig.ts'
import { bodyOf, send } from '../../webhook/webhook.ts'
import type { CredentialsFor } from './credentials.ts'
import type { Hook } from './hooks.ts'
import type { ResolveService } from './service-resolver.ts'

const https = process.getBuiltinModule('node:https')

/** POSTs a review and gives the body of the answer. Rejects with Go's words: `Post "https://…": …`. */
export type CallWebhook = (hook: Hook, body: string) => Promise<string>

interface Target {
  /** As the webhook would be called by name: what errors show. */
  readonly url: URL
  readonly options: RequestOptions
}

/** client-go's words for answers that are none. */
const refusal = (code: number, body: string): string => {
  if (code === 404) return 'the server could not find the requested resource'
  if (code >= 500)
    return `an error on the server (${JSON.stringify(body.slice(0, 500))}) has prevented the request from succeeding`
  return `the server rejected our request for an unknown reason (${code})`
}

/** As a key of credentials: with the port, also where it is https' own. */
const hostPortOf = ({ hostname, port }: URL): string => `${hostname}:${port || 443}`

const withCredentials = (options: RequestOptions, credentials: UserCredentials | undefined): RequestOptions => {
  const token = credentials?.token()
  const cert = credentials?.cert()
  const key = credentials?.key()
  return {
    ...options,
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    headers: {
      ...(options.headers as Record<string, string> | undefined),
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    },
  }
}

export const createWebhookCaller = (resolveService: ResolveService, credentialsFor: CredentialsFor): CallWebhook => {
  const agent = new https.Agent({ keepAlive: true })

  const targetOf = async ({ spec: { clientConfig } }: Hook): Promise<Target> => {
    const { service, url, caBundle } = clientConfig
    const ca = caBundle === undefined || caBundle === '' ? {} : { ca: Buffer.from(caBundle, 'base64') }
    if (service === undefined) return { url: new URL(url ?? ''), options: ca }
    const { namespace, name, path = '', port = 443 } = service
    const serverName = `${name}.${namespace}.svc`
    const { host, port: targetPort } = await resolveService(namespace, name, port)
    return {
      url: new URL(`https://${serverName}:${port}${path.startsWith('/') || path === '' ? path : `/${path}`}`),
      options: {
        ...ca,
        hostname: host,
        port: targetPort,
        servername: serverName,
        headers: { Host: `${serverName}:${port}` },
      },
    }
  }

  return async (hook, body) => {
    const { url, options: bare } = await targetOf(hook)
    const options = withCredentials(bare, credentialsFor(hostPortOf(url)))
    url.searchParams.set('timeout', `${hook.timeout}s`)
    const shown = bare.headers === undefined ? url.href : url.href.replace(url.host, hostPortOf(url))
    const bytes = Buffer.from(body)
    const signal = AbortSignal.timeout(hook.timeout * 1000)
    const headers = {
      'Content-Type': 'application/json',
      Accept: 'application/json, */*',
      'Content-Length': bytes.length,
      'User-Agent': 'kube-apiserver-admission',
      ...(options.headers as Record<string, string> | undefined),
    }
    let answer: IncomingMessage
    let answered: string
    try {
      answer = await send(true, url, bytes, { ...options, method: 'POST', agent, signal, headers })
      answered = await bodyOf(answer)
    } catch (error) {
      const why = signal.aborted ? 'context deadline exceeded' : error instanceof Error ? error.message : String(error)
      throw new Error(`failed to call webhook: Post ${JSON.stringify(shown)}: ${why}`, { cause: error })
    }
    const code = answer.statusCode ?? 0
    if (code < 200 || code > 299) throw new Error(`failed to call webhook: ${refusal(code, answered)}`)
    return answered
  }
}
