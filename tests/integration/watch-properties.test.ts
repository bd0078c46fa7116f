/**
 * What every watch promises, whatever happens to the servers meanwhile: the state that it begins with and the events
 * that follow are what happened, all of it, once, in order; a bookmark never promises what was not told; a client goes
 * on from any event or bookmark, at any server. Checked against the store's own history.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { namespaces as namespaceResource } from '../../api/resources.ts'
import type { KubeObject } from '../../api/types.ts'
import { type Answer, createHttpTo } from '../harness/http.ts'
import { runSeed } from '../harness/seeded-random.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'
import { freeze, killAndRestart, pidOf, startAnotherApiServer, startRelay } from './watch-properties/servers.ts'
import { watchSlowly } from './watch-properties/slow-client.ts'
import { identityOf, namespaces, setStage, type Stage } from './watch-properties/stage.ts'

const seed = runSeed()

const assertNoFindings = async (stage: Stage): Promise<void> => {
  const findings = await stage.finish()
  assert.deepEqual(findings, [], `KUBETS_SEED=${seed}`)
}

describe('watches of many clients', { timeout: 400_000 }, () => {
  const running = useCluster({}, async ({ client }) => {
    for (const name of namespaces) await client.create(namespaceResource, { metadata: { name } })
  })

  it('tell what happened, and nothing else', async () => {
    await using stage = await setStage(running(), seed)
    await stage.progress(300)
    await assertNoFindings(stage)
  })

  const disturbances: readonly { readonly name: string; readonly happens: () => Promise<void> }[] = [
    { name: 'the store is killed', happens: () => killAndRestart(running(), 'etcd') },
    { name: 'the store hangs for two seconds', happens: () => freeze(pidOf(running(), 'etcd'), 2_000) },
    { name: 'the API server is killed', happens: () => killAndRestart(running(), 'kube-apiserver') },
    { name: 'the API server hangs for two seconds', happens: () => freeze(pidOf(running(), 'kube-apiserver'), 2_000) },
  ]
  for (const [index, { name, happens }] of disturbances.entries()) {
    it(`tell what happened though ${name}`, async () => {
      await using stage = await setStage(running(), seed + 10 * index)
      await stage.progress(100)
      await happens()
      await stage.progress(100)
      await assertNoFindings(stage)
    })
  }

  it('tell what happened though connections are reset', async () => {
    await using relay = await startRelay(running().server)
    await using stage = await setStage(running(), seed, [relay.server])
    for (let time = 0; time < 5; time++) {
      await stage.progress(50)
      relay.cut()
    }
    await stage.progress(20)
    await assertNoFindings(stage)
  })

  it('tell what happened at either of two API servers, whichever was written to', async () => {
    await using other = await startAnotherApiServer(running())
    await using stage = await setStage(running(), seed, [running().server, other.server])
    await stage.progress(300)
    await assertNoFindings(stage)
  })

  it('and reads at one API server know at once what another has acknowledged', async () => {
    const { ca, ...identity } = identityOf(running())
    await using second = await startAnotherApiServer(running())
    const [here, there] = [running().server, second.server].map((server) => createHttpTo({ server, ca }, identity))
    assert.ok(here !== undefined && there !== undefined)
    const collection = `/api/v1/namespaces/${namespaces[0]}/configmaps`
    const revisionOf = ({ json }: Answer): number => Number((json as KubeObject).metadata?.resourceVersion)
    for (let index = 0; index < 30; index++) {
      const name = `seen-${index}`
      const created: Answer = await here(collection, { method: 'POST', body: { metadata: { name } } })
      const read: Answer = await there(`${collection}/${name}`)
      const listed: Answer = await there(`${collection}?limit=1`)
      assert.equal(revisionOf(read), revisionOf(created), read.text)
      assert.ok(revisionOf(listed) >= revisionOf(created), listed.text)
      assert.equal((await there(`${collection}/${name}`, { method: 'DELETE' })).code, 200)
      assert.equal((await here(`${collection}/${name}`)).code, 404)
    }
  })

  it('are told to begin again by an API server whose history was compacted away', async () => {
    const cluster = running()
    await using other = await startAnotherApiServer(cluster)
    await using stage = await setStage(cluster, seed, [cluster.server, other.server], [cluster.server])
    await stage.progress(100)
    const expired = (): number => stage.watchers.filter(({ log }) => log.some(({ what }) => what === 'expired')).length
    // While it hangs, its connection to the store is lost, others write, and what it would go on from is compacted.
    process.kill(other.pid, 'SIGSTOP')
    try {
      await killAndRestart(cluster, 'etcd')
      await stage.progress(100)
      using etcd = cluster.newEtcdClient()
      await etcd.compact({ revision: await stage.truth.caughtUp() })
    } finally {
      process.kill(other.pid, 'SIGCONT')
    }
    await waitFor(() => expired() > 0, { what: 'a watcher that is told 410' })
    await stage.progress(100)
    await assertNoFindings(stage)
  })

  it('wait for a client that reads late, as long as the history reaches back', async () => {
    const { told, written, endedInOrder } = await watchSlowly(running(), 'late', 40)
    assert.deepEqual(told, written)
    assert.ok(endedInOrder)
  })

  it('end in order for a client that reads too late, without a gap in what it got', async () => {
    const { told, written, endedInOrder } = await watchSlowly(running(), 'too-late', 150)
    assert.ok(told.length < written.length, 'the history is bounded')
    assert.deepEqual(told, written.slice(0, told.length))
    assert.ok(endedInOrder)
  })
})
