/** etcdctl as its users use it, with the real etcd's output as the measure. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Both, scrub, startBoth } from './both.ts'

describe('etcdctl', () => {
  let both: Both

  before(async () => {
    both = await startBoth()
    for (const [key, value] of [
      ['p/a', '3'],
      ['p/b', '1'],
      ['p/c', '2'],
      ['q', 'x y\nz'],
      ['p/b', '4'],
    ] as const) {
      await both.run('put', key, value)
    }
  })

  after(() => both[Symbol.asyncDispose]())

  it('puts, with all options', async () => {
    await both.run('put', 'k', '1')
    await both.run('put', 'k', '2', '--prev-kv')
    await both.run('put', 'k', '--ignore-value')
    await both.run('put', 'k', '3', '--ignore-lease')
    await both.run('put', 'k', '4', '--prev-kv', '-w', 'json')
    await both.sameWith({ input: 'from standard input' }, 'put', 'k')
    await both.run('put', '--', '-dashed', '--value')
    for (const args of [
      ['put', 'absent', '--ignore-value'],
      ['put', 'absent', 'x', '--ignore-lease'],
      ['put', 'k', 'x', '--ignore-value'],
      ['put', 'k', 'x', '--lease=1234'],
      ['put', 'k', 'x', '--lease=zz'],
      ['put', '', 'x'],
      ['put'],
    ]) {
      const { code } = await both.same(...args)
      assert.notEqual(code, 0, args.join(' '))
    }
  })

  for (const format of ['simple', 'json', 'fields']) {
    it(`gets, with all options, as ${format}`, async () => {
      const get = (...args: readonly string[]): Promise<void> => both.run('get', '-w', format, ...args)
      await get('p/a')
      await get('absent')
      await get('p/', '--prefix')
      await get('p/b', '--from-key')
      await get('p/a', 'p/c')
      await get('', '--prefix')
      await get('p/', '--prefix', '--limit=2')
      for (const [target, order] of [
        ['CREATE', 'DESCEND'],
        ['KEY', 'DESCEND'],
        ['MODIFY', 'ASCEND'],
        ['VALUE', 'ASCEND'],
        ['VERSION', 'DESCEND'],
      ]) {
        await get('p/', '--prefix', `--sort-by=${target}`, `--order=${order}`)
      }
      await get('p/', '--prefix', '--keys-only')
      await get('p/b', '--rev=3')
      await get('p/', '--prefix', '--rev=2')
      await get('p/', '--prefix', '--consistency=s')
      await get('q', '--hex')
    })
  }

  it('prints values only, and refuses what does not go together', async () => {
    await both.run('get', 'p/', '--prefix', '--print-value-only')
    await both.same('get', 'p/', '--prefix', '--from-key')
    await both.same('get', 'p/', '--rev=99999')
    await both.same('get', 'p/', '--sort-by=nothing')
    await both.same('get', 'p/', '-w', 'table')
  })

  it('gets as protobuf', async () => {
    const answers = await Promise.all(
      [both.etcd, both.lite].map(async (server) => {
        const { stdout } = await server.etcdctl('get', 'p/', '--prefix', '-w', 'protobuf')
        return stdout
      }),
    )
    for (const text of answers) assert.match(text, /p\/a/)
    // Identities are binary and do not survive as text: it is the end, with the keys, that must be alike.
    const keys = (text: string): string => text.slice(text.indexOf('p/a'))
    assert.equal(keys(answers[1] ?? ''), keys(answers[0] ?? ''))
  })

  it('deletes one key, a range, a prefix, from a key on, and shows what was there', async () => {
    for (const key of ['d1', 'd2', 'd3', 'd4', 'd5', 'd6']) await both.run('put', key, `value of ${key}`)
    await both.run('del', 'd1', '--prev-kv')
    await both.run('del', 'd2', 'd4')
    await both.run('del', 'absent')
    await both.run('del', 'd', '--prefix', '--prev-kv', '-w', 'json')
    await both.run('put', 'zz1', '1')
    await both.run('del', 'zz', '--from-key')
    await both.same('del', 'd', '--prefix', '--from-key')
    await both.same('del')
  })

  it('runs transactions from standard input, with every kind of compare', async () => {
    await both.run('put', 't', '5')
    const conditions = [
      'value("t") = "5"',
      'val("t") > "4"',
      'val("t") < "6"',
      'val("t") != "5"',
      'mod("t") > "1"',
      'm("t") = "0"',
      'create("t") != "0"',
      'c("t") < "1"',
      'version("t") = "1"',
      'ver("absent") = "0"',
    ]
    for (const condition of conditions) {
      const input = `${condition}\n\nput yes "1"\nget t\ndel no\n\nget t p/a\nput no "1"\n\n`
      assert.equal((await both.sameWith({ input }, 'txn')).code, 0, condition)
    }
    const input = 'ver("t") = "1"\n\nget t p/a\nput yes "2"\n\nget t\n\n'
    for (const args of [['--interactive'], ['-w', 'json'], ['-w', 'fields']]) {
      await both.sameWith({ input }, 'txn', ...args)
    }
    for (const wrong of ['\nput a 1\nput a 2\n\n\n', '\nnothing\n\n\n']) {
      assert.notEqual((await both.sameWith({ input: wrong }, 'txn')).code, 0, wrong)
    }
  })

  it('grants, lists, shows and revokes leases', async () => {
    const [etcdId, liteId] = await Promise.all(
      [both.etcd, both.lite].map(async ({ etcdctl }) => {
        const { stdout } = await etcdctl('lease', 'grant', '300')
        const id = /^lease ([0-9a-f]{16}) granted with TTL\(300s\)\n$/.exec(stdout)?.[1]
        assert.ok(id, stdout)
        return id
      }),
    )
    assert.ok(etcdId !== undefined && liteId !== undefined)
    const sameLease = async (...args: readonly string[]): Promise<void> => {
      const answers = await Promise.all([
        both.etcd.etcdctl(...args.map((arg) => arg.replace('LEASE', etcdId))),
        both.lite.etcdctl(...args.map((arg) => arg.replace('LEASE', liteId))),
      ])
      const [fromEtcd, fromLite] = answers.map(({ code, stdout, stderr }) =>
        scrub([code, stdout, stderr].join('\n')).replaceAll(/remaining\(\w+\)/g, 'remaining'),
      )
      assert.equal(fromLite, fromEtcd, args.join(' '))
    }
    await sameLease('put', 'leased', '1', '--lease=LEASE')
    await sameLease('lease', 'list')
    await sameLease('lease', 'timetolive', 'LEASE')
    await sameLease('lease', 'timetolive', 'LEASE', '--keys')
    await sameLease('lease', 'keep-alive', 'LEASE', '--once')
    await sameLease('get', 'leased')
    await sameLease('lease', 'revoke', 'LEASE')
    await sameLease('lease', 'revoke', 'LEASE')
    await sameLease('lease', 'timetolive', 'LEASE')
    await sameLease('lease', 'keep-alive', 'LEASE')
    await sameLease('lease', 'list')
    await sameLease('get', 'leased')
    await both.same('lease', 'grant', 'x')
    await both.same('lease', 'grant', '9000000001')
    await both.run('lease', 'grant', '60', '-w', 'json')
  })

  it('keeps a lease alive until it is revoked', async () => {
    for (const { etcdctl, startEtcdctl } of [both.etcd, both.lite]) {
      const id = /lease ([0-9a-f]+) /.exec((await etcdctl('lease', 'grant', '2')).stdout)?.[1] ?? ''
      await using command = startEtcdctl('lease', 'keep-alive', id)
      await command.until(/(keepalived with TTL\(2\)[^]*){3}/)
      await etcdctl('lease', 'revoke', id)
      const { code, stdout } = await command.ended
      assert.deepEqual([code, stdout.trim().split('\n').at(-1)], [0, `lease ${id} expired or revoked.`])
    }
  })

  it('compacts, also physically, and tells what is gone', async () => {
    await both.run('compaction', '4')
    await both.same('compaction', '4')
    await both.same('compaction', '99999')
    await both.same('compaction', 'x')
    await both.run('compaction', '5', '--physical')
    await both.same('get', 'p/a', '--rev=3')
    await both.run('get', 'p/a', '--rev=5')
    await both.same('watch', 'p/a', '--rev=2')
  })
})
