import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { KeyValue } from '../../component-base/etcd/messages.ts'
import { encodeKeyValue, valueOf } from './key-value.ts'

describe('encodeKeyValue', () => {
  it('writes the bytes of the table codec, and finds the value again', () => {
    const number = fc.oneof(fc.constant(0), fc.nat({ max: 300 }), fc.maxSafeInteger().map(Math.abs))
    fc.assert(
      fc.property(
        fc.record({
          key: fc.uint8Array({ maxLength: 200 }),
          value: fc.uint8Array({ maxLength: 300 }),
          create: number,
          mod: number,
          version: number,
          lease: fc.oneof(fc.constant(0n), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
        }),
        ({ key, value, create, mod, version, lease }) => {
          const expected = KeyValue.encode({ key, value, createRevision: create, modRevision: mod, version, lease })
          const fields = { key: Buffer.from(key).toString('latin1'), create, mod, version, value, lease }
          assert.deepEqual(encodeKeyValue(fields), expected)
          assert.deepEqual(encodeKeyValue(fields, 4).subarray(4), expected)
          assert.deepEqual(valueOf(expected), Buffer.from(value))
        },
      ),
    )
  })
})
