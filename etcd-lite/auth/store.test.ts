import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openMemoryBackend } from '../backend/memory.ts'
import { Lessor } from '../lease/lessor.ts'
import { MvccStore } from '../mvcc/store.ts'
import { createPasswords } from './passwords.ts'
import { authRecordOps, readAuthRecords, readAuthState } from './records.ts'
import { addRole, grantPermission, revokePermission } from './roles.ts'
import { createSimpleTokens } from './simple-tokens.ts'
import { AuthStore } from './store.ts'
import { addUser, changePassword, deleteUser, enableAuth, grantRole } from './users.ts'

const open = async (backend = openMemoryBackend()) => {
  const store = await MvccStore.open({
    backend,
    leases: new Lessor(),
    cacheBytes: 1000,
    onFailed: (err) => assert.fail(String(err)),
  })
  const passwords = createPasswords(4)
  const tokens = createSimpleTokens(1000, { now: () => 0 })
  const auth = new AuthStore({ store, state: await readAuthState(backend), passwords, tokens })
  const add = async (name: string, password: string): Promise<void> => {
    const hash = await passwords.hash(password)
    await auth.change((state) => addUser(state, { name, hash, noPassword: false }))
  }
  return { backend, store, auth, add }
}
const withRoot = async () => {
  const opened = await open()
  await opened.add('root', 'pw')
  await opened.auth.change((state) => grantRole(state, { user: 'root', role: 'root' }))
  await opened.auth.change(enableAuth)
  return opened
}
const readWrite = (key: string, end = '') => ({ permType: 2, key: Buffer.from(key), rangeEnd: Buffer.from(end) })

describe('AuthStore', () => {
  it('judges writes by a change at once, and reads when it is on the disk', async () => {
    const { auth } = await open()
    const changing = auth.change((state) => addRole(state, { name: 'r' }))
    assert.deepEqual([auth.applied.roles.has('r'), auth.durable.roles.has('r')], [true, false])
    await changing
    assert.equal(auth.durable.roles.has('r'), true)
  })

  it('raises its own revision by every change that changes something, and not that of the keys', async () => {
    const { auth, store } = await withRoot()
    const { revision } = auth.applied
    await auth.change((state) => grantRole(state, { user: 'root', role: 'root' }))
    await auth.change(enableAuth)
    assert.equal(auth.applied.revision, revision)
    await assert.rejects(auth.change((state) => addUser(state, { name: '', hash: Buffer.alloc(0), noPassword: false })))
    assert.equal(auth.applied.revision, revision)
    await auth.change((state) => addRole(state, { name: 'r' }))
    assert.equal(auth.applied.revision, revision + 1)
    assert.equal(store.revision, 1)
  })

  it('has everything after a restart, and in the records that a snapshot carries', async () => {
    const { auth, backend } = await withRoot()
    await auth.change((state) => addRole(state, { name: 'r' }))
    await auth.change((state) => grantPermission(state, { name: 'r', perm: readWrite('k', 'l') }))
    await auth.change((state) => addUser(state, { name: 'cn', hash: Buffer.alloc(0), noPassword: true }))
    await auth.change((state) => grantRole(state, { user: 'cn', role: 'r' }))
    await auth.change((state) => addRole(state, { name: 'gone' }))
    const expected = auth.applied
    const copy = openMemoryBackend()
    await copy.commit(authRecordOps(await readAuthRecords(backend)), { sync: true })
    for (const restarted of [await open(backend), await open(copy)]) {
      const { enabled, revision, users, roles } = restarted.auth.durable
      const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
      assert.deepEqual([enabled, revision], [true, expected.revision])
      assert.deepEqual(plain(Object.fromEntries(users)), plain(Object.fromEntries(expected.users)))
      assert.deepEqual(plain(Object.fromEntries(roles)), plain(Object.fromEntries(expected.roles)))
      assert.match(await restarted.auth.authenticate('root', 'pw'), /^[a-zA-Z]{16}\.\d+$/)
    }
    assert.deepEqual(
      (await readAuthRecords(backend)).map(({ bucket, key }) => `${bucket}/${key}`),
      ['auth/authEnabled', 'auth/authRevision', 'authRoles/gone', 'authRoles/r', 'authUsers/cn', 'authUsers/root'],
    )
  })

  it('gives tokens only for the password of the moment', async () => {
    const { auth, add } = await withRoot()
    await add('ann', 'old')
    const token = await auth.authenticate('ann', 'old')
    assert.equal(auth.tokens.info(token, 1)?.user, 'ann')
    await assert.rejects(auth.authenticate('ann', 'wrong'), /invalid user ID or password/)
    await assert.rejects(auth.authenticate('nobody', 'old'), /invalid user ID or password/)
    const hash = await createPasswords(4).hash('new')
    const authenticating = auth.authenticate('ann', 'old')
    await Promise.all([
      assert.rejects(authenticating, /invalid user ID or password/),
      auth.change((state) => changePassword(state, { name: 'ann', hash })),
    ])
    assert.equal(auth.tokens.info(token, 1), undefined, 'a token outlived its password')
    const fresh = await auth.authenticate('ann', 'new')
    await auth.change((state) => deleteUser(state, { name: 'ann' }))
    assert.equal(auth.tokens.info(fresh, 1), undefined, 'a token outlived its user')
  })

  it('takes a hash that the client made, and refuses what is not base64', async () => {
    const { auth, add } = await withRoot()
    await add('ann', 'old')
    const hash = (await createPasswords(4).hash('made by the client')).toString('base64')
    await auth.change((state) => changePassword(state, { name: 'ann', hash }))
    await auth.authenticate('ann', 'made by the client')
    await assert.rejects(
      auth.change((state) => changePassword(state, { name: 'ann', hash: 'no base64!' })),
      /password was given for no password user/,
    )
    await auth.change((state) => changePassword(state, { name: 'ann', hash: '' }))
    await assert.rejects(auth.authenticate('ann', ''), /invalid user ID or password/)
  })

  it('keeps a second permission on a range that hides behind one with the same first key, as etcd does', async () => {
    const { auth } = await open()
    await auth.change((state) => addRole(state, { name: 'r' }))
    for (const end of ['b', 'c', 'c', 'b']) {
      await auth.change((state) => grantPermission(state, { name: 'r', perm: readWrite('a', end) }))
    }
    const ends = (): string[] =>
      auth.applied.roles.get('r')?.keyPermission.map(({ rangeEnd }) => String(rangeEnd)) ?? []
    assert.deepEqual(ends(), ['b', 'c', 'c'])
    const range = { key: Buffer.from('a'), rangeEnd: Buffer.from('c') }
    await auth.change((state) => revokePermission(state, { role: 'r', ...range }))
    assert.deepEqual(ends(), ['b'])
  })
})
