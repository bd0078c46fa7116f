/** A running etcd-lite: store, services, and what runs beside them. Listeners are the caller's. */
import type { Http2Server } from 'node:http2'
import { join } from 'node:path'
import { etcdFileNames, etcdProtoFacts } from '../component-base/etcd/proto-facts.ts'
import { alwaysServing, healthService } from '../component-base/grpc/health-service.ts'
import { grpcFileNames, grpcProtoFacts } from '../component-base/grpc/proto-facts.ts'
import { reflectionService } from '../component-base/grpc/reflection/reflection-service.ts'
import { createGrpcServer, type GrpcServerOptions, type Implementation } from '../component-base/grpc/server.ts'
import { alarmType } from '../component-base/etcd/maintenance-messages.ts'
import type { Logger } from '../component-base/logging/logger.ts'
import { createAccess } from './auth/access.ts'
import { createPasswords } from './auth/passwords.ts'
import { readAuthState } from './auth/records.ts'
import { AuthStore } from './auth/store.ts'
import { createTokenProvider } from './auth/token-options.ts'
import { Alarms } from './backend/alarms.ts'
import type { Backend } from './backend/backend.ts'
import { openDurableBackend } from './backend/durable.ts'
import { SpaceQuota } from './backend/quota.ts'
import { authService } from './grpc/auth.ts'
import { clusterService } from './grpc/cluster.ts'
import { electionService } from './grpc/election.ts'
import { headerEncoder, loadIdentity } from './grpc/identity.ts'
import { kvService } from './grpc/kv.ts'
import { leaseService } from './grpc/lease.ts'
import { LocalClient } from './grpc/local-client.ts'
import { lockService } from './grpc/lock.ts'
import { maintenanceService } from './grpc/maintenance.ts'
import { snapshotImplementation } from './grpc/snapshot.ts'
import { WatchService } from './grpc/watch.ts'
import type { WriteGuard } from './grpc/write-guard.ts'
import { createGateway, type Gateway } from './http/gateway/gateway.ts'
import type { HealthSource } from './http/health.ts'
import { Lessor } from './lease/lessor.ts'
import { Membership } from './membership.ts'
import type { EtcdMetrics } from './metrics/metrics.ts'
import { startAutoCompaction } from './mvcc/auto-compaction.ts'
import type { ServerSources } from './metrics/server-families.ts'
import { etcdError } from './mvcc/errors.ts'
import { estimateLiveBytes } from './mvcc/live-size.ts'
import { MvccStore } from './mvcc/store.ts'
import type { EtcdConfig } from './options.ts'
import { removeLeftSnapshots } from './snapshot/snapshot-file.ts'
import { takeSnapshot } from './snapshot/take-snapshot.ts'

export interface EtcdServer extends AsyncDisposable {
  readonly grpc: Http2Server
  readonly store: MvccStore
  readonly backend: Backend
  readonly gateway: Gateway
  readonly health: HealthSource
  /** Whether clients must say who they are. */
  readonly authEnabled: () => boolean
}

export interface EtcdServerDeps {
  readonly config: EtcdConfig
  readonly log: Logger
  readonly metrics: EtcdMetrics
  /** Plain HTTP on the same connections. */
  readonly onHttpStream: NonNullable<GrpcServerOptions['onHttpStream']>
  /** A write could not be brought to the disk: nothing more can be promised, the process must end. */
  readonly onFailed: (err: unknown) => void
}

/** A gRPC message may be this much larger than the request that it carries. */
const grpcOverheadBytes = 512 * 1024

/** Times commits and defragmentations for the metrics and counts bytes for the quota. */
const observed = (backend: Backend, metrics: EtcdMetrics, wrote: (bytes: number) => void): Backend => ({
  ...backend,
  commit: async (ops, options) => {
    const start = performance.now()
    await backend.commit(ops, options)
    if (options.sync) metrics.observeCommit((performance.now() - start) / 1000)
    wrote(ops.reduce((sum, op) => sum + op.key.length + (op.type === 'put' ? op.value.length : 0), 0))
  },
  defragment: () => metrics.defragmentation(() => backend.defragment()),
})

const withoutFsync = (backend: Backend): Backend => ({
  ...backend,
  commit: (ops) => backend.commit(ops, { sync: false }),
})

/** How old an estimate of what is in use may be: it costs a walk over all keys. */
const sizeInUseMaxAgeMs = 60_000

/** Sizes for the metrics, which are asked for again and again. */
const storeSize = (backend: Backend, store: MvccStore): ServerSources['size'] => {
  let inUse = { bytes: 0, revision: -1, compacted: -1, atMs: Number.NEGATIVE_INFINITY }
  return async () => {
    const total = await backend.sizeBytes()
    const { revision, compactedRevision: compacted } = store
    const atMs = performance.now()
    const same = inUse.revision === revision && inUse.compacted === compacted
    if (!same && atMs - inUse.atMs > sizeInUseMaxAgeMs) {
      inUse = { bytes: await estimateLiveBytes(store), revision, compacted, atMs }
    }
    return { total, inUse: Math.min(total, inUse.bytes) }
  }
}

