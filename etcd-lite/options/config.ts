/** The configuration of a server: everything decided, units fixed. */
import type { AutoCompaction } from '../mvcc/auto-compaction.ts'
import type { TlsConfig } from './tls.ts'
import type { ListenAddress } from './urls.ts'
import type { Warning } from './warnings.ts'

export interface EtcdConfig {
  readonly name: string
  readonly dataDir: string
  readonly client: {
    /** gRPC; HTTP too unless it has addresses of its own. */
    readonly addresses: readonly ListenAddress[]
    readonly httpAddresses: readonly ListenAddress[]
    readonly reusePort: boolean
    readonly maxConcurrentStreams: number
    readonly keepalive: { readonly intervalMs: number; readonly timeoutMs: number }
  }
  readonly metricsAddresses: readonly ListenAddress[]
  readonly advertiseClientUrls: readonly string[]
  readonly advertisePeerUrls: readonly string[]
  readonly tls: TlsConfig | undefined
  readonly http: {
    /** The JSON gateway. */
    readonly gateway: boolean
    readonly cors: readonly string[]
    readonly hostWhitelist: readonly string[]
  }
  /** Certificates name users. */
  readonly clientCertAuth: boolean
  /** --auth-token as it is, and the lifetime of simple tokens. */
  readonly authToken: { readonly text: string; readonly simpleTtlMs: number }
  readonly bcryptCost: number
  readonly quotaBytes: number
  readonly autoCompaction: AutoCompaction
  readonly maxTxnOps: number
  readonly maxRequestBytes: number
  readonly progressNotifyMs: number
  readonly valueCacheBytes: number
  /** Whether an acknowledged write is on the disk; false only with --unsafe-no-fsync. */
  readonly fsync: boolean
  readonly metrics: 'basic' | 'extensive'
  readonly log: { readonly level: string; readonly outputs: readonly string[] }
  readonly warnings: readonly Warning[]
}
