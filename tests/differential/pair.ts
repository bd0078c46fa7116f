/** A real etcd and etcd-lite, side by side. */
import { startEtcd } from '../harness/etcd.ts'
import type { Pair } from './compare.ts'
import { Side } from './side.ts'

/** Events may be on their way: a real etcd looks at watchers of the past ten times a second. */
export const patienceMs = 1500

export const startPair = async (...flags: readonly string[]): Promise<Pair & AsyncDisposable> => {
  const servers = await Promise.all([startEtcd({ kind: 'etcd', flags }), startEtcd({ kind: 'etcd-lite', flags })])
  const patience = { ms: patienceMs }
  const [etcd, lite] = servers.map(({ kind, endpoint }) => new Side(kind, endpoint, patience))
  if (etcd === undefined || lite === undefined) throw new Error('a server is missing')
  return {
    etcd,
    lite,
    patience,
    [Symbol.asyncDispose]: async () => {
      etcd.close()
      lite.close()
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()))
    },
  }
}
