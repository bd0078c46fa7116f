/** An API server on a real etcd cluster that loses members: the one it talks to, and the one that leads. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { configMaps, namespaces } from '../../api/resources.ts'
import { startCluster, type TestCluster } from '../harness/cluster.ts'
import { leaderOf } from '../harness/cluster-store.ts'
import type { EtcdMember } from '../harness/etcd-process.ts'
import type { TestEtcd } from '../harness/etcd.ts'
import { waitFor } from '../harness/wait.ts'

const namespace = 'members'

describe('the API server on an etcd cluster of three', { timeout: 170_000 }, () => {
  let cluster: TestCluster
  let etcd: TestEtcd
  before(async () => {
    cluster = await startCluster({ store: 'etcd-cluster' })
    assert.ok(cluster.store !== undefined)
    etcd = cluster.store.etcd
    await cluster.client.create(namespaces, { metadata: { name: namespace } })
  })
  after(() => cluster[Symbol.asyncDispose]())

  /** Creates objects until told to end; `acknowledged` gets the names of those that were. */
  const write = async (prefix: string, acknowledged: string[], signal: AbortSignal): Promise<void> => {
    for (let n = 0; !signal.aborted; n++) {
      const name = `${prefix}-${n}`
      try {
        await cluster.client.create(configMaps, { metadata: { namespace, name } })
        acknowledged.push(name)
      } catch {
        await delay(50) // in doubt; the next one has another name
      }
    }
  }

  /** `names` gets what a watcher hears of, over all watches that it takes. */
  const watch = async (resourceVersion: string, names: string[], signal: AbortSignal): Promise<void> => {
    let from = resourceVersion
    while (!signal.aborted) {
      try {
        for await (const { type, object } of cluster.client.watch(
          configMaps,
          { namespace, resourceVersion: from },
          signal,
        )) {
          assert.equal(type, 'ADDED')
          from = object.metadata?.resourceVersion ?? from
          names.push(object.metadata?.name ?? '')
        }
      } catch (err) {
        if (err instanceof assert.AssertionError) throw err
        await delay(50)
      }
    }
  }

  const losses: readonly { readonly name: string; readonly member: () => Promise<EtcdMember | undefined> }[] = [
    { name: 'the member it talks to', member: async () => etcd.members[0] },
    { name: 'the leader', member: () => leaderOf(etcd) },
    { name: 'the new leader', member: () => leaderOf(etcd) },
  ]
  for (const [index, { name, member }] of losses.entries()) {
    it(`goes on without ${name}, with every acknowledged object and no event twice or missing`, async () => {
      const { client } = cluster
      const start = await client.list(configMaps, { namespace, limit: 1 })
      const [writing, watching] = [new AbortController(), new AbortController()]
      const acknowledged: string[] = []
      const seen: string[] = []
      const written = write(`l${index}`, acknowledged, writing.signal)
      const watched = watch(start.metadata.resourceVersion, seen, watching.signal)
      const progress = (): Promise<unknown> => {
        const count = acknowledged.length + 20
        return waitFor(() => acknowledged.length >= count, { what: `${count} acknowledged objects` })
      }
      await progress()
      const lost = await member()
      assert.ok(lost !== undefined)
      await lost.kill()
      await progress()
      await lost.start()
      await progress()
      writing.abort()
      await written
      const last = `last-${index}`
      await waitFor(() => client.create(configMaps, { metadata: { namespace, name: last } }), { what: 'a write' })
      await waitFor(() => seen.includes(last), { what: 'the last event' })
      watching.abort()
      await watched
      const stored = await waitFor(() => client.list(configMaps, { namespace }), { what: 'a list' })
      const names = new Set(stored.items.map(({ metadata }) => metadata?.name))
      for (const object of acknowledged) assert.ok(names.has(object), `the acknowledged ${object} is lost`)
      const ofThisRound = [...names].filter((object) => object?.startsWith(`l${index}-`))
      const events = seen.filter((object) => object.startsWith(`l${index}-`))
      assert.deepEqual(new Set(events), new Set(ofThisRound))
      assert.equal(events.length, ofThisRound.length, 'an event came twice')
    })
  }
})
