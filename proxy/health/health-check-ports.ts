/**
 * Health-check node ports: a cloud's load balancer asks every node whether it has endpoints of a Service whose
 * external traffic must stay on the node. Upstream: healthcheck/service_health.go.
 */
import type { Server } from 'node:http'
import type { Logger } from '../../component-base/logging/logger.ts'
import { createServer } from '../../component-base/node-http.ts'
import type { HealthCheck } from '../services/service-port.ts'

export interface HealthCheckPortsOptions {
  /** Addresses to listen at. */
  readonly addresses: () => readonly string[]
  readonly isProxyHealthy: () => boolean
  /** A port could not be had. */
  readonly failed: (service: string, port: number, error: Error) => void
  readonly log: Logger
}

interface Entry {
  readonly port: number
  readonly addresses: string
  readonly servers: readonly Server[]
  localEndpoints: number
}

/** The body of an answer, in upstream's layout. */
export const healthCheckBody = (service: string, localEndpoints: number, serviceProxyHealthy: boolean): string => {
  const [namespace, name] = service.split('/')
  return JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy }, null, '\t')
}

export class HealthCheckPorts {
  readonly #options: HealthCheckPortsOptions
  readonly #entries = new Map<string, Entry>()

  constructor(options: HealthCheckPortsOptions) {
    this.#options = options
  }

  /** Opens, changes or closes the port of a Service. */
  set(service: string, check: HealthCheck | undefined): void {
    // Nearly all Services: the addresses, which cost a look at all interfaces, are not asked for.
    if (check === undefined) return this.#close(service)
    const before = this.#entries.get(service)
    const addresses = this.#options.addresses()
    if (before !== undefined && before.port === check.port && before.addresses === addresses.join()) {
      before.localEndpoints = check.localEndpoints
      return
    }
    this.#close(service)
    const entry: Entry = {
      port: check.port,
      localEndpoints: check.localEndpoints,
      addresses: addresses.join(),
      servers: addresses.map((address) => this.#listen(service, address, check.port)),
    }
    this.#entries.set(service, entry)
    this.#options.log.debug({ service, port: check.port }, 'health-check port opened')
  }

  /** Closes all ports. */
  close(): void {
    for (const service of this.#entries.keys()) this.#close(service)
  }

  #close(service: string): void {
    for (const server of this.#entries.get(service)?.servers ?? []) {
      server.close()
      server.closeAllConnections()
    }
    this.#entries.delete(service)
  }

  #listen(service: string, host: string, port: number): Server {
    const { isProxyHealthy, failed } = this.#options
    const server = createServer((_request, response) => {
      const localEndpoints = this.#entries.get(service)?.localEndpoints ?? 0
      const healthy = isProxyHealthy()
      response
        .writeHead(localEndpoints > 0 && healthy ? 200 : 503, {
          'content-type': 'application/json',
          'x-content-type-options': 'nosniff',
          'x-load-balancing-endpoint-weight': String(localEndpoints),
        })
        .end(healthCheckBody(service, localEndpoints, healthy))
    })
    server.on('error', (error) => failed(service, port, error))
    server.listen({ port, host, ipv6Only: true })
    return server
  }
}
