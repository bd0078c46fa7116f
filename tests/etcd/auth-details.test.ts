/** What etcdctl does not show of auth: tokens that run out, the JSON gateway, the records, and what only 3.5 has. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Permission, Role, User } from '../../component-base/etcd/auth-messages.ts'
import type { WatchCreateRequestInit, WatchResponse } from '../../component-base/etcd/watch-messages.ts'
import { lock } from '../../component-base/etcd/concurrency-messages.ts'
import { auth, kv, lease, watch } from '../../component-base/etcd/service.ts'
import { type CallOptions, GrpcChannel } from '../../component-base/grpc/client.ts'
import { GrpcError } from '../../component-base/grpc/status.ts'
import { openLevelDb } from '../../etcd-lite/backend/leveldb.ts'
import { readAuthRecords } from '../../etcd-lite/auth/records.ts'
import { createPasswords } from '../../etcd-lite/auth/passwords.ts'
import { startEtcd } from '../harness/etcd.ts'
import type { EtcdKind } from '../harness/etcd-process.ts'
import { waitFor } from '../harness/wait.ts'

const kinds = ['etcd', 'etcd-lite'] satisfies EtcdKind[]
const bytes = (text: string): Buffer => Buffer.from(text)
const readWriteK = { permType: 2, key: bytes('k'), rangeEnd: bytes('l') }
const bearing = (token: string) => ({ metadata: { token } })

interface Running extends AsyncDisposable {
  readonly channel: GrpcChannel
  readonly endpoint: string
  readonly dataDir: string
  readonly kill: (signal: NodeJS.Signals) => Promise<void>
  /** Starts it again. */
  readonly start: () => Promise<void>
  readonly login: (name: string, password?: string) => Promise<string>
}

/** Root, and bob who may read and write what begins with k; auth is on. */
const start = async (kind: EtcdKind, ...flags: string[]): Promise<Running> => {
  const etcd = await startEtcd({ kind, flags: ['--bcrypt-cost=4', ...flags] })
  const channel = new GrpcChannel({ endpoints: [etcd.endpoint] })
  await channel.unary(auth.userAdd, { name: 'root', password: 'pw' })
  await channel.unary(auth.userGrantRole, { user: 'root', role: 'root' })
  await channel.unary(auth.userAdd, { name: 'bob', password: 'pw' })
  await channel.unary(auth.roleAdd, { name: 'k' })
  await channel.unary(auth.roleGrantPermission, { name: 'k', perm: readWriteK })
  await channel.unary(auth.userGrantRole, { user: 'bob', role: 'k' })
  await channel.unary(auth.authEnable, {})
  return {
    channel,
    endpoint: etcd.endpoint,
    dataDir: etcd.members[0]?.dataDir ?? '',
    kill: etcd.kill,
    start: async () => {
      for (const member of etcd.members) await member.start()
    },
    login: async (name, password = 'pw') => (await channel.unary(auth.authenticate, { name, password })).token,
    [Symbol.asyncDispose]: async () => {
      channel.close()
      await etcd[Symbol.asyncDispose]()
    },
  }
}

const refusal = async (call: Promise<unknown>): Promise<string> => {
  try {
    await call
  } catch (err) {
    assert.ok(err instanceof GrpcError)
    return `${err.code} ${err.details}`
  }
  return 'not refused'
}

const next = async (responses: AsyncIterator<WatchResponse>): Promise<WatchResponse> => {
  const { value } = await responses.next()
  assert.ok(value)
  return value as WatchResponse
}

