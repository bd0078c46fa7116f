/** A real etcd (one member or a cluster of several), or etcd-lite, for tests: on free ports, gone when the test ends. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EtcdClient } from '../../component-base/etcd/client.ts'
import type { ChannelTls } from '../../component-base/grpc/client.ts'
import { type CommandOptions, type CommandResult, type RunningCommand, runCommand, startCommand } from './command.ts'
import { createMember, type EtcdKind, type EtcdMember, etcdctlBinary } from './etcd-process.ts'
import { createEtcdTls, type EtcdTls, type EtcdTlsMode, type TlsFiles } from './etcd-tls.ts'
import { restartablePort } from '../../testing/ports.ts'

export interface EtcdOptions {
  readonly kind: EtcdKind
  /** Beside those that the harness sets: data directory, URLs, cluster, certificates. */
  readonly flags?: readonly string[]
  /** Default 1. Only a real etcd can have more. */
  readonly members?: number
  /** Default: plain http. */
  readonly tls?: EtcdTlsMode
  /** Of a single member; kept when the test ends. Default: a temporary one, removed. */
  readonly dataDir?: string
}

export interface TestEtcd extends AsyncDisposable {
  readonly kind: EtcdKind
  /** The first one's; commands and `client` know them all. */
  readonly endpoint: string
  readonly endpoints: readonly string[]
  readonly members: readonly EtcdMember[]
  readonly client: EtcdClient
  /** A connection of its own, to all members or to some, closed at the end as well. */
  readonly newClient: (endpoints?: readonly string[]) => EtcdClient
  /** How clients are let in, when `tls` was asked for. */
  readonly tls: EtcdTls | undefined
  /** Runs etcdctl; never throws on a non-zero exit. */
  readonly etcdctl: (...args: readonly string[]) => Promise<CommandResult>
  /** The same with standard input and other options. */
  readonly etcdctlWith: (options: CommandOptions, ...args: readonly string[]) => Promise<CommandResult>
  /** Starts an etcdctl that goes on: watch, lock, elect. */
  readonly startEtcdctl: (...args: readonly string[]) => RunningCommand
  /** Ends all members; resolves when they are gone. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<void>
  /** Ends all members and starts them on their data directories and ports again. */
  readonly restart: (signal?: NodeJS.Signals) => Promise<void>
  readonly log: () => string
}

const planMembers = async (options: EtcdOptions, root: string, tls: EtcdTls | undefined): Promise<EtcdMember[]> => {
  const { kind, flags = [], members: count = 1, dataDir } = options
  const scheme = tls === undefined ? 'http' : 'https'
  const plans: { name: string; endpoint: string; peer: string }[] = []
  for (let i = 0; i < count; i++) {
    plans.push({
      name: count === 1 ? 'default' : `m${i}`,
      endpoint: `${scheme}://127.0.0.1:${await restartablePort()}`,
      peer: `http://127.0.0.1:${await restartablePort()}`,
    })
  }
  const cluster = plans.map(({ name, peer }) => `${name}=${peer}`).join(',')
  return plans.map(({ name, endpoint, peer }) =>
    createMember({
      kind,
      name,
      endpoint,
      dataDir: dataDir ?? join(root, name),
      flags: [
        `--name=${name}`,
        `--listen-client-urls=${endpoint}`,
        `--advertise-client-urls=${endpoint}`,
        `--listen-peer-urls=${peer}`,
        `--initial-advertise-peer-urls=${peer}`,
        `--initial-cluster=${cluster}`,
        ...(tls?.serverFlags ?? []),
        ...flags,
      ],
    }),
  )
}

/** Starts the members and waits until all of them serve. Throws with the log of the one that does not. */
export const startEtcd = async (options: EtcdOptions): Promise<TestEtcd> => {
  const { kind, members: count = 1, dataDir } = options
  if (count !== 1 && (kind !== 'etcd' || dataDir !== undefined)) {
    throw new Error('only a real etcd on its own data directories can have several members')
  }
  const root = mkdtempSync(join(tmpdir(), `kubets-${kind}-`))
  const tls = options.tls === undefined ? undefined : await createEtcdTls(join(root, 'pki'), options.tls)
  const admin = await tls?.issueClient('root')
  const members = await planMembers(options, root, tls)
  const clients: EtcdClient[] = []
  const endpoints = members.map(({ endpoint }) => endpoint)
  const newClient = (only: readonly string[] = endpoints): EtcdClient => {
    const client = new EtcdClient({ endpoints: only, tls: channelOf(tls, admin?.channel) })
    clients.push(client)
    return client
  }
  const kill = async (signal?: NodeJS.Signals): Promise<void> => {
    await Promise.all(members.map((member) => member.kill(signal)))
  }
  const start = async (): Promise<void> => {
    await Promise.all(members.map((member) => member.start()))
  }
  const dispose = async (): Promise<void> => {
    for (const client of clients) client.close()
    await kill()
    if (process.env['KUBETS_KEEP'] === undefined) rmSync(root, { recursive: true, force: true })
  }
  const commandArgs = (args: readonly string[]): string[] => [
    `--endpoints=${endpoints.join(',')}`,
    ...(admin === undefined ? [] : tlsArgs(admin.files, tls)),
    ...args,
  ]
  const env = { ETCDCTL_API: '3' }
  try {
    await start()
  } catch (err) {
    await dispose()
    throw err
  }
  return {
    kind,
    endpoint: endpoints[0] ?? '',
    endpoints,
    members,
    client: newClient(),
    newClient,
    tls,
    etcdctl: (...args) => runCommand(etcdctlBinary(), commandArgs(args), { env }),
    etcdctlWith: (more, ...args) =>
      runCommand(etcdctlBinary(), commandArgs(args), { ...more, env: { ...env, ...more.env } }),
    startEtcdctl: (...args) => startCommand(etcdctlBinary(), commandArgs(args), { env }),
    kill,
    restart: async (signal) => {
      await kill(signal)
      await start()
    },
    log: () => members.map((member) => member.log()).join(''),
    [Symbol.asyncDispose]: dispose,
  }
}

/** Without --client-cert-auth a client shows no certificate. */
const channelOf = (tls: EtcdTls | undefined, channel: ChannelTls | undefined): ChannelTls | undefined =>
  tls?.mode === 'server' ? { ca: channel?.ca } : channel

const tlsArgs = ({ certFile, keyFile, caFile }: TlsFiles, tls: EtcdTls | undefined): string[] => [
  `--cacert=${caFile}`,
  ...(tls?.mode === 'mutual' ? [`--cert=${certFile}`, `--key=${keyFile}`] : []),
]