/** Opens the store in `<data-dir>/member/leveldb` and makes its services. Throws when it is locked or corrupt. */
export const openEtcdServer = async (deps: EtcdServerDeps): Promise<EtcdServer> => {
  const { config, log, metrics, onFailed } = deps
  const tokens = createTokenProvider({ ...config.authToken, warn: (message, fields) => log.warn(fields, message) })
  let failure: unknown
  const fail = (err: unknown): void => {
    if (failure !== undefined) return
    failure = err
    onFailed(err)
  }
  const memberDir = join(config.dataDir, 'member')
  const disk = await openDurableBackend(join(memberDir, 'leveldb'), fail)
  if (!config.fsync) log.warn('--unsafe-no-fsync: acknowledged writes may be lost')
  await removeLeftSnapshots(memberDir)
  const alarms = new Alarms(disk)
  const identity = await loadIdentity(disk)
  const quota = await SpaceQuota.create({
    backend: disk,
    alarms,
    memberId: identity.memberId,
    quotaBytes: config.quotaBytes,
    onExceeded: (sizeBytes) => log.warn({ sizeBytes, quotaBytes: config.quotaBytes }, 'database space exceeded'),
  })
  const backend = observed(config.fsync ? disk : withoutFsync(disk), metrics, (bytes) => quota.wrote(bytes))
  const header = headerEncoder(identity)
  const lessor = new Lessor()
  await lessor.restore(disk)
  const store = await MvccStore.open({
    backend,
    leases: lessor,
    cacheBytes: config.valueCacheBytes,
    checkIndex: (records) => disk.checkIndex(records),
    onFailed: fail,
    onCorrupt: (err) => {
      if (alarms.has(alarmType.corrupt)) return
      log.error({ err }, 'the store is corrupt')
      alarms.activate({ memberID: identity.memberId, alarm: alarmType.corrupt }).catch(() => {}) // a commit that fails is told of by the backend
    },
  })
  lessor.start(store, { frozen: () => alarms.has(alarmType.corrupt) })
  const auth = new AuthStore({
    store,
    state: await readAuthState(disk),
    passwords: createPasswords(config.bcryptCost),
    tokens,
  })
  const access = createAccess({
    auth,
    leaseKeys: (id) => lessor.keysOf(id),
    clientCertAuth: config.clientCertAuth,
  })
  const stopping = new AbortController()
  startAutoCompaction(store, config.autoCompaction, {
    signal: stopping.signal,
    onError: (err) => log.warn({ err }, 'auto-compaction failed'),
  })
  const onError = (err: unknown, path?: string): void => log.error({ err, path }, 'request failed')
  const watches = new WatchService({ store, access, header, onError })
  const progress = setInterval(() => watches.notifyProgress(), config.progressNotifyMs).unref()
  const membership = new Membership(disk, {
    id: identity.memberId,
    name: config.name,
    peerUrls: config.advertisePeerUrls,
    clientUrls: config.advertiseClientUrls,
  })
  const guard: WriteGuard = {
    withSpace: (cost, write) => quota.run(cost, write),
    checkCorrupt: () => alarms.checkCorrupt(),
  }
  const sources = { store, backend, alarms, membership, identity }
  const services = [
    ...kvService({
      store,
      access,
      header,
      maxTxnOps: config.maxTxnOps,
      maxRequestBytes: config.maxRequestBytes,
      guard,
    }),
    watches.implementation,
    ...leaseService({ store, lessor, access, header, guard }),
    ...authService({ store, auth, access, header }),
    ...maintenanceService({ ...sources, access, header, quotaBytes: quota.limitBytes }),
    ...clusterService({ membership, access, header }),
    snapshotImplementation({ access, take: (signal) => takeSnapshot(sources, memberDir, signal) }),
  ]
  const local = new LocalClient(services)
  const described = [...services, ...lockService(local), ...electionService(local), ...healthService(alwaysServing)]
  const reflection = reflectionService({
    implementations: described,
    facts: { ...etcdProtoFacts, ...grpcProtoFacts },
    fileNames: { ...etcdFileNames, ...grpcFileNames },
  })
  const serving = {
    implementations: [...described, ...reflection],
    maxMessageBytes: config.maxRequestBytes + grpcOverheadBytes,
    onInternalError: onError,
    counters: (implementation: Implementation) => metrics.callCounters(implementation),
    maxConcurrentStreams: config.client.maxConcurrentStreams,
    keepalive: config.client.keepalive,
  }
  metrics.attach({
    store,
    watches,
    lessor,
    memberId: identity.memberId,
    quotaBytes: quota.limitBytes,
    authRevision: () => auth.durable.revision,
    size: storeSize(backend, store),
  })
  const grpc = createGrpcServer({ ...serving, onHttpStream: deps.onHttpStream })
  return {
    grpc,
    store,
    backend,
    gateway: createGateway(serving),
    health: {
      alarms: () => alarms.list().map(({ alarm }) => alarm),
      read: () => {
        if (failure !== undefined) throw etcdError('stopped')
      },
    },
    authEnabled: () => auth.durable.enabled,
    [Symbol.asyncDispose]: async () => {
      stopping.abort()
      clearInterval(progress)
      lessor.stop()
      watches.close()
      if (failure === undefined) await store.drain()
      await backend.close()
    },
  }
}