for (const kind of kinds) {
  describe(`auth of ${kind}`, () => {
    it('ends a token that is not used; a watch that began with it goes on, and the next is refused', async () => {
      await using running = await start(kind, '--auth-token-ttl=1')
      const { channel, login } = running
      const token = await login('bob')
      const stream = channel.stream(watch.watch, bearing(token))
      const responses = stream.responses[Symbol.asyncIterator]()
      const create = (request: WatchCreateRequestInit): void => stream.write({ createRequest: request })
      create({ key: bytes('k') })
      assert.deepEqual([(await next(responses)).created, 'bob'], [true, 'bob'])
      // To ask with the token would renew it: another one, of the same age, is asked for with long pauses.
      const probe = await login('bob')
      let pauseMs = 1200
      await waitFor(
        async () => {
          await new Promise((resolve) => setTimeout(resolve, (pauseMs += 1000)))
          return (await refusal(channel.unary(kv.range, { key: bytes('k') }, bearing(probe)))) !== 'not refused'
        },
        { what: 'the end of an unused token' },
      )
      create({ key: bytes('k'), watchId: 7n })
      const { canceled, created, watchId, cancelReason } = await next(responses)
      assert.deepEqual(
        { canceled, created, watchId, cancelReason },
        {
          canceled: true,
          created: true,
          watchId: -1n,
          cancelReason: 'rpc error: code = Unauthenticated desc = etcdserver: invalid auth token',
        },
      )
      await channel.unary(kv.put, { key: bytes('k'), value: bytes('v') }, bearing(await login('bob')))
      assert.equal(String((await next(responses)).events[0]?.kv?.key), 'k')
      stream.cancel()
    })

    it('is held by the Lock service too', async () => {
      await using running = await start(kind)
      const { channel, login } = running
      const bob = bearing(await login('bob'))
      const { ID } = await channel.unary(lease.grant, { TTL: 60 }, bob)
      const { key } = await channel.unary(lock.lock, { name: bytes('k/lock'), lease: ID }, bob)
      assert.match(String(key), /^k\/lock\//)
      await channel.unary(lock.unlock, { key }, bob)
      const elsewhere = channel.unary(lock.lock, { name: bytes('z'), lease: ID }, bob)
      assert.equal(await refusal(elsewhere), '2 etcdserver: permission denied')
      const nobody = channel.unary(lock.lock, { name: bytes('k/lock'), lease: ID })
      assert.equal(await refusal(nobody), '2 etcdserver: user name is empty')
    })

    it('is passed through the JSON gateway', async () => {
      await using running = await start(kind)
      const post = async (path: string, body: object, token?: string): Promise<Record<string, unknown>> => {
        const headers = token === undefined ? undefined : { authorization: token }
        const response = await fetch(`${running.endpoint}${path}`, {
          method: 'POST',
          body: JSON.stringify(body),
          ...(headers === undefined ? {} : { headers }),
        })
        return (await response.json()) as Record<string, unknown>
      }
      const key = bytes('k1').toString('base64')
      const put = { key, value: key }
      assert.equal((await post('/v3/kv/put', put))['error'], 'etcdserver: user name is empty')
      const { token } = await post('/v3/auth/authenticate', { name: 'bob', password: 'pw' })
      assert.ok(typeof token === 'string')
      assert.ok('header' in (await post('/v3/kv/put', put, token)))
      const elsewhere = bytes('z').toString('base64')
      assert.equal((await post('/v3/kv/range', { key: elsewhere }, token))['error'], 'etcdserver: permission denied')
      assert.equal((await post('/v3/kv/range', { key }, 'wrong.1'))['error'], 'etcdserver: invalid auth token')
    })
  })
}

/** Makes roles, grants each to bob and deletes every second one, until the server is gone; notes what was answered. */
const changeRoles = async (running: Running, options: CallOptions, prefix: string, acks: Map<string, boolean>) => {
  const { channel } = running
  try {
    for (let n = 0; ; n++) {
      const name = `${prefix}-${n}`
      await channel.unary(auth.roleAdd, { name }, options)
      await channel.unary(auth.userGrantRole, { user: 'bob', role: name }, options)
      acks.set(name, true)
      if (n % 2 === 0) continue
      acks.delete(name) // until it is answered it may be there or not
      await channel.unary(auth.roleDelete, { role: name }, options)
      acks.set(name, false)
    }
  } catch {
    // the server is gone
  }
}

for (const kind of kinds) {
  describe(`auth of ${kind} that is killed`, () => {
    it('has every answered change after it, and no role that is half deleted', async () => {
      await using running = await start(kind)
      const { channel, login } = running
      const acks = new Map<string, boolean>()
      for (let round = 0; round < 3; round++) {
        const before = acks.size
        const root = bearing(await login('root'))
        const changing = ['a', 'b', 'c'].map((writer) => changeRoles(running, root, `${round}${writer}`, acks))
        await waitFor(() => acks.size > before + 10, { what: 'some changes' })
        await running.kill('SIGKILL')
        await Promise.all(changing)
        await running.start()
        const again = await waitFor(() => login('root'), { what: 'a token' })
        const roles = new Set((await channel.unary(auth.roleList, {}, bearing(again))).roles)
        const granted = (await channel.unary(auth.userGet, { name: 'bob' }, bearing(again))).roles
        for (const [name, exists] of acks) {
          assert.equal(roles.has(name), exists, `${name} after round ${round}`)
          assert.equal(granted.includes(name), exists, `${name} of bob after round ${round}`)
        }
        for (const name of granted) assert.ok(roles.has(name), `bob has ${name}, which is deleted`)
      }
    })
  })
}

describe('the records of etcd-lite', () => {
  it('are byte for byte what etcd has in its database', async () => {
    const noPassword = { name: 'cn', options: { noPassword: true } }
    const perms = [
      readWriteK,
      { permType: 0, key: bytes('m') },
      { permType: 1, key: bytes('x'), rangeEnd: bytes('\0') },
    ]
    const written = new Map<EtcdKind, readonly Buffer[]>()
    for (const kind of kinds) {
      await using running = await start(kind)
      const { channel, login } = running
      const root = bearing(await login('root'))
      await channel.unary(auth.userAdd, noPassword, root)
      await channel.unary(auth.userGrantRole, { user: 'cn', role: 'k' }, root)
      await channel.unary(auth.userGrantRole, { user: 'cn', role: 'root' }, root)
      await channel.unary(auth.roleAdd, { name: 'many' }, root)
      for (const perm of perms) await channel.unary(auth.roleGrantPermission, { name: 'many', perm }, root)
      await running.kill('SIGTERM')
      if (kind === 'etcd') {
        written.set(kind, [readFileSync(join(running.dataDir, 'member', 'snap', 'db'))])
        continue
      }
      const backend = await openLevelDb(join(running.dataDir, 'member', 'leveldb'))
      try {
        const records = await readAuthRecords(backend)
        assert.deepEqual(
          records.map(({ bucket, key }) => `${bucket}/${key}`),
          [
            'auth/authEnabled',
            'auth/authRevision',
            'authRoles/k',
            'authRoles/many',
            'authUsers/bob',
            'authUsers/cn',
            'authUsers/root',
          ],
        )
        // Passwords are salted: theirs cannot be the same.
        const comparable = records.filter(({ key }) => !['bob', 'root'].includes(String(key)))
        written.set(
          kind,
          comparable.map(({ key, value }) => Buffer.concat([key, value])),
        )
        const bob = records.find(({ key }) => String(key) === 'bob')
        assert.ok(bob)
        assert.match(String(User.decode(bob.value).password), /^\$2a\$04\$.{53}$/)
      } finally {
        await backend.close()
      }
    }
    const [database] = written.get('etcd') ?? []
    assert.ok(database)
    // In a page of bbolt a value follows its key.
    for (const entry of written.get('etcd-lite') ?? []) assert.ok(database.includes(entry), `etcd has no ${entry}`)
    assert.ok(database.includes(Role.encode({ name: bytes('many'), keyPermission: perms })))
  })
})

describe('what etcd 3.5 has, and 3.4 has not', () => {
  it('tells whether auth is on, and its revision, to admins', async () => {
    await using running = await start('etcd-lite')
    const { channel, login } = running
    const status = async (token: string) => {
      const { enabled, authRevision } = await channel.unary(auth.authStatus, {}, bearing(token))
      return { enabled, authRevision }
    }
    const root = await login('root')
    const { enabled, authRevision } = await status(root)
    // Six changes since the first revision; turning auth on is none.
    assert.deepEqual({ enabled, authRevision }, { enabled: true, authRevision: 7 })
    assert.equal(await refusal(status(await login('bob'))), '7 etcdserver: permission denied')
    await channel.unary(auth.authDisable, {}, bearing(root))
    const off = await channel.unary(auth.authStatus, {})
    assert.deepEqual([off.enabled, off.authRevision], [false, 8])
  })

  it('refuses a permission without a range, or with one that ends before it begins', async () => {
    await using running = await start('etcd-lite')
    const { channel, login } = running
    const root = bearing(await login('root'))
    const grant = (perm?: Parameters<typeof Permission.encode>[0]): Promise<string> =>
      refusal(channel.unary(auth.roleGrantPermission, { name: 'k', perm }, root))
    assert.equal(await grant(), '3 etcdserver: permission not given')
    const invalid = '3 etcdserver: invalid auth management'
    assert.equal(await grant({ key: bytes(''), rangeEnd: bytes('b') }), invalid)
    assert.equal(await grant({ key: bytes('b'), rangeEnd: bytes('b') }), invalid)
    assert.equal(await grant({ key: bytes('c'), rangeEnd: bytes('b') }), invalid)
    assert.equal(await grant({ key: bytes('c'), rangeEnd: bytes('\0') }), 'not refused')
  })

  it('takes the hash of a new password in its place, and no password of more than 72 bytes', async () => {
    await using running = await start('etcd-lite')
    const { channel, login } = running
    const root = bearing(await login('root'))
    const hashedPassword = (await createPasswords(4).hash('from a hash')).toString('base64')
    await channel.unary(auth.userChangePassword, { name: 'bob', hashedPassword }, root)
    await login('bob', 'from a hash')
    const long = { name: 'long', password: 'x'.repeat(73) }
    assert.equal(await refusal(channel.unary(auth.userAdd, long, root)), '2 bcrypt: password length exceeds 72 bytes')
    const anyHash = { ...long, password: 'short', hashedPassword }
    await channel.unary(auth.userAdd, anyHash, root)
    await login('long', 'short')
  })

  it('lets a lease be kept alive only by who may write its keys', async () => {
    await using running = await start('etcd-lite')
    const { channel, login } = running
    const [root, bob] = [bearing(await login('root')), bearing(await login('bob'))]
    const { ID } = await channel.unary(lease.grant, { TTL: 60 }, bob)
    const keepAlive = async (options: typeof bob): Promise<string> => {
      const stream = channel.stream(lease.keepAlive, options)
      stream.write({ ID })
      try {
        for await (const { TTL } of stream.responses) return String(TTL)
        return 'ended'
      } finally {
        stream.cancel()
      }
    }
    await channel.unary(kv.put, { key: bytes('k1'), lease: ID }, bob)
    assert.equal(await keepAlive(bob), '60')
    await channel.unary(kv.put, { key: bytes('z1'), lease: ID }, root)
    assert.equal(await refusal(keepAlive(bob)), '7 etcdserver: permission denied')
    assert.equal(await keepAlive(root), '60')
    assert.equal(
      await refusal(channel.unary(kv.put, { key: bytes('k2'), lease: ID }, bob)),
      '7 etcdserver: permission denied',
    )
    assert.equal(
      await refusal(channel.unary(lease.timeToLive, { ID, keys: true }, bob)),
      '7 etcdserver: permission denied',
    )
    assert.equal((await channel.unary(lease.timeToLive, { ID }, bob)).grantedTTL, 60)
  })
})
