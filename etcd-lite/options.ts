/** etcd's flags, and the configuration made of them. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseDuration } from '../component-base/flags/duration.ts'
import { defineFlags, parseFlags } from '../component-base/flags/flags.ts'
import { UsageError } from '../component-base/process/run.ts'
import { defaultBcryptCost, maxBcryptCost, minBcryptCost } from './auth/passwords.ts'
import type { AutoCompaction } from './mvcc/auto-compaction.ts'
import { restoringName } from './snapshot/restoring-name.ts'
import { etcdVersion } from './version.ts'

const noPeers = 'etcd-lite is a cluster of one and has no peers'
const noRaft = 'etcd-lite has no raft log'
const useRealEtcd =
  'etcd-lite is a cluster of one; for more members run a real etcd cluster and point --etcd-servers at it'

const flags = defineFlags({
  name: { type: 'string', default: 'default', help: 'Human-readable name for this member.' },
  'data-dir': { type: 'string', default: '', help: 'Path to the data directory; default is ${name}.etcd.' },
  'listen-client-urls': {
    type: 'strings',
    default: ['http://localhost:2379'],
    help: 'List of URLs to listen on for client traffic.',
  },
  'advertise-client-urls': {
    type: 'strings',
    default: ['http://localhost:2379'],
    help: "List of this member's client URLs to advertise to the public.",
  },
  'cert-file': { type: 'string', default: '', help: 'Path to the client server TLS cert file.' },
  'key-file': { type: 'string', default: '', help: 'Path to the client server TLS key file.' },
  'client-cert-auth': { type: 'bool', default: false, help: 'Enable client cert authentication.' },
  'trusted-ca-file': { type: 'string', default: '', help: 'Path to the client server TLS trusted CA cert file.' },
  'auth-token': {
    type: 'string',
    default: 'simple',
    help: "Auth token specific options: 'simple', or 'jwt,sign-method=RS256,pub-key=FILE,priv-key=FILE,ttl=10m'.",
  },
  'auth-token-ttl': { type: 'int', default: 300, help: 'The lifetime in seconds of the (simple) auth token.' },
  'bcrypt-cost': {
    type: 'int',
    default: defaultBcryptCost,
    help: 'Bcrypt algorithm cost factor for auth password hashing, between 4 and 31.',
  },
  'quota-backend-bytes': {
    type: 'int',
    default: 0,
    help: 'Raise alarms when backend size exceeds the given quota; 0 is 2 GiB, negative is none.',
  },
  'auto-compaction-mode': { type: 'string', default: 'periodic', help: "'periodic' or 'revision'." },
  'auto-compaction-retention': {
    type: 'string',
    default: '0',
    help: 'Hours or a duration for periodic, a number of revisions for revision; 0 turns it off.',
  },
  'max-txn-ops': { type: 'int', default: 128, help: 'Maximum number of operations permitted in a transaction.' },
  'max-request-bytes': {
    type: 'int',
    default: 1_572_864,
    help: 'Maximum client request size in bytes the server will accept.',
  },
  'listen-metrics-urls': {
    type: 'strings',
    default: [],
    help: 'List of URLs to listen on for the metrics and health endpoints.',
  },
  'experimental-watch-progress-notify-interval': {
    type: 'duration',
    default: 600_000,
    help: 'Duration of periodic watch progress notifications.',
  },
  'watch-progress-notify-interval': {
    type: 'duration',
    default: 600_000,
    help: 'Duration of periodic watch progress notifications.',
  },
  'log-level': { type: 'string', default: 'info', help: 'debug, info, warn, error, panic or fatal.' },
  'value-cache-bytes': { type: 'int', default: 192 << 20, help: 'etcd-lite: bound of current values kept in memory.' },
  logger: { type: 'string', default: 'zap', help: 'Only JSON lines are written.' },
  'log-outputs': { type: 'strings', default: ['default'], help: 'Logs go to standard error.' },
  'snapshot-count': { type: 'int', default: 100_000, help: 'Accepted.', unsupported: noRaft },
  'heartbeat-interval': { type: 'int', default: 100, help: 'Accepted.', unsupported: noRaft },
  'election-timeout': { type: 'int', default: 1000, help: 'Accepted.', unsupported: noRaft },
  'wal-dir': { type: 'string', default: '', help: 'Accepted.', unsupported: noRaft },
  'max-snapshots': { type: 'int', default: 5, help: 'Accepted.', unsupported: noRaft },
  'max-wals': { type: 'int', default: 5, help: 'Accepted.', unsupported: noRaft },
  'experimental-initial-corrupt-check': {
    type: 'bool',
    default: false,
    help: 'Always on: every start checks the store.',
  },
  'feature-gates': { type: 'string', default: '', help: 'Accepted.', unsupported: 'etcd-lite has no feature gates' },
  'listen-peer-urls': { type: 'strings', default: [], help: 'Accepted.', unsupported: noPeers },
  'initial-advertise-peer-urls': {
    type: 'strings',
    default: ['http://localhost:2380'],
    help: "List of this member's peer URLs, as the member list says them; nobody listens there.",
  },
  'peer-cert-file': { type: 'string', default: '', help: 'Accepted.', unsupported: noPeers },
  'peer-key-file': { type: 'string', default: '', help: 'Accepted.', unsupported: noPeers },
  'peer-client-cert-auth': { type: 'bool', default: false, help: 'Accepted.', unsupported: noPeers },
  'peer-trusted-ca-file': { type: 'string', default: '', help: 'Accepted.', unsupported: noPeers },
  'initial-cluster': { type: 'strings', default: [], help: 'Accepted with one member.' },
  'initial-cluster-token': { type: 'string', default: '', help: 'Accepted.', unsupported: noPeers },
  'initial-cluster-state': { type: 'string', default: 'new', help: "Only 'new'." },
  'force-new-cluster': { type: 'bool', default: false, help: 'Refused.' },
  discovery: { type: 'string', default: '', help: 'Refused.' },
  'discovery-srv': { type: 'string', default: '', help: 'Refused.' },
  proxy: { type: 'string', default: 'off', help: "Only 'off'." },
})

export interface TlsFilesConfig {
  readonly certFile: string
  readonly keyFile: string
  /** '' accepts clients without a certificate. */
  readonly clientCaFile: string
}

