/** Opens the store and what is shared by all resources: the hub, leases, revision reads. */
import { readFileSync } from 'node:fs'
import { Backoff } from '../../component-base/backoff.ts'
import { realClock, sleep } from '../../component-base/clock.ts'
import { EtcdClient } from '../../component-base/etcd/client.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { Config } from '../config.ts'
import { encryptedStore } from '../encryption/encrypted-store.ts'
import type { Encryption } from '../encryption/encryption.ts'
import { createResourceOfKey } from '../encryption/resource-of-key.ts'
import { createRevisionReader } from './consistent-read.ts'
import { createEtcdKeyValue, type ObserveCall } from './etcd.ts'
import { createLeasePool } from './lease-pool.ts'
import type { KeyValueStore } from './key-value.ts'
import type { StoreDependencies } from './resource-store.ts'
import { EventHub } from './watch-cache/event-hub.ts'

const pem = (file: string): string | undefined => (file === '' ? undefined : readFileSync(file, 'utf8'))

/** How long the store may take to answer at all before we give up, as upstream does. */
const startTimeoutMs = 20_000

/** Tries until the store answers: both are often started together. Throws its last error when time is over. */
const whenAnswering = async (ask: () => Promise<void>, signal: AbortSignal): Promise<void> => {
  const backoff = new Backoff({ initialMs: 20, maxMs: 500 })
  const deadline = realClock.now() + startTimeoutMs
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (signal.aborted || realClock.now() > deadline) throw error
      await sleep(backoff.next(), signal)
    }
  }
}

/** Connects, waiting for a store that is still starting. */
export const openStore = async (
  config: Config,
  observe: ObserveCall,
  log: Logger,
  signal: AbortSignal,
  encryption?: Encryption,
): Promise<StoreDependencies> => {
  const { servers, caFile, certFile, keyFile } = config.etcd
  const client = new EtcdClient({
    endpoints: servers.map((server) => (server.includes('://') ? server : `http://${server}`)),
    tls: () => ({ ca: pem(caFile), cert: pem(certFile), key: pem(keyFile) }),
  })
  const plain = createEtcdKeyValue(client, config.etcdPrefix, observe)
  const store = encryption === undefined ? plain : encrypted(plain, config.etcdPrefix, encryption)
  const hub = new EventHub(store, config.etcdPrefix, log)
  await whenAnswering(() => hub.start(signal), signal)
  return {
    store,
    hub,
    leases: createLeasePool((seconds) => store.grantLease(seconds), realClock),
    currentRevision: createRevisionReader(() => store.currentRevision()),
  }
}

const encrypted = (store: KeyValueStore, root: string, encryption: Encryption): KeyValueStore => {
  const resourceOf = createResourceOfKey(root)
  return encryptedStore(store, (key) => encryption.transformerOf(resourceOf(key)))
}
