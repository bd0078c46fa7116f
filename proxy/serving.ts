/** kube-proxy's plain HTTP ports: health for load balancers, metrics for this node. */
import type { RequestListener } from 'node:http'
import type { Registry } from 'prom-client'
import { createServer } from '../component-base/node-http.ts'
import type { Proxier } from './services/proxier.ts'

const listen = async (address: string, handler: RequestListener, signal: AbortSignal): Promise<void> => {
  const colon = address.lastIndexOf(':')
  const server = createServer(handler)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(Number(address.slice(colon + 1)), address.slice(0, colon), () => resolve())
  })
  signal.addEventListener('abort', () => server.close(), { once: true })
}

/** /healthz and /livez say whether rules were written, and when. An empty address serves nothing. */
export const serveHealth = async (
  address: string,
  { proxier, signal }: { readonly proxier: Proxier; readonly signal: AbortSignal },
): Promise<void> => {
  if (address === '') return
  await listen(
    address,
    (request, response) => {
      const path = request.url?.split('?')[0]
      if (path !== '/healthz' && path !== '/livez') return void response.writeHead(404).end('404 page not found\n')
      const healthy = proxier.lastSync > 0
      const body = { lastUpdated: new Date(proxier.lastSync).toISOString(), currentTime: new Date().toISOString() }
      response.writeHead(healthy ? 200 : 503, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    },
    signal,
  )
}

/** /metrics in the Prometheus text format. */
export const serveMetrics = async (
  address: string,
  { registry, signal }: { readonly registry: Registry; readonly signal: AbortSignal },
): Promise<void> => {
  if (address === '') return
  await listen(
    address,
    (request, response) => {
      if (request.url !== '/metrics') return void response.writeHead(404).end('404 page not found\n')
      registry.metrics().then(
        (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
        () => response.writeHead(500).end(),
      )
    },
    signal,
  )
}
