/** From the command line, the environment or a file to the configuration. Upstream: server/etcdmain/config.go. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseDuration } from '../component-base/flags/duration.ts'
import { UsageError } from '../component-base/process/run.ts'
import { defaultBcryptCost, maxBcryptCost, minBcryptCost } from './auth/passwords.ts'
import type { AutoCompaction } from './mvcc/auto-compaction.ts'
import { checkClustering, refuseSubcommand } from './options/clustering.ts'
import { type FlagSettings, parseCommandLine } from './options/command-line.ts'
import type { EtcdConfig } from './options/config.ts'
import { readConfigFile } from './options/config-file.ts'
import { type Environment, environmentName, readEnvironment } from './options/environment.ts'
import { etcdFlags, ignoredFlags } from './options/flag-table.ts'
import type { FlagSpec, FlagValues } from './options/flag-types.ts'
import { helpText, versionText } from './options/help.ts'
import { tlsConfig } from './options/tls.ts'
import { checkAdvertised, listenAddress } from './options/urls.ts'
import type { Warning } from './options/warnings.ts'
import { restoringName } from './snapshot/restoring-name.ts'

export type { EtcdConfig } from './options/config.ts'

type Values = FlagValues<typeof etcdFlags>

interface Sources {
  readonly settings: FlagSettings
  readonly allowedCommonNames: readonly string[]
  readonly warnings: readonly Warning[]
  /** A file may leave out what the command line must say. */
  readonly from: 'command line' | 'file'
}

const readSources = (argv: readonly string[], environment: Environment): Sources => {
  const { settings, ignored, asked } = parseCommandLine(argv, { flags: etcdFlags, ignored: ignoredFlags })
  if (asked !== undefined) {
    process.stdout.write(asked === 'help' ? helpText() : versionText())
    process.exit(0)
  }
  const file = settings.get('config-file') ?? environment[environmentName('config-file')] ?? ''
  if (typeof file === 'string' && file !== '') {
    return { ...readConfigFile(file, etcdFlags), from: 'file' }
  }
  const more = readEnvironment(environment, etcdFlags, settings)
  const past = ignored.map((flag) => ({ message: 'ignored flag', fields: { flag } }))
  return {
    settings: new Map([...settings, ...more.settings]),
    allowedCommonNames: [],
    warnings: [...past, ...more.warnings],
    from: 'command line',
  }
}

const valuesOf = (settings: FlagSettings): Values =>
  Object.fromEntries(
    Object.entries(etcdFlags).map(([name, spec]) => [name, settings.get(name) ?? spec.default]),
  ) as unknown as Values

/** Flags that were set to something, and do nothing. */
const withoutEffect = (settings: FlagSettings): Warning[] => {
  const specs: Readonly<Record<string, FlagSpec>> = etcdFlags
  return [...settings].flatMap(([flag, value]) => {
    const spec = specs[flag]
    if (spec?.unsupported === undefined || String(value) === String(spec.default)) return []
    return [{ message: 'flag has no effect', fields: { flag, value, reason: spec.unsupported } }]
  })
}

const invalid = (message: string): UsageError => new UsageError(message, { exitCode: 1 })

const parseAutoCompaction = (mode: string, retention: string): AutoCompaction => {
  if (mode !== 'revision' && mode !== 'periodic' && mode !== '') {
    throw invalid(`unknown auto-compaction-mode ${JSON.stringify(mode)}`)
  }
  const bad = invalid(`--auto-compaction-retention: invalid value ${JSON.stringify(retention)} for mode "${mode}"`)
  const number = /^\d+$/.test(retention) ? Number(retention) : undefined
  if (number === 0 || mode === '') return { type: 'off' }
  if (mode === 'revision') {
    if (number === undefined) throw bad
    return { type: 'revision', retention: number }
  }
  const retentionMs = number === undefined ? parseDuration(retention) : number * 3_600_000
  if (retentionMs === undefined || retentionMs < 0) throw bad
  return retentionMs === 0 ? { type: 'off' } : { type: 'periodic', retentionMs }
}

const logLevels: Readonly<Record<string, string>> = {
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  error: 'error',
  dpanic: 'fatal',
  panic: 'fatal',
  fatal: 'fatal',
}

const logLevel = (text: string): string => {
  const level = Object.hasOwn(logLevels, text) ? logLevels[text] : undefined
  if (level === undefined) throw invalid(`--log-level: unrecognized level: ${JSON.stringify(text)}`)
  return level
}

const defaultTokenTtlSeconds = 300
const tokenTtlMs = (seconds: number): number => (seconds <= 0 ? defaultTokenTtlSeconds : seconds) * 1000

