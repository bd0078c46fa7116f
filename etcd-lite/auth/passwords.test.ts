import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createPasswords } from './passwords.ts'

describe('passwords', () => {
  const passwords = createPasswords(4)

  it('are known again by their hash, which is of the kind that etcd makes', async () => {
    const hash = await passwords.hash('grüß\0gott')
    assert.match(String(hash), /^\$2a\$04\$/)
    assert.equal(await passwords.matches('grüß\0gott', hash), true)
    assert.equal(await passwords.matches('grüß', hash), false)
    assert.equal(await passwords.matches('', hash), false)
  })

  it('match hashes made by Go’s bcrypt', async () => {
    // golang.org/x/crypto/bcrypt, bcrypt_test.go
    const hash = Buffer.from('$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga')
    assert.equal(await passwords.matches('allmine', hash), true)
    assert.equal(await passwords.matches('allmin', hash), false)
  })

  it('may be empty or 72 bytes long, not longer', async () => {
    assert.equal(await passwords.matches('', await passwords.hash('')), true)
    const longest = 'x'.repeat(72)
    const hash = await passwords.hash(longest)
    assert.equal(await passwords.matches(longest, hash), true)
    assert.equal(await passwords.matches('x'.repeat(71), hash), false)
    await assert.rejects(passwords.hash('ü'.repeat(37)), /password length exceeds 72 bytes/)
  })

  it('match no hash that is none', async () => {
    for (const broken of ['', 'x', '$2a$04$']) assert.equal(await passwords.matches('', Buffer.from(broken)), false)
  })

  it('leave the event loop free while many are hashed', async () => {
    let turns = 0
    let state: 'hashing' | 'done' = 'hashing'
    const turn = (): void => {
      turns++
      if (state === 'hashing') setImmediate(turn)
    }
    setImmediate(turn)
    await Promise.all(Array.from({ length: 8 }, () => createPasswords(8).hash('password')))
    state = 'done'
    assert.ok(turns > 100, `the event loop turned only ${turns} times`)
  })
})
