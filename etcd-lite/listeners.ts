/** The sockets of a server: client URLs, their HTTP alone, and metrics. */
import { createGrpcServer } from '../component-base/grpc/server.ts'
import { type Listener, type ListenOptions, listen } from '../component-base/grpc/listener.ts'
import { UsageError } from '../component-base/process/run.ts'
import { type HttpEndpoints, onlyGrpc } from './http/endpoints.ts'
import type { EtcdConfig } from './options.ts'
import type { ListenAddress } from './options/urls.ts'
import type { EtcdServer } from './server.ts'
import { loadTlsMaterial } from './tls-material.ts'

export interface Served {
  readonly grpc: EtcdServer['grpc']
  /** HTTP of the client URLs. */
  readonly client: HttpEndpoints
  readonly metrics: HttpEndpoints
}

type Protocols = Pick<ListenOptions, 'http1' | 'http2'>

const systemErrors: Readonly<Record<string, string>> = {
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EACCES: 'permission denied',
}

const listenError = (address: ListenAddress, err: unknown): unknown => {
  const code = err instanceof Error && 'code' in err ? String(err.code) : ''
  const reason = systemErrors[code]
  if (reason === undefined) return err
  const where = address.type === 'unix' ? `unix ${address.path}` : `tcp ${address.host}:${address.port}`
  return new UsageError(`listen ${where}: bind: ${reason}`, { exitCode: 1, cause: err })
}

/** All listeners, or none: when one cannot be had, those that are there are closed. */
const all = async (starting: readonly Promise<Listener>[]): Promise<Listener[]> => {
  const results = await Promise.allSettled(starting)
  const listeners = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const failure = results.find((result) => result.status === 'rejected')
  if (failure === undefined) return listeners
  await Promise.all(listeners.map((listener) => listener.close(0)))
  throw failure.reason
}

/** Listens everywhere. Throws UsageError for addresses that cannot be had and certificates that cannot be read. */
export const startListeners = async (
  config: EtcdConfig,
  { grpc, client, metrics }: Served,
  signal: AbortSignal,
): Promise<Listener[]> => {
  const material = config.tls === undefined ? undefined : await loadTlsMaterial(config.tls, config.dataDir)
  const start = (address: ListenAddress, protocols: Protocols): Promise<Listener> =>
    listen({
      ...(address.type === 'unix' ? { path: address.path } : { host: address.host, port: address.port }),
      tls: address.secure ? material?.current : undefined,
      acceptPeer: address.secure ? material?.acceptPeer : undefined,
      reusePort: config.client.reusePort,
      ...protocols,
    }).catch((err: unknown) => {
      throw listenError(address, err)
    })
  const httpOnly = (endpoints: HttpEndpoints): Protocols => ({
    http1: endpoints.http1,
    http2: createGrpcServer({ implementations: [], onHttpStream: endpoints.http2 }),
  })
  const { addresses, httpAddresses } = config.client
  const clientHttp = httpAddresses.length === 0 ? client.http1 : onlyGrpc.http1
  const listeners = await all([
    ...addresses.map((address) => start(address, { http1: clientHttp, http2: grpc })),
    ...httpAddresses.map((address) => start(address, httpOnly(client))),
    ...config.metricsAddresses.map((address) => start(address, httpOnly(metrics))),
  ])
  material?.watch((changed) => listeners.forEach((listener) => listener.setTls(changed)), signal)
  return listeners
}
