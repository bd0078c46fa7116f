/** Plain HTTP: /health, /livez, /readyz, /version, /metrics. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { HealthChecks } from '../../component-base/healthz/healthz.ts'
import { etcdClusterVersion, etcdVersion } from '../version.ts'

export interface EndpointDeps {
  /** Throws when the store cannot serve. */
  readonly checkHealth: () => Promise<void>
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>
}

const send = (response: ServerResponse, status: number, contentType: string, text: string): void => {
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

const sendJson = (response: ServerResponse, status: number, value: unknown): void =>
  send(response, status, 'application/json', JSON.stringify(value))

export const httpEndpoints = ({ checkHealth, metrics }: EndpointDeps): RequestListener => {
  const health = new HealthChecks()
  health.add('serializable_read', checkHealth)
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://etcd')
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      send(response, 405, 'text/plain; charset=utf-8', 'Method Not Allowed\n')
      return
    }
    if (url.pathname === '/health') {
      const failure = await checkHealth().then(
        () => undefined,
        (err: unknown) => err,
      )
      if (failure === undefined) sendJson(response, 200, { health: 'true', reason: '' })
      else sendJson(response, 503, { health: 'false', reason: failure instanceof Error ? failure.message : 'failed' })
      return
    }
    if (url.pathname === '/version') {
      sendJson(response, 200, { etcdserver: etcdVersion, etcdcluster: etcdClusterVersion })
      return
    }
    if (url.pathname === '/metrics') {
      const { contentType, text } = await metrics()
      send(response, 200, contentType, text)
      return
    }
    const answer = await health.answer(url.pathname, url.searchParams)
    if (answer === undefined) send(response, 404, 'text/plain; charset=utf-8', '404 page not found\n')
    else send(response, answer.code === 500 ? 503 : answer.code, 'text/plain; charset=utf-8', answer.text)
  }
  return (request, response) => {
    handle(request, response).catch(() => response.destroy())
  }
}
