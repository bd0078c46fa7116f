import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { EtcdClient } from '../component-base/etcd/client.ts'
import type { WatchResponse } from '../component-base/etcd/watch-messages.ts'
import { type Listener, listen } from '../component-base/grpc/listener.ts'
import { GrpcError } from '../component-base/grpc/status.ts'
import { createLogger } from '../component-base/logging/logger.ts'
import { createEtcdMetrics } from './metrics/metrics.ts'
import { parseOptions } from './options.ts'
import { openEtcdServer } from './server.ts'

const bytes = (text: string): Buffer => Buffer.from(text)

interface Running extends AsyncDisposable {
  readonly client: EtcdClient
  readonly listener: Listener
}

const start = async (...flags: string[]): Promise<Running> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'etcd-lite-wire-'))
  const metrics = createEtcdMetrics()
  const server = await openEtcdServer({
    config: parseOptions(['--data-dir', dataDir, ...flags]),
    log: createLogger('etcd-test'),
    metrics,
    onHttpStream: (stream) => stream.close(),
    onFailed: (err) => assert.fail(String(err)),
  })
  const listener = await listen({ host: '127.0.0.1', port: 0, http2: server.grpc, http1: () => {} })
  const client = new EtcdClient({ endpoints: [`http://127.0.0.1:${listener.port}`] })
  return {
    client,
    listener,
    [Symbol.asyncDispose]: async () => {
      client.close()
      await listener.close(0)
      await server[Symbol.asyncDispose]()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

const next = async (responses: AsyncIterator<WatchResponse>): Promise<WatchResponse> => {
  const { value } = await responses.next()
  assert.ok(value)
  return value as WatchResponse
}

describe('the watch stream', () => {
  it('tells how far it is when asked, after everything before that', async () => {
    await using running = await start()
    const { client } = running
    await client.put({ key: bytes('a'), value: bytes('1') })
    const controller = new AbortController()
    const stream = client.openWatch(controller.signal)
    const responses = stream.responses[Symbol.asyncIterator]()
    stream.write({ createRequest: { key: bytes('a'), rangeEnd: bytes('b'), startRevision: 1 } })
    assert.equal((await next(responses)).created, true)
    await client.put({ key: bytes('other'), value: bytes('1') })
    stream.write({ progressRequest: {} })
    assert.deepEqual(
      (await next(responses)).events.map(({ kv }) => kv?.modRevision),
      [2],
    )
    const { watchId, header, events } = await next(responses)
    assert.deepEqual([watchId, header?.revision, events.length], [-1n, 3, 0])
    controller.abort()
  })

  it('notifies idle watches of progress by itself', async () => {
    await using running = await start('--experimental-watch-progress-notify-interval=30ms')
    const { client } = running
    const controller = new AbortController()
    const responses = client.watch({ key: bytes('a'), progressNotify: true }, controller.signal)
    assert.equal((await next(responses)).created, true)
    await client.put({ key: bytes('other'), value: bytes('1') })
    let seen = 0
    while (seen < 2) {
      const { header, events, watchId } = await next(responses)
      assert.deepEqual([events.length, watchId], [0, 0n])
      seen = header?.revision ?? 0
    }
    controller.abort()
  })

  it('carries many watches, and ends one without the others', async () => {
    await using running = await start()
    const { client } = running
    const controller = new AbortController()
    const stream = client.openWatch(controller.signal)
    const responses = stream.responses[Symbol.asyncIterator]()
    stream.write({ createRequest: { key: bytes('a') } })
    stream.write({ createRequest: { key: bytes('a'), watchId: 7n } })
    stream.write({ createRequest: { key: bytes('a'), watchId: 7n } })
    const created = [await next(responses), await next(responses), await next(responses)]
    assert.deepEqual(
      created.map(({ watchId, canceled }) => [watchId, canceled]),
      [
        [0n, false],
        [7n, false],
        [-1n, true],
      ],
    )
    stream.write({ cancelRequest: { watchId: 0n } })
    assert.deepEqual([(await next(responses)).canceled], [true])
    await client.put({ key: bytes('a'), value: bytes('1') })
    assert.equal((await next(responses)).watchId, 7n)
    controller.abort()
  })

  it('cuts a large response into fragments when asked to', async () => {
    await using running = await start()
    const { client } = running
    const value = Buffer.alloc(400_000, 'x')
    const keys = ['a', 'b', 'c', 'd', 'e', 'f']
    for (const key of keys) await client.put({ key: bytes(key), value })
    const everything = { key: bytes('a'), rangeEnd: bytes('z') }
    const { header } = await client.deleteRange(everything)
    const controller = new AbortController()
    const watch = client.watch(
      { ...everything, startRevision: header?.revision ?? 0, prevKv: true, fragment: true },
      controller.signal,
    )
    assert.equal((await next(watch)).created, true)
    const parts = [await next(watch), await next(watch)]
    assert.deepEqual(
      parts.map(({ fragment }) => fragment),
      [true, false],
    )
    assert.deepEqual(
      parts.flatMap(({ events }) => events.map(({ kv }) => String(kv?.key))),
      keys,
    )
    controller.abort()
  })
})

describe('requests that are refused', () => {
  it('get etcd’s codes and words', async () => {
    await using running = await start('--max-request-bytes=1000')
    const { client } = running
    await client.put({ key: bytes('a'), value: bytes('1') })
    await client.put({ key: bytes('a'), value: bytes('2') })
    await client.compact({ revision: 3, physical: true })
    const put = { requestPut: { key: bytes('a'), value: bytes('1') } }
    const cases: [() => Promise<unknown>, number, string][] = [
      [() => client.range({}), 3, 'etcdserver: key is not provided'],
      [
        () => client.range({ key: bytes('a'), revision: 2 }),
        11,
        'etcdserver: mvcc: required revision has been compacted',
      ],
      [
        () => client.range({ key: bytes('a'), revision: 9 }),
        11,
        'etcdserver: mvcc: required revision is a future revision',
      ],
      [() => client.txn({ success: [put, put] }), 3, 'etcdserver: duplicate key given in txn request'],
      [
        () => client.txn({ success: Array.from({ length: 129 }, () => put) }),
        3,
        'etcdserver: too many operations in txn request',
      ],
      [() => client.put({ key: bytes('a'), lease: 5n }), 5, 'etcdserver: requested lease not found'],
      [() => client.put({ key: bytes('a'), value: Buffer.alloc(1001) }), 3, 'etcdserver: request is too large'],
      [() => client.leaseRevoke(5n), 5, 'etcdserver: requested lease not found'],
      [() => client.range({ key: bytes('a'), sortOrder: 9 }), 3, 'etcdserver: invalid sort option'],
    ]
    for (const [call, code, details] of cases) {
      await assert.rejects(call(), (err) => {
        assert.ok(err instanceof GrpcError)
        assert.deepEqual([err.code, err.details], [code, details])
        return true
      })
    }
  })

  it('are puts when the quota is reached; reads and deletes still work, and space can be won back', async () => {
    await using running = await start('--quota-backend-bytes=200000')
    const { client } = running
    let failure: unknown
    for (let i = 0; i < 1000 && failure === undefined; i++) {
      const value = Buffer.from(Array.from({ length: 2000 }, () => Math.floor(Math.random() * 256)))
      await client.put({ key: bytes(`k${i}`), value }).catch((err: unknown) => {
        failure = err
      })
    }
    assert.ok(failure instanceof GrpcError)
    assert.equal(failure.details, 'etcdserver: mvcc: database space exceeded')
    assert.match((await client.status()).errors[0] ?? '', /alarm:NOSPACE/)
    assert.equal((await client.range({ key: bytes('k0') })).count, 1)
    assert.equal((await client.deleteRange({ key: bytes('k0') })).deleted, 1)
  })
})
