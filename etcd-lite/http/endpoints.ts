/** Plain HTTP: /health, /livez, /readyz, /version, /metrics. */
import type { RequestListener } from 'node:http'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { HealthChecks } from '../../component-base/healthz/healthz.ts'
import { etcdClusterVersion, etcdVersion } from '../version.ts'

export interface EndpointDeps {
  /** Throws when the store cannot serve. */
  readonly checkHealth: () => Promise<void>
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>
}

interface Answer {
  readonly status: number
  readonly contentType: string
  readonly text: string
}

export interface HttpEndpoints {
  readonly http1: RequestListener
  readonly http2: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void
}

const plain = (status: number, text: string): Answer => ({ status, contentType: 'text/plain; charset=utf-8', text })
const json = (status: number, value: unknown): Answer => ({
  status,
  contentType: 'application/json',
  text: JSON.stringify(value),
})

/** The endpoints, for both versions of HTTP. */
export const httpEndpoints = ({ checkHealth, metrics }: EndpointDeps): HttpEndpoints => {
  const health = new HealthChecks()
  health.add('serializable_read', checkHealth)
  const etcdHealth = async (): Promise<Answer> => {
    try {
      await checkHealth()
      return json(200, { health: 'true', reason: '' })
    } catch (err) {
      return json(503, { health: 'false', reason: err instanceof Error ? err.message : 'failed' })
    }
  }
  const answer = async (method: string | undefined, target: string | undefined): Promise<Answer> => {
    if (method !== 'GET' && method !== 'HEAD') return plain(405, 'Method Not Allowed\n')
    const url = new URL(target ?? '/', 'http://etcd')
    switch (url.pathname) {
      case '/health':
        return etcdHealth()
      case '/version':
        return json(200, { etcdserver: etcdVersion, etcdcluster: etcdClusterVersion })
      case '/metrics':
        return { status: 200, ...(await metrics()) }
      default: {
        const checked = await health.answer(url.pathname, url.searchParams)
        if (checked === undefined) return plain(404, '404 page not found\n')
        return plain(checked.code === 500 ? 503 : checked.code, checked.text)
      }
    }
  }
  return {
    http1: (request, response) => {
      answer(request.method, request.url).then(
        ({ status, contentType, text }) => {
          response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(text) })
          response.end(request.method === 'HEAD' ? undefined : text)
        },
        () => response.destroy(),
      )
    },
    http2: (stream, headers) => {
      answer(headers[':method'], headers[':path']).then(
        ({ status, contentType, text }) => {
          if (stream.destroyed) return
          stream.respond({ ':status': status, 'content-type': contentType })
          stream.end(headers[':method'] === 'HEAD' ? undefined : text)
        },
        () => stream.close(),
      )
    },
  }
}
