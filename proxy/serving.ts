/** kube-proxy's plain HTTP ports: health for load balancers, metrics for this node. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Registry } from 'prom-client'
import type { Logger } from '../component-base/logging/logger.ts'
import { createServer } from '../component-base/node-http.ts'
import { sleep } from '../component-base/clock.ts'
import type { ProxyHealth } from './health/proxy-health.ts'
import type { ProxyMetrics } from './metrics.ts'

/** Answers a path; undefined: there is no such page. */
type Page = (request: IncomingMessage, response: ServerResponse) => void

export interface ListenOptions {
  /** `0.0.0.0:10256`, `[::]:10256`; '' serves nothing. */
  readonly address: string
  /** A port that cannot be had ends the process; otherwise it is tried again. */
  readonly hardFail: boolean
  readonly signal: AbortSignal
  readonly log: Logger
}

const retryMs = 5_000

const splitAddress = (address: string): { readonly host: string; readonly port: number } => {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) }
}

const listenOnce = async (address: string, pages: Readonly<Record<string, Page>>, signal: AbortSignal) => {
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0] ?? ''
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined
    if (page === undefined) return void response.writeHead(404).end('404 page not found\n')
    page(request, response)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(splitAddress(address), () => resolve())
  })
  signal.addEventListener('abort', () => server.close(), { once: true })
}

const serve = async (
  pages: Readonly<Record<string, Page>>,
  { address, hardFail, signal, log }: ListenOptions,
): Promise<void> => {
  if (address === '') return
  const keepTrying = async (): Promise<void> => {
    while (!signal.aborted) {
      await sleep(retryMs, signal)
      try {
        return await listenOnce(address, pages, signal)
      } catch (err) {
        log.error({ err, address }, 'cannot listen; trying again')
      }
    }
  }
  try {
    await listenOnce(address, pages, signal)
  } catch (err) {
    if (hardFail) throw err
    log.error({ err, address }, 'cannot listen; trying again')
    keepTrying().catch(() => undefined)
  }
}

const goTime = (ms: number): string => new Date(ms).toISOString()

/**
 * /healthz says whether traffic should be sent here: not when rules fall behind, nor when the node is about to go.
 * /livez says whether the rules follow, whatever becomes of the node.
 */
export const serveHealth = (health: ProxyHealth, metrics: ProxyMetrics, options: ListenOptions): Promise<void> => {
  const page =
    (counter: ProxyMetrics['healthz'], withNode: boolean): Page =>
    (_request, response) => {
      const { isHealthy, lastUpdated } = health.state()
      const { nodeEligible } = health
      const code = isHealthy && (nodeEligible || !withNode) ? 200 : 503
      counter.labels(String(code)).inc()
      const body = { lastUpdated: goTime(lastUpdated), currentTime: goTime(Date.now()) }
      response
        .writeHead(code, { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' })
        .end(JSON.stringify(withNode ? { ...body, nodeEligible } : body))
    }
  return serve({ '/healthz': page(metrics.healthz, true), '/livez': page(metrics.livez, false) }, options)
}

/** /metrics in the Prometheus text format, /healthz, and /proxyMode for who wants to know. */
export const serveMetrics = (registry: Registry, config: unknown, options: ListenOptions): Promise<void> =>
  serve(
    {
      '/metrics': (_request, response) =>
        void registry.metrics().then(
          (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
          () => response.writeHead(500).end(),
        ),
      '/healthz': (_request, response) => void response.end('ok'),
      '/proxyMode': (_request, response) =>
        void response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end('nftables'),
      '/configz': (_request, response) =>
        void response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ 'kubeproxy.config.k8s.io': config })),
    },
    options,
  )
