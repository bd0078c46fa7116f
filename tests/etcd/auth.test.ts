/** Auth as etcdctl sees it, on a real etcd and on etcd-lite: the same commands, the same output. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { generateKeyPairSync } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { auth, kv } from '../../component-base/etcd/service.ts'
import { GrpcChannel } from '../../component-base/grpc/client.ts'
import { startCommand } from '../harness/command.ts'
import { startEtcd, type TestEtcd } from '../harness/etcd.ts'
import { type EtcdKind, etcdctlBinary } from '../harness/etcd-process.ts'

const kinds = ['etcd', 'etcd-lite'] satisfies EtcdKind[]
const flags = ['--bcrypt-cost=4']
const bytes = (text: string): Buffer => Buffer.from(text)

interface Step {
  /** Empty for a call without a user. */
  readonly user: '' | 'root:pw' | 'root:pw2' | 'bob:x' | 'bob:y' | 'cn:x'
  readonly command: string
  readonly input?: string
  readonly prints: string
}

const step = (user: Step['user'], command: string, prints: string, input?: string): Step => ({
  user,
  command,
  prints,
  ...(input === undefined ? {} : { input }),
})
const denied = 'Error: etcdserver: permission denied'
const noUser = 'Error: etcdserver: user name is empty'
const authFailed = 'Error: etcdserver: authentication failed, invalid user ID or password'

/** What a command printed, without the client's own log. */
const run = async (etcd: TestEtcd, { user, command, input }: Step): Promise<string> => {
  const args = [...(user === '' ? [] : [`--user=${user}`]), ...command.split(' ')]
  const { stdout, stderr } = await etcd.etcdctlWith(input === undefined ? {} : { input }, ...args)
  const errors = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'))
  return [...stdout.trimEnd().split('\n'), ...errors].filter((line) => line !== '').join('\n')
}

const root = 'root:pw'
const bob = 'bob:x'
const beforeEnable: readonly Step[] = [
  step('', 'put k1 first', 'OK'),
  step('', 'put z1 secret', 'OK'),
  step('', 'auth disable', 'Authentication Disabled'),
  step('', 'user add root:pw', 'User root created'),
  step('', 'user add root:pw', 'Error: etcdserver: user name already exists'),
  step('', 'user add bob --interactive=false', 'User bob created', 'x\n'),
  step('', 'user add cn --no-password', 'User cn created'),
  step('', 'user grant-role root root', 'Role root is granted to user root'),
  step('', 'user grant-role bob nothing', 'Error: etcdserver: role name not found'),
  step('', 'role add ops', 'Role ops created'),
  step('', 'role add ops', 'Error: etcdserver: role name already exists'),
  step('', 'role grant-permission ops readwrite k --prefix', 'Role ops updated'),
  step('', 'role grant-permission ops read m', 'Role ops updated'),
  step('', 'role grant-permission ops read m0 m5', 'Role ops updated'),
  step('', 'role grant-permission ops write x --from-key', 'Role ops updated'),
  step(
    '',
    'role get ops',
    'Role ops\nKV Read:\n\t[k, l) (prefix k)\n\tm\n\t[m0, m5)\nKV Write:\n\t[k, l) (prefix k)\n\t[x, <open ended>',
  ),
  step('', 'user grant-role bob ops', 'Role ops is granted to user bob'),
  step('', 'user get bob', 'User: bob\nRoles: ops'),
  step('', 'user list', 'bob\ncn\nroot'),
  step('', 'role list', 'ops'),
  step('', 'auth enable', 'Authentication Enabled'),
]
const whileEnabled: readonly Step[] = [
  step('', 'get k1', noUser),
  step('', 'put k1 x', noUser),
  step('', 'user list', noUser),
  step(bob, 'get k1', 'k1\nfirst'),
  step(bob, 'get k --prefix', 'k1\nfirst'),
  step(bob, 'get k --from-key', denied),
  step(bob, 'get z1', denied),
  step(bob, 'put k2 second', 'OK'),
  step(bob, 'put k2 third --prev-kv', 'OK\nk2\nsecond'),
  step(bob, 'put m1 x', denied),
  step(bob, 'put z2 x', 'OK'),
  step(bob, 'put z2 x --prev-kv', denied),
  step(bob, 'del z2', '1'),
  step(bob, 'del z1 --prev-kv', denied),
  step(bob, 'del k --prefix', '2'),
  step(bob, 'user list', denied),
  step(bob, 'user get bob', 'User: bob\nRoles: ops'),
  step(bob, 'user get root', denied),
  step(
    bob,
    'role get ops',
    'Role ops\nKV Read:\n\t[k, l) (prefix k)\n\tm\n\t[m0, m5)\nKV Write:\n\t[k, l) (prefix k)\n\t[x, <open ended>',
  ),
  step(bob, 'auth disable', denied),
  step(bob, 'txn', 'SUCCESS\nOK', '\nput k3 x\n\n\n'),
  step(bob, 'txn', denied, '\nget z1\n\n\n'),
  step('bob:y', 'get k1', authFailed),
  step(
    'cn:x',
    'get k1',
    'Error: rpc error: code = Unknown desc = auth: authentication failed, password was given for no password user',
  ),
  step(root, 'get z1', 'z1\nsecret'),
  step(root, 'user delete root', 'Error: etcdserver: invalid auth management'),
  step(root, 'user revoke-role root root', 'Error: etcdserver: invalid auth management'),
  step(root, 'role delete root', 'Error: etcdserver: invalid auth management'),
  step(root, 'role revoke-permission ops m', 'Permission of key m is revoked from role ops'),
  step(root, 'role revoke-permission ops m', 'Error: etcdserver: permission is not granted to the role'),
  step(root, 'role revoke-permission ops k --prefix', 'Permission of range [k, l) is revoked from role ops'),
  step(
    root,
    'role revoke-permission ops x --from-key',
    'Permission of range [x, <open ended> is revoked from role ops',
  ),
  step(bob, 'get k1', denied),
  step(bob, 'get m1', ''),
  step(root, 'user passwd bob --interactive=false', 'Password updated', 'y\n'),
  step(bob, 'get m1', authFailed),
  step('bob:y', 'get m1', ''),
  step(root, 'user passwd root --interactive=false', 'Password updated', 'pw2\n'),
  step(root, 'user list', authFailed),
]
const afterRestart: readonly Step[] = [
  step('', 'get z1', noUser),
  step('bob:y', 'get m1', ''),
  step('bob:y', 'get z1', denied),
  step('root:pw2', 'user get bob', 'User: bob\nRoles: ops'),
  step('root:pw2', 'user revoke-role bob ops', 'Role ops is revoked from user bob'),
  step('root:pw2', 'user revoke-role bob ops', 'Error: etcdserver: role is not granted to the user'),
  step('bob:y', 'get m1', denied),
  step('root:pw2', 'role delete ops', 'Role ops deleted'),
  step('root:pw2', 'user delete bob', 'User bob deleted'),
  step('bob:y', 'get m1', authFailed),
  step('root:pw2', 'auth disable', 'Authentication Disabled'),
  step('', 'get z1', 'z1\nsecret'),
]

