/** etcdctl commands that go on for a while (watch, lock, elect, make-mirror), and those that look at the server. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { runCommand } from '../harness/command.ts'
import { startEtcd } from '../harness/etcd.ts'
import { waitFor } from '../harness/wait.ts'
import { type Both, scrub, startBoth } from './both.ts'

describe('etcdctl watch', () => {
  let both: Both

  before(async () => {
    both = await startBoth()
  })

  after(() => both[Symbol.asyncDispose]())

  it('shows what happened from a revision on, and what happens', async () => {
    await both.run('put', 'w/a', '1')
    await both.run('put', 'w/b', '2')
    await both.run('del', 'w/a')
    const output = await both.converse(['watch', 'w/', '--prefix', '--rev=2', '--prev-kv'], async (watch, server) => {
      await watch.until(/DELETE/)
      await server.etcdctl('put', 'w/c', '3')
      await server.etcdctl('put', 'w/b', 'last')
      await watch.until(/\nlast\n/)
    })
    assert.match(output, /PUT\nw\/a\n1\n.*PUT\nw\/b\n2\n.*DELETE/s)
  })

  it('speaks JSON and fields, and knows ranges', async () => {
    const { stdout } = await both.same('get', 'w/', '--prefix', '-w', 'json')
    assert.ok(stdout.length > 0)
    for (const format of ['json', 'fields']) {
      await both.converse(['watch', 'w/a', 'w/c', '--rev=2', '-w', format], async (watch, server) => {
        await watch.until(/last|bGFzdA/)
        await server.etcdctl('del', 'w/c') // outside of the range
      })
      await both.same('get', 'w/', '--prefix')
    }
  })

  it('holds several watches in one session', async () => {
    await both.converse(['watch', '--interactive'], async (session, server) => {
      session.type('watch i/a\n')
      session.type('watch i/b i/d --prev-kv\n')
      session.type('progress\n')
      await session.until(/progress notify/)
      await server.etcdctl('put', 'i/a', 'first')
      await session.until(/first\n/)
      await server.etcdctl('put', 'i/c', 'second')
      await session.until(/second\n/)
      await server.etcdctl('put', 'i/z', 'unseen')
      await server.etcdctl('put', 'i/b', 'third')
      await session.until(/third\n/)
    })
  })

  it('runs a command for every event', async () => {
    const script = 'echo "$ETCD_WATCH_EVENT_TYPE $ETCD_WATCH_KEY $ETCD_WATCH_VALUE $ETCD_WATCH_REVISION"'
    await both.run('put', 'x/1', 'first')
    await both.converse(['watch', 'x/', '--prefix', '--rev=1', '--', 'sh', '-c', script], async (watch, server) => {
      await watch.until(/"x\/1" "first" \d+\n/)
      await server.etcdctl('del', 'x/1')
      await watch.until(/"DELETE" "x\/1" .*\d+\n/)
    })
  })
})

describe('etcdctl lock and elect', () => {
  it('let one after the other in', async () => {
    await using server = await startEtcd({ kind: 'etcd-lite' })
    const { code, stdout, stderr } = await server.etcdctl(
      'lock',
      'mutex',
      '--',
      'sh',
      '-c',
      'echo "$ETCD_LOCK_KEY $ETCD_LOCK_REV"',
    )
    assert.equal(code, 0, stderr)
    assert.match(stdout, /^mutex\/[0-9a-f]+ \d+\n$/)
    await using first = server.startEtcdctl('lock', 'mutex')
    await first.until(/^mutex\//)
    await using second = server.startEtcdctl('lock', 'mutex', 'echo', 'second is in')
    await waitFor(
      async () =>
        (await server.etcdctl('get', 'mutex/', '--prefix', '--keys-only')).stdout.match(/mutex\//g)?.length === 2,
      { what: 'the second to queue' },
    )
    assert.equal(second.stdout(), '')
    first.child.kill('SIGTERM')
    assert.deepEqual((await second.ended).stdout, 'second is in\n')
    assert.equal((await server.etcdctl('get', 'mutex/', '--prefix')).stdout, '')
  })

  it('elect a leader, tell who it is, and elect the next', async () => {
    await using server = await startEtcd({ kind: 'etcd-lite' })
    await using observer = server.startEtcdctl('elect', 'job', '--listen')
    await using first = server.startEtcdctl('elect', 'job', 'alice')
    await first.until(/^job\/[0-9a-f]+\nalice\n$/)
    await observer.until(/alice/)
    await using second = server.startEtcdctl('elect', 'job', 'bob')
    await waitFor(
      async () => (await server.etcdctl('get', 'job/', '--prefix', '--keys-only')).stdout.match(/job\//g)?.length === 2,
      { what: 'the second candidate' },
    )
    assert.equal(second.stdout(), '')
    first.child.kill('SIGINT')
    await second.until(/bob/)
    await observer.until(/bob/)
  })
})

describe('etcdctl make-mirror', () => {
  it('copies what is there and what comes', async () => {
    await using source = await startEtcd({ kind: 'etcd-lite' })
    await using destination = await startEtcd({ kind: 'etcd-lite' })
    for (const key of ['m/1', 'm/2', 'other']) await source.etcdctl('put', key, `value of ${key}`)
    await using mirror = source.startEtcdctl(
      'make-mirror',
      '--prefix=m/',
      '--dest-prefix=copy/',
      '--no-dest-prefix=false',
      destination.endpoint.replace('http://', ''),
    )
    const copied = async (): Promise<string> => (await destination.etcdctl('get', '', '--prefix')).stdout
    await waitFor(async () => (await copied()) === 'copy/1\nvalue of m/1\ncopy/2\nvalue of m/2\n', { what: 'the copy' })
    await source.etcdctl('put', 'm/3', 'new')
    await source.etcdctl('del', 'm/1')
    await waitFor(async () => (await copied()) === 'copy/2\nvalue of m/2\ncopy/3\nnew\n', { what: 'the changes' })
    assert.equal(mirror.child.exitCode, null, mirror.stderr())
  })
})

describe('etcdctl about the server', () => {
  let both: Both

  before(async () => {
    both = await startBoth()
    for (let i = 0; i < 5; i++) await both.run('put', `k${i % 2}`, `${i}`)
    await both.run('del', 'k0')
  })

  after(() => both[Symbol.asyncDispose]())

  it('says that it is healthy', async () => {
    for (const format of ['simple', 'json', 'table']) {
      const { code, stdout, stderr } = await both.lite.etcdctl('endpoint', 'health', '-w', format)
      assert.equal(code, 0, stderr)
      assert.match(`${stdout}${stderr}`, /is healthy|"health":true|true/)
    }
    const dead = await runCommand('etcdctl', ['--endpoints=http://127.0.0.1:1', 'endpoint', 'health'])
    assert.equal(dead.code, 1)
  })

  it('shows the same history by hash, before and after a compaction', async () => {
    const hashes = async (): Promise<(string | undefined)[]> =>
      Promise.all(
        [both.etcd, both.lite].map(async ({ etcdctl }) => (await etcdctl('endpoint', 'hashkv')).stdout.split(', ')[1]),
      )
    const [etcdHash, liteHash] = await hashes()
    assert.match(etcdHash ?? '', /^\d+\n$/)
    assert.equal(liteHash, etcdHash)
    await both.run('compaction', '5', '--physical')
    const [etcdCompacted, liteCompacted] = await hashes()
    assert.equal(liteCompacted, etcdCompacted)
    assert.notEqual(liteCompacted, liteHash)
    for (const format of ['json', 'table']) {
      assert.equal((await both.lite.etcdctl('endpoint', 'hashkv', '-w', format)).code, 0)
    }
  })

  it('shows its state and its only member in every format', async () => {
    for (const format of ['simple', 'json', 'fields', 'table']) {
      const status = await both.lite.etcdctl('endpoint', 'status', '-w', format)
      assert.equal(status.code, 0, status.stderr)
      assert.match(status.stdout, /3\.5\.\d+/)
    }
    await both.run('member', 'list')
    await both.run('member', 'list', '-w', 'json')
    await both.run('member', 'list', '-w', 'table')
  })

  it('moves the leadership no further than etcd does', async () => {
    const answers = await Promise.all(
      [both.etcd, both.lite].map(async ({ etcdctl }) => {
        const id = /^([0-9a-f]+), started/.exec((await etcdctl('member', 'list')).stdout)?.[1] ?? ''
        const { code, stdout, stderr } = await etcdctl('move-leader', id)
        return scrub([code, stdout, stderr].join('\n'))
      }),
    )
    assert.equal(answers[1], answers[0])
    const { code } = await both.same('move-leader', '1234')
    assert.notEqual(code, 0)
  })

  it('stands etcd’s own checks', { timeout: 180_000 }, async () => {
    const scale = await both.lite.etcdctlWith(
      { timeoutMs: 100_000 },
      'check',
      'datascale',
      '--load=s',
      '--auto-compact',
    )
    assert.match(`${scale.stdout}${scale.stderr}`, /PASS/)
    const perf = await both.lite.etcdctlWith({ timeoutMs: 100_000 }, 'check', 'perf', '--load=s')
    assert.match(perf.stdout, /PASS: Throughput is \d+ writes\/s/)
  })
})
