import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, it } from 'node:test'
import { createJwtTokens, type JwtOptions } from './jwt.ts'
import { createSimpleTokens } from './simple-tokens.ts'

/** Time that stands still until it is moved. */
const manualClock = (): { now: () => number; advance: (ms: number) => void } => {
  let ms = 1_700_000_000_000
  return {
    now: () => ms,
    advance: (by) => {
      ms += by
    },
  }
}

describe('simple tokens', () => {
  it('name their user at the auth revision of the moment, until they are not used for their time to live', () => {
    const clock = manualClock()
    const tokens = createSimpleTokens(300_000, clock)
    const token = tokens.assign('ann', { revision: 3, index: 17 })
    assert.match(token, /^[a-zA-Z]{16}\.17$/)
    assert.deepEqual(tokens.info(token, 9), { user: 'ann', revision: 9 })
    clock.advance(299_000)
    assert.equal(tokens.info(token, 9)?.user, 'ann')
    clock.advance(299_000)
    assert.equal(tokens.info(token, 9)?.user, 'ann')
    clock.advance(300_000)
    assert.equal(tokens.info(token, 9), undefined)
  })

  it('end when their user changes or all of them do, and no other token is one', () => {
    const tokens = createSimpleTokens(1000, manualClock())
    const [ann, bob] = [
      tokens.assign('ann', { revision: 1, index: 1 }),
      tokens.assign('bob', { revision: 1, index: 1 }),
    ]
    tokens.invalidateUser('ann')
    assert.equal(tokens.info(ann, 1), undefined)
    assert.equal(tokens.info(bob, 1)?.user, 'bob')
    assert.equal(tokens.info('', 1), undefined)
    assert.equal(tokens.info(`${bob}0`, 1), undefined)
    tokens.clear()
    assert.equal(tokens.info(bob, 1), undefined)
  })
})

const pem = (key: KeyObject): Buffer =>
  Buffer.from(key.export({ format: 'pem', type: key.type === 'public' ? 'spki' : 'pkcs8' }))
const pairOf = ({ publicKey, privateKey }: { publicKey: KeyObject; privateKey: KeyObject }) => ({
  publicKey: pem(publicKey),
  privateKey: pem(privateKey),
})
const rsa = pairOf(generateKeyPairSync('rsa', { modulusLength: 2048 }))
const curve = (namedCurve: string) => pairOf(generateKeyPairSync('ec', { namedCurve }))
const keysOf: Readonly<Record<string, Pick<JwtOptions, 'publicKey' | 'privateKey'>>> = {
  HS256: { privateKey: Buffer.from('secret') },
  HS384: { privateKey: Buffer.from('secret') },
  HS512: { privateKey: Buffer.from('secret') },
  RS256: rsa,
  RS384: rsa,
  RS512: rsa,
  PS256: rsa,
  PS384: rsa,
  PS512: rsa,
  ES256: curve('P-256'),
  ES384: curve('P-384'),
  ES512: curve('P-521'),
}
const parts = (token: string): string[] => token.split('.')
const json = (part = ''): unknown => JSON.parse(String(Buffer.from(part, 'base64url')))

describe('JSON Web Tokens', () => {
  for (const [signMethod, keys] of Object.entries(keysOf)) {
    it(`signed by ${signMethod} carry user and auth revision, and nobody can change them`, () => {
      const clock = manualClock()
      const tokens = createJwtTokens({ ...keys, signMethod, ttlMs: 60_000 }, clock.now)
      const token = tokens.assign('ann', { revision: 5, index: 1 })
      const [head, body, seal = ''] = parts(token)
      assert.deepEqual(json(head), { alg: signMethod, typ: 'JWT' })
      assert.deepEqual(json(body), { exp: clock.now() / 1000 + 60, revision: 5, username: 'ann' })
      assert.deepEqual(tokens.info(token, 99), { user: 'ann', revision: 5 })
      const root = Buffer.from(JSON.stringify({ username: 'root', revision: 5 })).toString('base64url')
      assert.equal(tokens.info(`${head}.${root}.${seal}`, 99), undefined)
      assert.equal(tokens.info(`${head}.${body}.${seal.slice(4)}`, 99), undefined)
      assert.equal(tokens.info(`${head}.${body}.`, 99), undefined)
      clock.advance(60_000)
      assert.equal(tokens.info(token, 99), undefined)
    })
  }

  it('are refused when another method made them, whatever they say of themselves', () => {
    const clock = manualClock()
    const tokens = createJwtTokens({ ...rsa, signMethod: 'RS256', ttlMs: 60_000 }, clock.now)
    const body = { username: 'root', revision: 5 }
    // The classic attack: an HMAC with the public key as its secret.
    const forged = createJwtTokens({ privateKey: rsa.publicKey, signMethod: 'HS256', ttlMs: 60_000 }, clock.now)
    assert.equal(tokens.info(forged.assign('root', { revision: 5, index: 1 }), 5), undefined)
    const unsigned = [{ alg: 'none', typ: 'JWT' }, body].map((part) =>
      Buffer.from(JSON.stringify(part)).toString('base64url'),
    )
    assert.equal(tokens.info(`${unsigned.join('.')}.`, 5), undefined)
    for (const text of ['', '.', '..', 'a.b.c', 'not a token', '{}.{}.{}'])
      assert.equal(tokens.info(text, 5), undefined)
  })

  it('are verified, but not made, with a public key alone', () => {
    const clock = manualClock()
    const both = createJwtTokens({ ...rsa, signMethod: 'PS256', ttlMs: 60_000 }, clock.now)
    const verifier = createJwtTokens({ publicKey: rsa.publicKey, signMethod: 'PS256', ttlMs: 60_000 }, clock.now)
    assert.equal(verifier.info(both.assign('ann', { revision: 2, index: 1 }), 9)?.user, 'ann')
    assert.throws(() => verifier.assign('ann', { revision: 2, index: 1 }), /verify-only key/)
  })

  it('need keys that fit the method and each other', () => {
    const make = (options: Omit<JwtOptions, 'ttlMs'>) => () => createJwtTokens({ ...options, ttlMs: 1000 }, Date.now)
    assert.throws(make({ signMethod: 'RS256' }), /missing key data/)
    assert.throws(make({ signMethod: 'HS256', publicKey: rsa.publicKey }), /missing key data/)
    assert.throws(make({ signMethod: 'none', ...rsa }), /invalid auth signature method/)
    assert.throws(make({ signMethod: 'EdDSA', ...rsa }), /invalid auth signature method/)
    assert.throws(make({ signMethod: 'ES256', ...rsa }), /needs a key of type ec/)
    assert.throws(make({ signMethod: 'ES256', ...keysOf['ES384'] }), /needs a key on curve prime256v1/)
    const other = pairOf(generateKeyPairSync('rsa', { modulusLength: 2048 }))
    assert.throws(make({ signMethod: 'RS256', ...rsa, publicKey: other.publicKey }), /don't match/)
  })
})