export interface EtcdConfig {
  readonly name: string
  readonly dataDir: string
  readonly clientUrls: readonly URL[]
  readonly metricsUrls: readonly URL[]
  readonly advertiseClientUrls: readonly string[]
  readonly advertisePeerUrls: readonly string[]
  readonly tls: TlsFilesConfig | undefined
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
  readonly logLevel: string
}

const logLevels: Readonly<Record<string, string>> = { panic: 'fatal', dpanic: 'fatal' }

const parseUrls = (flag: string, texts: readonly string[]): URL[] =>
  texts.map((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined
    if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
      throw new UsageError(`--${flag}: "${text}" is not an http or https URL`)
    }
    return url
  })

const parseAutoCompaction = (mode: string, retention: string): AutoCompaction => {
  const invalid = new UsageError(`--auto-compaction-retention: invalid value "${retention}" for mode "${mode}"`)
  const number = /^\d+$/.test(retention) ? Number(retention) : undefined
  if (number === 0) return { type: 'off' }
  if (mode === 'revision') {
    if (number === undefined) throw invalid
    return { type: 'revision', retention: number }
  }
  if (mode !== 'periodic') throw new UsageError(`unknown auto-compaction-mode "${mode}"`)
  const retentionMs = number === undefined ? parseDuration(retention) : number * 3_600_000
  if (retentionMs === undefined || retentionMs < 0) throw invalid
  return retentionMs === 0 ? { type: 'off' } : { type: 'periodic', retentionMs }
}

const defaultTokenTtlSeconds = 300

const tokenTtlMs = (seconds: number): number => (seconds <= 0 ? defaultTokenTtlSeconds : seconds) * 1000

/** A cost that bcrypt does not have is the default, as in etcd. */
const bcryptCost = (asked: number): number =>
  asked < minBcryptCost || asked > maxBcryptCost ? defaultBcryptCost : asked

/** Parses the command line; throws UsageError for what cannot be served. */
export const parseOptions = (argv: readonly string[]): EtcdConfig => {
  const { values, isSet } = parseFlags(flags, argv, { name: 'etcd', version: etcdVersion })
  const refuse = (flag: string): never => {
    throw new UsageError(`--${flag} is not supported: ${useRealEtcd}`)
  }
  if (values['initial-cluster'].length > 1) refuse('initial-cluster with several members')
  if (values['initial-cluster-state'] !== 'new') refuse('initial-cluster-state=existing')
  if (values['force-new-cluster']) refuse('force-new-cluster')
  if (values.discovery !== '') refuse('discovery')
  if (values['discovery-srv'] !== '') refuse('discovery-srv')
  if (values.proxy !== 'off') refuse('proxy')
  const clientUrls = parseUrls('listen-client-urls', values['listen-client-urls'])
  const metricsUrls = parseUrls('listen-metrics-urls', values['listen-metrics-urls'])
  const secure = [...clientUrls, ...metricsUrls].some(({ protocol }) => protocol === 'https:')
  if (secure && (values['cert-file'] === '' || values['key-file'] === '')) {
    throw new UsageError('--cert-file and --key-file must be set for https URLs')
  }
  const clientAuth = values['client-cert-auth'] || values['trusted-ca-file'] !== ''
  if (clientAuth && secure && values['trusted-ca-file'] === '') {
    throw new UsageError('--client-cert-auth needs --trusted-ca-file')
  }
  const dataDir = values['data-dir'] === '' ? `${values.name}.etcd` : values['data-dir']
  if (existsSync(join(dataDir, 'member', 'snap')) && !existsSync(join(dataDir, 'member', 'leveldb'))) {
    throw new UsageError(
      `--data-dir: ${dataDir} holds the data of a real etcd, which etcd-lite cannot read; restore a snapshot of it with etcdutl`,
    )
  }
  if (existsSync(join(dataDir, restoringName))) {
    throw new UsageError(`--data-dir: a restore into ${dataDir} was not finished; remove it and restore again`)
  }
  return {
    name: values.name,
    dataDir,
    clientUrls,
    metricsUrls,
    advertiseClientUrls: values['advertise-client-urls'],
    advertisePeerUrls: values['initial-advertise-peer-urls'],
    tls: secure
      ? {
          certFile: values['cert-file'],
          keyFile: values['key-file'],
          clientCaFile: clientAuth ? values['trusted-ca-file'] : '',
        }
      : undefined,
    clientCertAuth: values['client-cert-auth'],
    authToken: { text: values['auth-token'], simpleTtlMs: tokenTtlMs(values['auth-token-ttl']) },
    bcryptCost: bcryptCost(values['bcrypt-cost']),
    quotaBytes: values['quota-backend-bytes'],
    autoCompaction: parseAutoCompaction(values['auto-compaction-mode'], values['auto-compaction-retention']),
    maxTxnOps: values['max-txn-ops'],
    maxRequestBytes: values['max-request-bytes'],
    progressNotifyMs: isSet('watch-progress-notify-interval')
      ? values['watch-progress-notify-interval']
      : values['experimental-watch-progress-notify-interval'],
    valueCacheBytes: values['value-cache-bytes'],
    logLevel: logLevels[values['log-level']] ?? values['log-level'],
  }
}