/** A cost that bcrypt does not have is the default, as in etcd. */
const bcryptCost = (asked: number): number =>
  asked < minBcryptCost || asked > maxBcryptCost ? defaultBcryptCost : asked

/** The directory, if it is none that a real etcd has filled. */
const dataDirOf = (values: Values): string => {
  const dataDir = values['data-dir'] === '' ? `${values.name}.etcd` : values['data-dir']
  if (existsSync(join(dataDir, 'member', 'snap')) && !existsSync(join(dataDir, 'member', 'leveldb'))) {
    throw invalid(
      `--data-dir: ${dataDir} holds the data of a real etcd, which etcd-lite cannot read; restore a snapshot of it with etcdutl`,
    )
  }
  if (existsSync(join(dataDir, restoringName))) {
    throw invalid(`--data-dir: a restore into ${dataDir} was not finished; remove it and restore again`)
  }
  return dataDir
}

const checkTimes = (values: Values): void => {
  const heartbeat = values['heartbeat-interval']
  const election = values['election-timeout']
  if (heartbeat === 0) throw invalid('--heartbeat-interval must be >0 (set to 0ms)')
  if (election === 0) throw invalid('--election-timeout must be >0 (set to 0ms)')
  if (5 * heartbeat > election) {
    throw invalid(
      `--election-timeout[${election}ms] should be at least as 5 times as --heartbeat-interval[${heartbeat}ms]`,
    )
  }
}

/** What clients are told; whoever says where to listen must say this too. */
const advertisedUrls = (values: Values, { settings, from }: Sources): readonly string[] => {
  if (from === 'command line' && settings.has('listen-client-urls') && !settings.has('advertise-client-urls')) {
    throw invalid('--advertise-client-urls is required when --listen-client-urls is set explicitly')
  }
  checkAdvertised('initial-advertise-peer-urls', values['initial-advertise-peer-urls'])
  checkAdvertised('advertise-client-urls', values['advertise-client-urls'])
  return values['advertise-client-urls']
}

/**
 * Reads the command line and the environment (etcd's variables are in `environment`). Prints and ends the process for
 * --help and --version; throws UsageError for what cannot be served.
 */
export const parseOptions = (argv: readonly string[], environment: Environment = {}): EtcdConfig => {
  refuseSubcommand(argv)
  const sources = readSources(argv, environment)
  const values = valuesOf(sources.settings)
  checkClustering(values)
  checkTimes(values)
  const addresses = values['listen-client-urls'].map(listenAddress)
  const httpAddresses = values['listen-client-http-urls'].map(listenAddress)
  const metricsAddresses = values['listen-metrics-urls'].map(listenAddress)
  return {
    name: values.name,
    dataDir: dataDirOf(values),
    client: {
      addresses,
      httpAddresses,
      reusePort: values['socket-reuse-port'],
      maxConcurrentStreams: values['max-concurrent-streams'],
      keepalive: {
        intervalMs: values['grpc-keepalive-interval'],
        timeoutMs: values['grpc-keepalive-timeout'],
      },
    },
    metricsAddresses,
    advertiseClientUrls: advertisedUrls(values, sources),
    advertisePeerUrls: values['initial-advertise-peer-urls'],
    tls: tlsConfig({
      values,
      addresses: [...addresses, ...httpAddresses, ...metricsAddresses],
      allowedCommonNames: sources.allowedCommonNames,
    }),
    http: {
      gateway: values['enable-grpc-gateway'],
      cors: values.cors,
      hostWhitelist: values['host-whitelist'],
    },
    clientCertAuth: values['client-cert-auth'],
    authToken: { text: values['auth-token'], simpleTtlMs: tokenTtlMs(values['auth-token-ttl']) },
    bcryptCost: bcryptCost(values['bcrypt-cost']),
    quotaBytes: values['quota-backend-bytes'],
    autoCompaction: parseAutoCompaction(values['auto-compaction-mode'], values['auto-compaction-retention']),
    maxTxnOps: values['max-txn-ops'],
    maxRequestBytes: values['max-request-bytes'],
    progressNotifyMs: sources.settings.has('watch-progress-notify-interval')
      ? values['watch-progress-notify-interval']
      : values['experimental-watch-progress-notify-interval'],
    valueCacheBytes: values['value-cache-bytes'],
    fsync: !values['unsafe-no-fsync'],
    metrics: values.metrics === 'extensive' ? 'extensive' : 'basic',
    log: { level: logLevel(values['log-level']), outputs: values['log-outputs'] },
    warnings: [...sources.warnings, ...withoutEffect(sources.settings)],
  }
}
