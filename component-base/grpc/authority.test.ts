import assert from 'node:assert/strict'
import { once } from 'node:events'
import http2 from 'node:http2'
import net from 'node:net'
import { describe, it } from 'node:test'
import { repairAuthority } from './authority.ts'
import { beginsLikeGo, readFirstRequest } from './first-request.ts'
import { listen } from './listener.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')

/** Headers as Debian's etcdctl 3.4 sends them, `:authority` in Huffman's code between the two. */
const before = '8386 45 97 60a924882d9dcb6571afa066a925a87510ac6e48d36a3f'
const after = '5f 8b 1d75d0620d263d4c4d6564 7a 8b 9acac8b4c7602bb2caecff 40 02 7465 86 4d833505b11f'
const block = (authority: string): Buffer => hex(`${before} 41 ${authority} ${after}`)
const urlAuthority = '90 9d29aee30c044eae05c0b86e0997d90f'
const plainAuthority = '8b 089d5c0b8170dc132fb21f'
const raw = (text: string): string =>
  `${text.length.toString(16).padStart(2, '0')} ${Buffer.from(text).toString('hex')}`

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const settings = hex('000000 04 00 00000000')
const acknowledgement = hex('000000 04 01 00000000')
const headersFrame = (headers: Buffer): Buffer => {
  const head = hex('000000 01 04 00000001')
  head.writeUIntBE(headers.length, 0, 3)
  return Buffer.concat([head, headers])
}

describe('the :authority of a request', () => {
  it('that is a URL becomes host and port, all other fields stay', () => {
    assert.deepEqual(repairAuthority(block(urlAuthority)), block(raw('127.0.0.1:23931')))
    assert.deepEqual(repairAuthority(block(raw('#initially=[http://127.0.0.1:2379]'))), block(raw('127.0.0.1:2379')))
    assert.deepEqual(repairAuthority(block(raw('/'))), block(raw('-')))
  })

  it('that is legal is not touched, nor is a block that is cut', () => {
    for (const authority of [plainAuthority, raw('[::1]:2379'), raw('etcd.example')]) {
      const headers = block(authority)
      assert.equal(repairAuthority(headers), headers)
    }
    const whole = block(urlAuthority)
    for (let length = 0; length < 30; length++) {
      const cut = whole.subarray(0, length)
      assert.equal(repairAuthority(cut), cut)
    }
  })
})

describe('the beginning of a connection', () => {
  it('is a Go client’s by its empty SETTINGS', () => {
    const whole = Buffer.concat([preface, settings])
    for (let length = 0; length < whole.length; length++) assert.equal(beginsLikeGo(whole.subarray(0, length)), 'more')
    assert.equal(beginsLikeGo(whole), 'yes')
    assert.equal(beginsLikeGo(Buffer.concat([preface, hex('000006 04 00 00000000 000300000064')])), 'no')
    assert.equal(beginsLikeGo(Buffer.from('GET / HTTP/1.1')), 'no')
  })

  it('is handed on with its first request, repaired, and without the acknowledgement that is ours', () => {
    const request = headersFrame(block(urlAuthority))
    const data = hex('000005 00 01 00000001 0000000000')
    const whole = Buffer.concat([preface, settings, acknowledgement, request, data])
    const expected = Buffer.concat([preface, settings, headersFrame(block(raw('127.0.0.1:23931'))), data])
    const enough = whole.length - data.length
    for (let length = preface.length; length < enough; length++) {
      assert.deepEqual(readFirstRequest(whole.subarray(0, length)), { type: 'more' })
    }
    assert.deepEqual(readFirstRequest(whole), { type: 'done', bytes: expected })
  })

  it('that is idle is handed on when the client has acknowledged', () => {
    assert.deepEqual(readFirstRequest(Buffer.concat([preface, settings]), true), { type: 'more' })
    assert.deepEqual(readFirstRequest(Buffer.concat([preface, settings, acknowledgement]), true), {
      type: 'done',
      bytes: Buffer.concat([preface, settings]),
    })
  })

  it('reaches node’s HTTP/2, byte by byte', async () => {
    const server = http2.createServer()
    const seen = once(server, 'stream')
    const listener = await listen({ host: '127.0.0.1', port: 0, http2: server, http1: () => {} })
    const socket = net.connect(listener.port, '127.0.0.1')
    const bytes = Buffer.concat([preface, settings, acknowledgement, headersFrame(block(urlAuthority))])
    for (const byte of bytes) await new Promise((resolve) => socket.write(Buffer.of(byte), resolve))
    const [stream, headers] = (await seen) as [http2.ServerHttp2Stream, http2.IncomingHttpHeaders]
    assert.equal(headers[':authority'], '127.0.0.1:23931')
    assert.equal(headers[':path'], '/etcdserverpb.Maintenance/Status')
    stream.close()
    socket.destroy()
    await listener.close(0)
  })
})
