/** Requests while a real etcd cluster has no leader: reads wait until it has one, writes say what is wrong. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KubeObject } from '../../api/types.ts'
import { leaderOf } from '../harness/cluster-store.ts'
import { type Answer, createHttp, pkiCredentials } from '../harness/http.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const collection = '/api/v1/namespaces/default/configmaps'

describe('an API server whose store loses its leader', { timeout: 200_000 }, () => {
  const running = useCluster({ store: 'etcd-cluster' })

  it('answers every read, and no write that it acknowledged is lost', async () => {
    const cluster = running()
    const http = createHttp(cluster, pkiCredentials(cluster, 'admin'))
    assert.equal((await http(collection, { method: 'POST', body: { metadata: { name: 'read' } } })).code, 201)
    let stopped = false
    const until = async (work: (index: number) => Promise<unknown>): Promise<void> => {
      for (let index = 0; !stopped; index++) await work(index)
    }
    const reads: Answer[] = []
    const writes = new Map<string, Answer>()
    const paths = [`${collection}/read`, `${collection}?limit=1`, '/api/v1/nodes']
    const working = Promise.all([
      ...paths.map((path) => until(async () => reads.push(await http(path)))),
      until(async (index) => {
        const name = `written-${index}`
        writes.set(name, await http(collection, { method: 'POST', body: { metadata: { name } } }))
      }),
    ])
    const etcd = cluster.store?.etcd
    assert.ok(etcd !== undefined)
    for (let round = 0; round < 2; round++) {
      const lost = await leaderOf(etcd)
      await lost.kill()
      const [before, written] = [reads.length, writes.size]
      await waitFor(() => reads.length >= before + 30 && writes.size >= written + 10, { what: 'answers without it' })
      await lost.start()
    }
    stopped = true
    await working

    const failed = reads.filter(({ code }) => code !== 200)
    assert.deepEqual(
      failed.map(({ code, text }) => `${code} ${text}`),
      [],
    )
    const { json } = await http(collection)
    const stored = new Set((json['items'] as KubeObject[]).map(({ metadata }) => metadata?.name))
    for (const [name, { code, status }] of writes) {
      if (code === 201) assert.ok(stored.has(name), `${name} was acknowledged`)
      else {
        // Upstream has no reason for these; kubectl shows the text alone.
        assert.deepEqual([code, status.reason], [500, undefined])
        assert.match(status.message ?? '', /^(etcdserver: |rpc error: code = Unavailable desc = )/)
      }
    }
    assert.ok([...writes.values()].some(({ code }) => code === 201))
  })
})
