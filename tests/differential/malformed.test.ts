/** Requests that no client library would send: valid ones with bytes cut off, changed and added. */
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { notUnmarshalled } from './exceptions.ts'
import type { Pair } from './compare.ts'
import type { UnaryOperation } from './operations.ts'
import { startPair } from './pair.ts'
import { encodeRequest } from './side.ts'

type Method = UnaryOperation['op']

const bytes = (text: string): Buffer => Buffer.from(text)
const requestPut = { key: bytes('a'), value: bytes('1'), prevKv: true }

/** Without sort options: a real etcd 3.4 dies of some that it does not know. */
const templates: readonly (readonly [Method, Buffer])[] = [
  ['put', encodeRequest('put', { ...requestPut, lease: 0n, ignoreLease: true })],
  ['range', encodeRequest('range', { key: bytes('a'), rangeEnd: bytes('c'), limit: 300, revision: 1, keysOnly: true })],
  ['deleteRange', encodeRequest('deleteRange', { key: bytes('a'), rangeEnd: bytes('c'), prevKv: true })],
  [
    'txn',
    encodeRequest('txn', {
      compare: [{ key: bytes('a'), target: 3, value: bytes('1'), rangeEnd: bytes('b') }],
      success: [{ requestPut }, { requestTxn: { failure: [{ requestDeleteRange: { key: bytes('b') } }] } }],
      failure: [{ requestPut }],
    }),
  ],
  ['compact', encodeRequest('compact', { revision: 900, physical: true })],
  ['leaseGrant', encodeRequest('leaseGrant', { TTL: 600, ID: 77n })],
  ['leaseRevoke', encodeRequest('leaseRevoke', { ID: 77n })],
  ['leaseTimeToLive', encodeRequest('leaseTimeToLive', { ID: 77n, keys: true })],
]

const template = fc.constantFrom(...templates)
const cut = template.chain(([method, valid]) =>
  fc.integer({ min: 0, max: valid.length }).map((length) => [method, valid.subarray(0, length)] as const),
)
const appended = fc
  .tuple(template, fc.uint8Array({ minLength: 1, maxLength: 14 }))
  .map(([[method, valid], more]) => [method, Buffer.concat([valid, more])] as const)
const changed = template.chain(([method, valid]) =>
  fc
    .tuple(fc.integer({ min: 0, max: valid.length - 1 }), fc.integer({ min: 0, max: 255 }))
    .map(([at, byte]) => [method, Buffer.from(valid.with(at, byte))] as const),
)

/** Fields 5 and 6 of a RangeRequest, of which a real etcd dies. */
const hasSortOption = ([method, request]: readonly [Method, Buffer]): boolean =>
  (method === 'range' || method === 'txn') && (request.includes(0x28) || request.includes(0x30))

const comparable = (answer: unknown): unknown => (notUnmarshalled(answer) ? 'not unmarshalled' : answer)

describe('malformed requests', () => {
  let pair: Pair & AsyncDisposable

  before(async () => {
    pair = await startPair()
    await Promise.all([pair.etcd.reset(), pair.lite.reset()])
  })

  after(() => pair[Symbol.asyncDispose]())

  const isSame = async ([method, request]: readonly [Method, Buffer]): Promise<void> => {
    const [etcd, lite] = await Promise.all([pair.etcd.runRaw(method, request), pair.lite.runRaw(method, request)])
    assert.deepEqual(comparable(lite), comparable(etcd), `${method} ${request.toString('hex')}`)
  }

  it('with an unset request, a wrong type, a field number of zero, an endless varint are refused alike', async () => {
    const requests: readonly (readonly [Method, string])[] = [
      ['put', ''],
      ['txn', '1200'], // an operation that is none
      ['txn', '12020a00'], // a range of nothing
      ['txn', '12022200'], // a transaction of nothing
      ['put', '0861'], // the key as a number
      ['put', '0a0161120131ffffffffffffffffffff01'],
      ['put', '0a016100'],
      ['put', '0a01610b0c'], // a group
      ['put', '0a01610c'], // the end of a group that never began
      ['put', '0a0161 f83f01'.replace(' ', '')], // a field that nobody knows
      ['put', '0a0161 1880808080808080808001'.replace(' ', '')],
      ['put', '0a0161 0a0162'.replace(' ', '')], // twice the same field
      ['put', '0a05 6161'.replace(' ', '')],
      ['put', '0affffffffff01'],
    ]
    for (const [method, hex] of requests) await isSame([method, Buffer.from(hex, 'hex')])
  })

  it('of random kinds are answered alike', async (t) => {
    const seed = randomInt(2 ** 31)
    t.diagnostic(`seed ${seed}`)
    const request = fc.oneof(cut, appended, changed).filter((found) => !hasSortOption(found))
    await fc.assert(fc.asyncProperty(request, isSame), {
      seed,
      numRuns: 3000,
      interruptAfterTimeLimit: 20_000,
      endOnFailure: true,
    })
  })
})
