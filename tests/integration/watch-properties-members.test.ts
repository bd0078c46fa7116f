/** The promises of `watch-properties.test.ts` on a real etcd of three members that lose their leader. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { namespaces as namespaceResource } from '../../api/resources.ts'
import { leaderOf } from '../harness/cluster-store.ts'
import { runSeed } from '../harness/seeded-random.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { freeze } from './watch-properties/servers.ts'
import { namespaces, setStage } from './watch-properties/stage.ts'

const seed = runSeed()

describe('watches on an etcd cluster of three', { timeout: 300_000 }, () => {
  const running = useCluster({ store: 'etcd-cluster' }, async ({ client }) => {
    for (const name of namespaces) await client.create(namespaceResource, { metadata: { name } })
  })

  const leader = async () => {
    const etcd = running().store?.etcd
    assert.ok(etcd !== undefined)
    return leaderOf(etcd)
  }

  it('tell what happened though the leader is killed and comes back', async () => {
    await using stage = await setStage(running(), seed)
    await stage.progress(100)
    const lost = await leader()
    await lost.kill()
    await stage.progress(100)
    await lost.start()
    await stage.progress(100)
    assert.deepEqual(await stage.finish(), [], `KUBETS_SEED=${seed}`)
  })

  it('tell what happened though the leader hangs until there is another', async () => {
    await using stage = await setStage(running(), seed + 1)
    await stage.progress(100)
    const pid = (await leader()).pid()
    assert.ok(pid !== undefined)
    await freeze(pid, 3_000)
    await stage.progress(100)
    assert.deepEqual(await stage.finish(), [], `KUBETS_SEED=${seed + 1}`)
  })
})
