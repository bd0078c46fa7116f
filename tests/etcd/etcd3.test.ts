import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Etcd3 } from 'etcd3'
import { startEtcd } from '../harness/etcd.ts'
import type { EtcdKind } from '../harness/etcd-process.ts'

/** What a user of the npm package does; returns what it saw. */
const use = async (endpoint: string): Promise<unknown[]> => {
  const client = new Etcd3({ hosts: endpoint })
  try {
    await client.put('e/a').value('1')
    await client.put('e/b').value('2')
    const seen: unknown[] = [
      await client.get('e/a').string(),
      await client.get('e/absent').string(),
      await client.getAll().prefix('e/').sort('Key', 'Descend').strings(),
      await client.getAll().prefix('e/').count(),
      await client.if('e/a', 'Value', '==', '1').then(client.put('e/a').value('3')).else(client.get('e/a')).commit(),
      await client.if('e/a', 'Version', '==', 9).then(client.delete().all()).commit(),
    ].map((answer) => JSON.parse(JSON.stringify(answer ?? null, withoutIdentity)))

    const watcher = await client.watch().prefix('e/').create()
    const events: unknown[] = []
    const enough = Promise.withResolvers<void>()
    watcher.on('put', ({ key, value }) => events.push(['put', key.toString(), value.toString()]))
    watcher.on('delete', ({ key }) => {
      events.push(['delete', key.toString()])
      enough.resolve()
    })
    await client.put('e/c').value('4')
    await client.delete().key('e/c')
    await enough.promise
    await watcher.cancel()

    const lease = client.lease(60)
    await lease.put('e/leased').value('5')
    seen.push(events, await client.get('e/leased').number())
    await lease.revoke()
    seen.push(await client.get('e/leased').exists())

    const order: string[] = []
    await Promise.all(
      ['one', 'two'].map(() =>
        client
          .lock('mutex')
          .do(async () => {
            order.push('in')
            await client.put('e/inside').value('x')
            order.push('out')
          })
          .catch((err: unknown) => order.push(String(err))),
      ),
    )
    seen.push(order.length)
    return seen
  } finally {
    client.close()
  }
}

const withoutIdentity = (name: string, value: unknown): unknown =>
  ['cluster_id', 'member_id', 'raft_term'].includes(name) ? undefined : value

describe('the npm package etcd3, on grpc-js', () => {
  it('sees the same on etcd-lite as on etcd', async () => {
    const seen: unknown[] = []
    for (const kind of ['etcd', 'etcd-lite'] satisfies EtcdKind[]) {
      await using server = await startEtcd({ kind })
      seen.push(await use(server.endpoint))
    }
    assert.deepEqual(seen[1], seen[0])
  })
})
