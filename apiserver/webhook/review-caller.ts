/** Calls of webhooks that an object configures: a Service or a URL. Upstream: apiserver/pkg/util/webhook/client.go */
import type { IncomingMessage } from 'node:http'
import type { RequestOptions } from 'node:https'
import type { UserCredentials } from '../../component-base/kubeconfig.ts'
import type { ResolveService } from './service-resolver.ts'
import { bodyOf, send } from './webhook.ts'

const https = process.getBuiltinModule('node:https')

/** WebhookClientConfig, of admission webhooks and of CustomResourceDefinitions. */
export interface WebhookClientConfig {
  readonly caBundle?: string | undefined
  readonly service?:
    | { readonly namespace: string; readonly name: string; readonly path?: string; readonly port?: number }
    | undefined
  readonly url?: string | undefined
}

export interface ReviewCall {
  readonly clientConfig: WebhookClientConfig
  readonly timeoutSeconds: number
  readonly body: string
  /** Who we are to a webhook, by `host:port`. */
  readonly credentialsFor?: (hostPort: string) => UserCredentials | undefined
}

/** POSTs a review and gives the body of the answer. Rejects with Go's words: `Post "https://…": …`. */
export type CallReview = (call: ReviewCall) => Promise<string>

type ServiceReference = NonNullable<WebhookClientConfig['service']>

const serverNameOf = ({ name, namespace }: ServiceReference): string => `${name}.${namespace}.svc`

/** As the webhook would be called by name. */
const urlOf = ({ service, url }: WebhookClientConfig): URL => {
  if (service === undefined) return new URL(url ?? '')
  const { path = '', port = 443 } = service
  return new URL(`https://${serverNameOf(service)}:${port}${path.startsWith('/') || path === '' ? path : `/${path}`}`)
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

export const createReviewCaller = (resolveService: ResolveService): CallReview => {
  const agent = new https.Agent({ keepAlive: true })

  const optionsOf = async ({ service, caBundle }: WebhookClientConfig): Promise<RequestOptions> => {
    const ca = caBundle === undefined || caBundle === '' ? {} : { ca: Buffer.from(caBundle, 'base64') }
    if (service === undefined) return ca
    const { namespace, name, port = 443 } = service
    const servername = serverNameOf(service)
    const { host, port: targetPort } = await resolveService(namespace, name, port)
    return { ...ca, hostname: host, port: targetPort, servername, headers: { Host: `${servername}:${port}` } }
  }

  return async ({ clientConfig, timeoutSeconds, body, credentialsFor }) => {
    const url = urlOf(clientConfig)
    url.searchParams.set('timeout', `${timeoutSeconds}s`)
    const shown = clientConfig.service === undefined ? url.href : url.href.replace(url.host, hostPortOf(url))
    const bytes = Buffer.from(body)
    const signal = AbortSignal.timeout(timeoutSeconds * 1000)
    const headers = {
      'Content-Type': 'application/json',
      Accept: 'application/json, */*',
      'Content-Length': bytes.length,
      'User-Agent': 'kube-apiserver-admission',
    }
    let answer: IncomingMessage
    let answered: string
    try {
      const options = withCredentials(await optionsOf(clientConfig), credentialsFor?.(hostPortOf(url)))
      const all = { ...headers, ...(options.headers as Record<string, string> | undefined) }
      answer = await send(true, url, bytes, { ...options, method: 'POST', agent, signal, headers: all })
      answered = await bodyOf(answer)
    } catch (error) {
      const why = signal.aborted ? 'context deadline exceeded' : error instanceof Error ? error.message : String(error)
      throw new Error(`Post ${JSON.stringify(shown)}: ${why}`, { cause: error })
    }
    const code = answer.statusCode ?? 0
    if (code < 200 || code > 299) throw new Error(refusal(code, answered))
    return answered
  }
}
