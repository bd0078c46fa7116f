import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { duplexPair, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { deflateSync } from 'node:zlib'
import { headerDictionary } from './dictionary.ts'
import { dataFrameHead, FrameReader, pingFrame, type SpdyFrame, synStreamFrame } from './frames.ts'
import { decodePairs, encodePairs, HeaderCodec } from './header-codec.ts'
import { SpdyConnection } from './spdy-connection.ts'
import type { SpdyStream } from './spdy-stream.ts'

/** A server and a client joined in memory; `next` resolves with the streams in the order the server saw them. */
const joined = () => {
  const [serverSide, clientSide] = duplexPair()
  const arrived: SpdyStream[] = []
  const waiting: ((stream: SpdyStream) => void)[] = []
  const server = new SpdyConnection(serverSide, {
    onStream: (stream) => {
      const wait = waiting.shift()
      if (wait === undefined) arrived.push(stream)
      else wait(stream)
    },
  })
  const client = new SpdyConnection(clientSide, { role: 'client', onStream: () => {} })
  const next = async (): Promise<SpdyStream> => arrived.shift() ?? new Promise((resolve) => waiting.push(resolve))
  return { server, client, next, serverSide, clientSide }
}

describe('SPDY header blocks', () => {
  it('use the dictionary that every peer knows by its Adler-32', () => {
    assert.equal(headerDictionary.length, 1423)
    assert.equal(deflateSync('x', { dictionary: headerDictionary }).toString('hex', 2, 6), 'e3c6a7c2')
  })

  it('keep one compression context over several blocks', async () => {
    const [sender, receiver] = [new HeaderCodec(), new HeaderCodec()]
    const first = await sender.encode({ streamType: 'stdin', requestID: '0' })
    const second = await sender.encode({ streamType: 'stdin', requestID: '1' })
    assert.ok(second.length < first.length)
    assert.deepEqual({ ...(await receiver.decode(first)) }, { streamtype: 'stdin', requestid: '0' })
    assert.deepEqual({ ...(await receiver.decode(second)) }, { streamtype: 'stdin', requestid: '1' })
  })

  it('refuse a block that is cut off, and one that expands without measure', async () => {
    assert.throws(() => decodePairs(encodePairs({ a: 'b' }).subarray(0, 10)), /cut off/)
    const bomb = await new HeaderCodec().encode({ a: 'x'.repeat(60_000) })
    const receiver = new HeaderCodec()
    await receiver.decode(bomb)
    const huge = deflateSync(Buffer.alloc(10_000_000), { dictionary: headerDictionary })
    await assert.rejects(new HeaderCodec().decode(huge), /too long/)
  })
})

describe('FrameReader', () => {
  it('gives the same frames wherever the bytes are cut', () => {
    const bytes = Buffer.concat([
      synStreamFrame(1, Buffer.from('block')),
      dataFrameHead(1, 5, false),
      Buffer.from('hello'),
      pingFrame(7),
      dataFrameHead(1, 0, true),
    ])
    for (let cut = 0; cut <= bytes.length; cut++) {
      const reader = new FrameReader()
      const frames: SpdyFrame[] = [...reader.read(bytes.subarray(0, cut)), ...reader.read(bytes.subarray(cut))]
      const data = frames.flatMap((frame) => (frame.type === 'data' ? [frame.data] : []))
      assert.equal(Buffer.concat(data).toString(), 'hello')
      assert.deepEqual(
        frames.map((frame) => frame.type).filter((type, index, all) => type !== all[index - 1]),
        ['synStream', 'data', 'ping', 'data'],
      )
      assert.deepEqual(frames.at(-1), { type: 'data', streamId: 1, fin: true, data: Buffer.alloc(0) })
    }
  })

  it('refuses what is no SPDY/3 and control frames without measure', () => {
    assert.throws(() => [...new FrameReader().read(Buffer.from('80020001000000ff', 'hex'))], /not a SPDY/)
    assert.throws(() => [...new FrameReader().read(Buffer.from('8003000100ffffff', 'hex'))], /too long/)
  })
})

describe('SpdyConnection', () => {
  it('carries megabytes both ways on one stream and ends each side by itself', async () => {
    const { client, next } = joined()
    const sent = randomBytes(5_000_000)
    const ours = await client.openStream({ streamType: 'data' })
    const theirs = await next()
    theirs.pipe(theirs)
    ours.end(sent)
    assert.ok((await buffer(ours)).equals(sent))
    assert.equal(theirs.headers['streamtype'], 'data')
  })

  it('keeps streams apart', async () => {
    const { client, next } = joined()
    const streams = await Promise.all(['a', 'b', 'c'].map((name) => client.openStream({ name })))
    for (const stream of streams) stream.end(String(stream.headers['name']).repeat(100_000))
    for (const expected of ['a', 'b', 'c']) {
      const stream = await next()
      assert.equal((await buffer(stream)).toString(), expected.repeat(100_000))
    }
  })

  it('stops reading when a stream is not read, and goes on when it is', async () => {
    const { client, next } = joined()
    const ours = await client.openStream({})
    const theirs = await next()
    const sent = randomBytes(8_000_000)
    let taken = 0
    const pieces = function* () {
      for (; taken < sent.length; taken += 50_000) yield sent.subarray(taken, taken + 50_000)
    }
    Readable.from(pieces()).pipe(ours)
    // Until nothing moves any more.
    for (let before = -1; before !== taken; ) {
      before = taken
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    }
    assert.ok(taken > 0 && taken < 4_000_000, `the sender was let send ${taken}`)
    assert.ok((await buffer(theirs)).equals(sent))
  })

  it('turns destroy into a reset of that stream alone', async () => {
    const { client, next } = joined()
    const [one, two] = [await client.openStream({}), await client.openStream({})]
    const [first, second] = [await next(), await next()]
    const closed = once(first, 'close')
    one.destroy()
    await closed
    two.end('still here')
    assert.equal((await buffer(second)).toString(), 'still here')
  })

  it('answers pings', async () => {
    const [serverSide, peer] = duplexPair()
    const server = new SpdyConnection(serverSide, { onStream: () => {} })
    peer.write(pingFrame(9))
    const reader = new FrameReader()
    const frames: SpdyFrame[] = []
    for await (const chunk of peer) {
      frames.push(...reader.read(chunk as Buffer))
      if (frames.some((frame) => frame.type === 'ping' && frame.id === 9)) break
    }
    assert.equal(server.signal.aborted, false)
  })

  it('ends all streams and aborts its signal when the peer goes', async () => {
    const { server, next, client, clientSide } = joined()
    const ours = await client.openStream({})
    ours.write('last words')
    const theirs = await next()
    clientSide.end()
    assert.equal((await buffer(theirs)).toString(), 'last words')
    assert.equal(server.signal.aborted, true)
    // Writing to somebody who has gone is no crash.
    theirs.write('anybody?')
  })
})
