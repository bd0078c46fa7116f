import assert from 'node:assert/strict'
import { createDecipheriv } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { aesCbc, aesGcm, expandKey, seededGcm } from './aes.ts'
import { identity } from './identity.ts'
import { secretbox } from './secretbox.ts'
import { type Plain, type PrefixTransformer, prefixTransformers, type Transformer } from './transformer.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')
const key = (length: number): Buffer => Buffer.alloc(length, 7)
const context = Buffer.from('/registry/secrets/default/a')
const read = (transformer: Transformer, data: Buffer, at = context): Plain => transformer.fromStorage(data, at) as Plain
const write = (transformer: Transformer, data: Buffer): Buffer => transformer.toStorage(data, context) as Buffer

const ciphers: readonly (readonly [name: string, transformer: Transformer, authenticated: boolean])[] = [
  ['AES-GCM of 128 bits', aesGcm(key(16)), true],
  ['AES-GCM of 192 bits', aesGcm(key(24)), true],
  ['AES-GCM of 256 bits', aesGcm(key(32)), true],
  ['AES-CBC of 128 bits', aesCbc(key(16)), false],
  ['AES-CBC of 256 bits', aesCbc(key(32)), false],
  ['secretbox', secretbox(key(32)), true],
  ['AES-GCM of a seed', seededGcm(key(32)), true],
]

describe('ciphers of stored values', () => {
  for (const [name, transformer, authenticated] of ciphers) {
    it(`${name} gives back what it was given`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
          const data = Buffer.from(bytes)
          const stored = write(transformer, data)
          assert.deepEqual(read(transformer, stored), { data, stale: false })
          assert.ok(data.length < 8 || !stored.includes(data))
        }),
        { numRuns: 50 },
      )
    })
    it(`${name} never writes the same bytes twice`, () => {
      const data = Buffer.from('{"kind":"Secret"}')
      assert.notDeepEqual(write(transformer, data), write(transformer, data))
    })
    it(`${name} refuses data that are too short`, () => {
      assert.throws(() => read(transformer, Buffer.alloc(3)), { message: /shorter than the required size/ })
    })
    if (!authenticated) continue
    it(`${name} notices every changed bit`, () => {
      const stored = write(transformer, Buffer.from('0123456789'))
      for (let at = 0; at < stored.length; at++) {
        const changed = Buffer.from(stored)
        changed.writeUInt8(stored.readUInt8(at) ^ 1, at)
        assert.throws(() => read(transformer, changed), Error, `byte ${at}`)
      }
    })
  }

  it('bind data to the key that they are stored under, where they authenticate it', () => {
    const other = Buffer.from('/registry/secrets/default/b')
    for (const transformer of [aesGcm(key(32)), seededGcm(key(32))]) {
      const stored = write(transformer, Buffer.from('x'))
      assert.throws(() => read(transformer, stored, other), { message: 'cipher: message authentication failed' })
    }
  })

  it('know what upstream writes: secretbox of the NaCl documentation', () => {
    // nonce, then the box of tests/secretbox.c of NaCl.
    const nonce = hex('69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37')
    const box = hex(`f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186a
      c0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae
      90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5`)
    const plain = hex(`be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c6129
      6cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde
      048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705`)
    const transformer = secretbox(hex('1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389'))
    assert.deepEqual(read(transformer, Buffer.concat([nonce, box])).data, plain)
  })

  it('derive keys as RFC 5869 does: its first test case', () => {
    const seed = hex('077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5')
    const expanded = expandKey(seed, hex('f0f1f2f3f4f5f6f7f8f9'))
    assert.equal(expanded.toString('hex'), '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf')
  })

  it('lay out a seeded value as upstream: 32 bytes of info, a nonce of 12, the ciphertext and its tag', () => {
    const seed = key(32)
    const stored = write(seededGcm(seed), Buffer.from('hello'))
    const decipher = createDecipheriv('aes-256-gcm', expandKey(seed, stored.subarray(0, 32)), stored.subarray(32, 44))
    decipher.setAAD(context).setAuthTag(stored.subarray(-16))
    assert.equal(decipher.update(stored.subarray(44, -16)).toString() + decipher.final('utf8'), 'hello')
  })
})

describe('transformers by prefix', () => {
  const provider = (name: string, transformer: Transformer): PrefixTransformer => ({
    prefix: Buffer.from(name),
    transformer,
  })
  const first = provider('k8s:enc:1:', aesGcm(key(32)))
  const second = provider('k8s:enc:2:', aesGcm(Buffer.alloc(32, 9)))
  const plain = provider('', identity)
  const data = Buffer.from('{"a":1}')

  it('write with the first and read with all, the others stale', () => {
    const old = write(prefixTransformers([second], 'no'), data)
    const both = prefixTransformers([first, second], 'no')
    assert.equal(write(both, data).subarray(0, 10).toString(), 'k8s:enc:1:')
    assert.deepEqual(read(both, write(both, data)), { data, stale: false })
    assert.deepEqual(read(both, old), { data, stale: true })
  })

  it('take plain data for stale where they would be encrypted now', () => {
    assert.deepEqual(read(prefixTransformers([first, plain], 'no'), data), { data, stale: true })
    assert.deepEqual(read(prefixTransformers([plain, first], 'no'), data), { data, stale: false })
  })

  it('say that nothing matches, and what failed where something did', () => {
    const stored = write(prefixTransformers([first], 'no'), data)
    assert.throws(() => read(prefixTransformers([second], 'no key'), stored), { message: 'no key' })
    assert.throws(
      () => read(prefixTransformers([provider('k8s:enc:1:', second.transformer), plain], 'no key'), stored),
      {
        message: 'cipher: message authentication failed',
      },
    )
  })

  it('take no encrypted data for plain', () => {
    const encrypted = Buffer.from('k8s:enc:aesgcm:v1:k1:xxxx')
    assert.throws(() => identity.fromStorage(encrypted, context), {
      message: 'identity transformer tried to read encrypted data',
    })
    assert.throws(() => read(prefixTransformers([plain], 'no matching prefix found'), encrypted), {
      message: 'no matching prefix found',
    })
  })

  it('tell of each transformation under the prefix that did it', () => {
    const seen: unknown[] = []
    const observed = prefixTransformers([first, plain], 'no', (direction, prefix, _seconds, error) =>
      seen.push([direction, prefix, error?.message]),
    )
    read(observed, write(observed, data))
    read(observed, data)
    assert.throws(() => read(observed, Buffer.from('k8s:enc:1:0123456789012345678901234567890')))
    assert.deepEqual(seen, [
      ['to_storage', 'k8s:enc:1:', undefined],
      ['from_storage', 'k8s:enc:1:', undefined],
      ['from_storage', 'identity', undefined],
      ['from_storage', 'k8s:enc:1:', 'cipher: message authentication failed'],
    ])
  })
})