const runSteps = async (etcd: TestEtcd, steps: readonly Step[]): Promise<void> => {
  for (const one of steps) assert.equal(await run(etcd, one), one.prints, `${one.user} ${one.command}`)
}

/** A role `k` for the prefix k, its user bob, and auth on. */
const withBob = async (etcd: TestEtcd): Promise<void> => {
  const commands = [
    'user add root:pw',
    'user grant-role root root',
    'user add bob:x',
    'role add k',
    'role grant-permission k readwrite k --prefix',
    'user grant-role bob k',
    'auth enable',
  ]
  for (const command of commands) {
    const { code, stderr } = await etcd.etcdctl(...command.split(' '))
    assert.equal(code, 0, stderr)
  }
}

for (const kind of kinds) {
  describe(`etcdctl as a user of ${kind}`, () => {
    it('manages users, roles and permissions, and is let in and kept out by them, before and after kill -9', async () => {
      await using etcd = await startEtcd({ kind, flags })
      await runSteps(etcd, beforeEnable)
      await runSteps(etcd, whileEnabled)
      await etcd.restart('SIGKILL')
      await runSteps(etcd, afterRestart)
    })

    it('watches what the user may read, and nothing else', async () => {
      await using etcd = await startEtcd({ kind, flags })
      await withBob(etcd)
      {
        await using watching = etcd.startEtcdctl('--user=bob:x', 'watch', 'k', '--prefix')
        // etcdctl does not say when its watch has begun: put until it is seen.
        for (let n = 0; !watching.stdout().includes('PUT'); n++) {
          await run(etcd, step(bob, `put k${n} v`, 'OK'))
        }
        assert.match((await watching.until(/PUT\n(k\d+)\nv/))[0], /^PUT\nk\d+\nv$/)
      }
      for (const range of [['z'], ['k', 'm'], ['', '--prefix']]) {
        const { code, stderr } = await etcd.etcdctl('--user=bob:x', 'watch', ...range)
        assert.notEqual(code, 0)
        assert.match(stderr + range.join(' '), /permission denied/)
      }
    })

    it('locks, keeps a lease alive and looks at the server as root', async () => {
      await using etcd = await startEtcd({ kind, flags })
      await withBob(etcd)
      assert.equal(await run(etcd, step(root, 'lock l echo held', 'held')), 'held')
      const [, id = ''] =
        /lease (\w+) granted/.exec((await etcd.etcdctl('--user=root:pw', 'lease', 'grant', '60')).stdout) ?? []
      assert.match(await run(etcd, step(root, `lease keep-alive ${id} --once`, '')), /keepalived with TTL\(60\)/)
      assert.match(
        await run(etcd, step(root, `lease timetolive ${id} --keys`, '')),
        /granted with TTL\(60s\), remaining/,
      )
      assert.match(await run(etcd, step(bob, `put k1 v --lease=${id}`, '')), /OK/)
      assert.match(await run(etcd, step(root, `put z1 v --lease=${id}`, '')), /OK/)
      assert.equal(
        await run(etcd, step(bob, `lease revoke ${id}`, '')),
        `Error: failed to revoke lease (etcdserver: permission denied)`,
      )
      assert.match(await run(etcd, step(root, `lease revoke ${id}`, '')), /revoked/)
      assert.match(await run(etcd, step(root, 'member list', '')), /started/)
      assert.match(await run(etcd, step(root, 'endpoint health', '')), /is healthy/)
      assert.match(await run(etcd, step(root, 'compaction 2', '')), /compacted revision 2/)
    })

    it('is known by the common name of its certificate, unless it shows a token', async () => {
      await using etcd = await startEtcd({ kind, flags, tls: 'mutual' })
      await withBob(etcd)
      assert.ok(etcd.tls)
      const { files } = await etcd.tls.issueClient('bob')
      const asBob = async (...args: string[]): Promise<string> => {
        const tls = [`--cacert=${files.caFile}`, `--cert=${files.certFile}`, `--key=${files.keyFile}`]
        await using command = startCommand(etcdctlBinary(), [`--endpoints=${etcd.endpoint}`, ...tls, ...args], {
          env: { ETCDCTL_API: '3' },
        })
        const { stdout, stderr } = await command.ended
        return stdout + stderr
      }
      assert.match(await asBob('put', 'k1', 'v'), /^OK/)
      assert.match(await asBob('get', 'z1'), /permission denied/)
      assert.match(await asBob('--user=root:pw', 'put', 'z1', 'v'), /^OK/)
      // The harness's own certificate is root's.
      assert.equal(await run(etcd, step('', 'get z1', '')), 'z1\nv')
      assert.equal(await run(etcd, step('', 'user list', '')), 'bob\nroot')
      assert.equal(await run(etcd, step(bob, 'get z1', '')), denied)
      await etcd.restart('SIGKILL')
      assert.match(await asBob('get', 'k1'), /^k1\nv\n/)
      assert.match(await asBob('get', 'z1'), /permission denied/)
    })
  })
}

