import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startEtcd } from '../harness/etcd.ts'
import type { EtcdKind } from '../harness/etcd-process.ts'
import { waitFor } from '../harness/wait.ts'

const bytes = (text: string): Buffer => Buffer.from(text)

describe('our etcd client', () => {
  it('goes on when one of three real members is lost', async () => {
    await using etcd = await startEtcd({ kind: 'etcd', members: 3 })
    const [first] = etcd.members
    assert.ok(first)
    await etcd.client.put({ key: bytes('a'), value: bytes('1') })
    await first.kill()
    const { kvs } = await waitFor(() => etcd.client.range({ key: bytes('a') }), { what: 'an answer of the other two' })
    assert.equal(String(kvs[0]?.value), '1')
    await first.start()
    assert.match((await etcd.etcdctl('member', 'list')).stdout, /m0.*\n.*m1.*\n.*m2|started/)
  })

  for (const kind of ['etcd', 'etcd-lite'] satisfies EtcdKind[]) {
    it(`and etcdctl reach ${kind} by mutual TLS, before and after kill -9`, async () => {
      await using etcd = await startEtcd({ kind, tls: 'mutual' })
      await etcd.client.put({ key: bytes('a'), value: bytes('1') })
      await etcd.restart()
      const { kvs } = await waitFor(() => etcd.client.range({ key: bytes('a') }), { what: 'an answer' })
      assert.equal(String(kvs[0]?.value), '1')
      assert.deepEqual(await etcd.etcdctl('get', 'a'), { code: 0, stdout: 'a\n1\n', stderr: '' })
    })
  }
})
