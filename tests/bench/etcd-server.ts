/** A store to measure, and what its process uses. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { startEtcd, type TestEtcd } from '../harness/etcd.ts'
import type { EtcdKind } from '../harness/etcd-process.ts'
import { cpuMsOf, memoryOf } from './processes.ts'

export interface BenchedStore extends AsyncDisposable {
  readonly endpoint: string
  readonly cpuMs: () => number
  readonly rssMiB: () => number
  readonly diskMiB: () => number
  /** Ends the process in order and starts it again on the same data; the seconds until it served. */
  readonly restart: () => Promise<number>
}

/** A million keys of 1 KiB do not fit into the default. */
const quotaBytes = 8 * 1024 ** 3

const allocatedBytes = (path: string): number => {
  const stats = statSync(path)
  if (!stats.isDirectory()) return stats.blocks * 512
  return readdirSync(path).reduce((sum, name) => sum + allocatedBytes(join(path, name)), 0)
}

const pidOf = (store: TestEtcd): number => {
  const pid = store.members[0]?.pid()
  if (pid === undefined) throw new Error(`${store.kind} does not run`)
  return pid
}

/** Starts an empty store on a temporary directory. */
export const startStore = async (kind: EtcdKind): Promise<BenchedStore> => {
  const store = await startEtcd({ kind, flags: [`--quota-backend-bytes=${quotaBytes}`, '--log-level=info'] })
  return {
    endpoint: store.endpoint,
    cpuMs: () => cpuMsOf(pidOf(store)),
    rssMiB: () => memoryOf(pidOf(store)).rssMiB,
    diskMiB: () => Math.round(allocatedBytes(store.members[0]?.dataDir ?? '') / 1024 ** 2),
    restart: async () => {
      await store.kill('SIGTERM')
      const before = performance.now()
      await store.restart()
      return (performance.now() - before) / 1000
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}