describe('JSON Web Tokens', () => {
  it('of etcd are good at etcd-lite and the other way round, until auth changes', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'kubets-jwt-'))
    try {
      const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
      const [pub, priv] = [join(directory, 'jwt.pub'), join(directory, 'jwt.key')]
      writeFileSync(pub, publicKey.export({ type: 'spki', format: 'pem' }))
      writeFileSync(priv, privateKey.export({ type: 'pkcs1', format: 'pem' }))
      const jwt = `--auth-token=jwt,pub-key=${pub},priv-key=${priv},sign-method=PS256,ttl=10m`
      await using etcd = await startEtcd({ kind: 'etcd', flags: [...flags, jwt] })
      await using lite = await startEtcd({ kind: 'etcd-lite', flags: [...flags, jwt] })
      await withBob(etcd)
      await withBob(lite)
      const channels = [etcd, lite].map(({ endpoint }) => new GrpcChannel({ endpoints: [endpoint] }))
      try {
        const logins = channels.map((channel) => channel.unary(auth.authenticate, { name: 'bob', password: 'x' }))
        const tokens = (await Promise.all(logins)).map(({ token }) => token)
        const get = (channel: GrpcChannel, token: string): Promise<unknown> =>
          channel.unary(kv.range, { key: bytes('k1') }, { metadata: { token } })
        for (const channel of channels) for (const token of tokens) await get(channel, token)
        await lite.restart('SIGKILL')
        for (const server of [etcd, lite])
          assert.equal(await run(server, step(root, 'role add more', '')), 'Role more created')
        const old = { code: 3, details: 'etcdserver: revision of auth store is old' }
        for (const channel of channels) for (const token of tokens) await assert.rejects(get(channel, token), old)
        for (const channel of channels) {
          const put = channel.unary(kv.put, { key: bytes('k1') }, { metadata: { token: tokens[0] ?? '' } })
          await assert.rejects(put, old)
        }
      } finally {
        for (const channel of channels) channel.close()
      }
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})
