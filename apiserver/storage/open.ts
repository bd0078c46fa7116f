/** Opens the store and what is shared by all resources: the hub, leases, revision reads. */
import { readFileSync } from 'node:fs'
import { realClock } from '../../component-base/clock.ts'
import { EtcdClient } from '../../component-base/etcd/client.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { Config } from '../config.ts'
import { createRevisionReader } from './consistent-read.ts'
import { createEtcdKeyValue, type ObserveCall } from './etcd.ts'
import { createLeasePool } from './lease-pool.ts'
import type { StoreDependencies } from './resource-store.ts'
import { EventHub } from './watch-cache/event-hub.ts'

const pem = (file: string): string | undefined => (file === '' ? undefined : readFileSync(file, 'utf8'))

/** Connects, waiting for the store as long as it takes. */
export const openStore = async (
  config: Config,
  observe: ObserveCall,
  log: Logger,
  signal: AbortSignal,
): Promise<StoreDependencies> => {
  const { servers, caFile, certFile, keyFile } = config.etcd
  const client = new EtcdClient({
    endpoints: servers.map((server) => (server.includes('://') ? server : `http://${server}`)),
    tls: () => ({ ca: pem(caFile), cert: pem(certFile), key: pem(keyFile) }),
  })
  const store = createEtcdKeyValue(client, config.etcdPrefix, observe)
  const hub = new EventHub(store, config.etcdPrefix, log)
  await hub.start(signal)
  return {
    store,
    hub,
    leases: createLeasePool((seconds) => store.grantLease(seconds), realClock),
    currentRevision: createRevisionReader(() => store.currentRevision()),
  }
}
