/** The store of a test cluster: the launcher's own etcd-lite, one real etcd, or three. */
import type { EtcdMember } from './etcd-process.ts'
import { startEtcd, type TestEtcd } from './etcd.ts'

/** `etcd-cluster-with-loss` loses a follower during the tests, and gets it back. */
export const clusterStores = ['etcd-lite', 'etcd', 'etcd-cluster', 'etcd-cluster-with-loss'] as const
export type ClusterStoreKind = (typeof clusterStores)[number]

export interface ClusterStore extends AsyncDisposable {
  /** `spec.controlPlane.etcd` of the cluster file. */
  readonly spec: Readonly<Record<string, unknown>>
  readonly etcd: TestEtcd
}

/** What KUBETS_TEST_STORE asks for; suites of tests/run.ts set it. */
export const wantedStore = (): ClusterStoreKind => {
  const asked = process.env['KUBETS_TEST_STORE'] ?? 'etcd-lite'
  const found = clusterStores.find((kind) => kind === asked)
  if (found === undefined) throw new Error(`KUBETS_TEST_STORE: one of ${clusterStores.join(', ')}, not "${asked}"`)
  return found
}

/** A member goes this long after the start, and is back as long after that. */
const turnMs = 8_000

/** Whether a member leads, asked of itself. */
const leads = async (member: EtcdMember, etcd: TestEtcd): Promise<boolean> => {
  using client = etcd.newClient([member.endpoint])
  const { header, leader } = await client.status()
  return header?.memberId === leader
}

/** The member that leads. */
export const leaderOf = async (etcd: TestEtcd): Promise<EtcdMember> => {
  for (const member of etcd.members) if (member.pid() !== undefined && (await leads(member, etcd))) return member
  throw new Error('no member leads')
}

/**
 * Kills a member and starts it again: one that neither leads nor is the API server's, so that no call is lost. The
 * loss of those two, which clients may notice, is a test of its own.
 */
const loseFollower = async (etcd: TestEtcd): Promise<AsyncDisposable> => {
  const leader = await leaderOf(etcd)
  const follower = etcd.members.slice(1).find((member) => member !== leader)
  let working: Promise<void> | undefined
  const timers = [
    setTimeout(() => (working = follower?.kill()), turnMs),
    setTimeout(() => (working = working?.then(() => follower?.start())), 2 * turnMs),
  ]
  return {
    [Symbol.asyncDispose]: async () => {
      for (const timer of timers) clearTimeout(timer)
      await working
    },
  }
}

/** Starts what the launcher is not to start; undefined for its own etcd-lite. */
export const startClusterStore = async (kind: ClusterStoreKind): Promise<ClusterStore | undefined> => {
  if (kind === 'etcd-lite') return undefined
  const etcd = await startEtcd({ kind: 'etcd', tls: 'mutual', members: kind === 'etcd' ? 1 : 3 })
  const client = await etcd.tls?.issueClient('kube-apiserver-etcd-client')
  const loss = kind === 'etcd-cluster-with-loss' ? await loseFollower(etcd) : undefined
  return {
    etcd,
    spec: { external: { endpoints: etcd.endpoints, ...client?.files } },
    [Symbol.asyncDispose]: async () => {
      await loss?.[Symbol.asyncDispose]()
      await etcd[Symbol.asyncDispose]()
    },
  }
}
