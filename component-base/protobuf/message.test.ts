import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { enumeration, mapOf, message } from './message.ts'

const Inner = message('test.Inner', { name: [1, 'string'], size: [2, 'int64'] })
const Everything = message('test.Everything', {
  text: [1, 'string'],
  data: [2, 'bytes'],
  flag: [3, 'bool'],
  small: [4, 'int32'],
  big: [5, 'int64'],
  huge: [6, 'int64big'],
  unsigned: [7, 'uint64big'],
  inner: [8, Inner],
  list: [9, Inner, 'repeated'],
  numbers: [10, 'int32', 'repeated'],
  state: [11, enumeration({ UNKNOWN: 0, RUNNING: 1 })],
  labels: [12, mapOf('string', 'string')],
  choice: [13, 'int64', 'optional'],
  real: [14, 'double'],
  inners: [15, mapOf('string', Inner)],
  far: [64, 'bytes'],
})

describe('message', () => {
  it('gives defaults for an empty message and encodes defaults as nothing', () => {
    const empty = Everything.decode(new Uint8Array())
    assert.equal(empty.text, '')
    assert.equal(empty.data.length, 0)
    assert.deepEqual(empty.list, [])
    assert.equal(empty.inner, undefined)
    assert.equal(empty.choice, undefined)
    assert.equal(empty.state, 'UNKNOWN')
    assert.equal(Everything.encode({ text: '', flag: false, big: 0, huge: 0n, list: [], state: 'UNKNOWN' }).length, 0)
  })

  it('round-trips every kind of field', () => {
    const value = {
      text: 'grüß',
      data: Buffer.from([0, 255]),
      flag: true,
      small: -1,
      big: -(2 ** 52),
      huge: -(2n ** 62n),
      unsigned: 2n ** 63n + 1n,
      inner: { name: '', size: 0 },
      list: [
        { name: 'a', size: 1 },
        { name: 'x'.repeat(300), size: 2 ** 50 },
      ],
      numbers: [1, 300, -1],
      state: 'RUNNING' as const,
      labels: new Map([['k', 'v']]),
      choice: 0,
      real: 1.5,
      inners: new Map([['one', { name: 'n', size: 2 ** 32 }]]),
      far: Buffer.from('far'),
    }
    assert.deepEqual({ ...Everything.decode(Everything.encode(value)) }, value)
  })

  it('reads integers at the borders of the fast path', () => {
    for (const big of [127, 128, 2 ** 32 - 1, 2 ** 32, 2 ** 49 - 1, 2 ** 49, 2 ** 53 - 1, -1]) {
      assert.equal(Everything.decode(Everything.encode({ big })).big, big)
    }
  })

  it('takes an already encoded message in place of an object', () => {
    const bytes = Everything.encode({
      inner: Inner.encode({ name: 'once', size: 7 }),
      list: [Inner.encode({ name: 'l' })],
    })
    const decoded = Everything.decode(bytes)
    assert.deepEqual({ ...decoded.inner }, { name: 'once', size: 7 })
    assert.equal(decoded.list[0]?.name, 'l')
  })

  it('takes maps from plain objects and unpacked repeated numbers, and skips unknown fields', () => {
    assert.equal(Everything.decode(Everything.encode({ labels: { a: 'b' } })).labels.get('a'), 'b')
    const writer = new BinaryWriter()
    writer.uint32((10 << 3) | 0).int32(5)
    writer.uint32((99 << 3) | 2).string('unknown')
    writer.uint32((98 << 3) | 5).fixed32(1)
    writer.uint32((10 << 3) | 0).int32(6)
    assert.deepEqual(Everything.decode(writer.finish()).numbers, [5, 6])
  })

  it('takes the last one of a oneof', () => {
    const Choice = message('test.Choice', { a: [1, 'int64', 'optional'], b: [2, Inner], c: [3, 'string'] }, ['a', 'b'])
    const bytes = Buffer.concat([Choice.encode({ a: 1, c: 'kept' }), Choice.encode({ b: { size: 2 } })])
    const { a, b, c } = Choice.decode(bytes)
    assert.deepEqual([a, b?.size, c], [undefined, 2, 'kept'])
    assert.equal(Choice.decode(Buffer.concat([bytes, Choice.encode({ a: 3 })])).b, undefined)
  })

  it('refuses what Go’s decoders refuse, and skips what they skip', () => {
    const decode = (hex: string): unknown => Everything.decode(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
    const refused = [
      '0801',
      '0001',
      '0e',
      '0c',
      '9b06 08',
      'fa06 05 61',
      'f906 0000',
      '0a05 61',
      '8080808080808080808001',
    ]
    for (const hex of refused) assert.throws(() => decode(hex), /malformed/, hex)
    const skipped = [
      '9b06 0801 9c06',
      'fa06 01 61',
      'f906 0000000000000000',
      'fd06 00000000',
      'f806 ff01',
      'd0c6cbbb873a 1a',
    ]
    for (const hex of skipped) assert.doesNotThrow(() => decode(hex), hex)
  })

  it('refuses truncated messages by name', () => {
    const bytes = Everything.encode({ text: 'abc', data: Buffer.from('abcdef'), inner: { name: 'abc' } })
    for (const end of [1, 3, 7, bytes.length - 1]) {
      assert.throws(() => Everything.decode(bytes.subarray(0, end)), /test.Everything: malformed/)
    }
  })
})
