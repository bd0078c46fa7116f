/** Bodies: framed in every way, large, slow, and broken off, in both directions. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { waitFor } from '../../harness/wait.ts'
import { createHttp2 } from '../../harness/http2.ts'
import { sha256 } from './backend.ts'
import { readSocket } from './client.ts'
import { web, type World } from './world.ts'

const mebibyte = 1024 * 1024

/** Random bytes in pieces of 64 KiB, and their hash when all are out. */
const randomStream = (size: number): { stream: Readable; hash: () => string } => {
  const hash = createHash('sha256')
  const piece = randomBytes(65_536)
  const stream = Readable.from(
    (function* () {
      for (let left = size; left > 0; left -= piece.length) {
        const chunk = Buffer.from(piece.subarray(0, Math.min(left, piece.length)))
        chunk.writeUInt32BE(left, 0)
        hash.update(chunk)
        yield chunk
      }
    })(),
    { objectMode: false },
  )
  return { stream, hash: () => hash.digest('hex') }
}

export const describeBodies = (running: () => World): void => {
  describe('bodies', () => {
    it('of requests keep their framing', async () => {
      const { client } = running()
      const ask = async (method: string, headers: Record<string, string>, body?: string) =>
        (await client.ask(`${web}/f`, { method, headers, ...(body === undefined ? {} : { body }) })).seen
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'GET']) {
        const chunked = await ask(method, { 'transfer-encoding': 'chunked' }, 'in chunks')
        assert.deepEqual([chunked.method, chunked.bytes, chunked.sha256], [method, 9, sha256('in chunks')])
        assert.equal(chunked.headers['transfer-encoding'], 'chunked')
        const counted = await ask(method, { 'content-length': '7' }, 'counted')
        assert.deepEqual([counted.bytes, counted.headers['content-length']], [7, '7'])
        assert.equal(counted.headers['transfer-encoding'], undefined)
      }
      const empty = await ask('POST', { 'content-length': '0' })
      assert.deepEqual([empty.bytes, empty.headers['content-length']], [0, '0'])
      const expecting = await client.ask(`${web}/f`, {
        method: 'POST',
        headers: { expect: '100-continue', 'content-length': '2' },
        body: 'ok',
      })
      assert.equal(expecting.seen.bytes, 2)
    })

    it('of 48 MiB arrive whole, in and out', async () => {
      const { client, plain } = running()
      const up = randomStream(48 * mebibyte)
      const { seen } = await client.ask(`${web}/up`, { method: 'POST', body: up.stream })
      assert.deepEqual([seen.bytes, seen.sha256], [48 * mebibyte, up.hash()])
      const down = randomStream(48 * mebibyte)
      plain.answers.set('/down', (_, response) => {
        response.writeHead(200, { 'Content-Type': 'application/octet-stream' })
        down.stream.pipe(response)
      })
      const { response } = await client.open(`${web}/down`)
      const hash = createHash('sha256')
      for await (const chunk of response) hash.update(chunk as Buffer)
      assert.equal(hash.digest('hex'), down.hash())
    })

    it('pass over HTTP/2 as well, and end when the client has enough', async () => {
      const { cluster, plain } = running()
      await using http2 = await createHttp2(cluster)
      const body = randomBytes(8 * mebibyte)
      plain.answers.set('/echo', (request, response) => {
        response.writeHead(200)
        request.pipe(response)
      })
      const { code, bytes } = await http2.call(`${web}/echo`, { method: 'POST', body })
      assert.deepEqual([code, sha256(bytes)], [200, sha256(body)])
      const answering = new Promise<ServerResponse>((resolve) => {
        plain.answers.set('/endless', (_, response) => {
          response.writeHead(200).write('x')
          resolve(response)
        })
      })
      const stream = http2.open(`${web}/endless`)
      await once(stream, 'data')
      const closed = once(await answering, 'close')
      stream.close()
      await closed
    })

    it('do not pile up before a slow reader', async () => {
      const { client, plain } = running()
      let written = 0
      plain.answers.set('/slow', (_, response) => {
        response.writeHead(200)
        const { stream } = randomStream(256 * mebibyte)
        stream.on('data', (chunk: Buffer) => {
          written += chunk.length
        })
        stream.pipe(response)
      })
      const { request, response } = await client.open(`${web}/slow`)
      response.pause()
      let before = -1
      await waitFor(
        () => {
          const stopped = written > 0 && written === before
          before = written
          return stopped
        },
        { what: 'the backend to be held up' },
      )
      assert.ok(written < 64 * mebibyte, `${written} bytes were taken of a reader that does not read`)
      request.destroy()
    })

    it('stream both ways at once, piece by piece', async () => {
      const { client, plain } = running()
      plain.answers.set('/echo', (request, response) => {
        response.writeHead(200)
        request.pipe(response)
      })
      const body = new PassThrough()
      body.write('one')
      const { response } = await client.open(`${web}/echo`, { method: 'POST', body })
      assert.equal((await readSocket(response, 3)).toString(), 'one')
      body.write('two')
      assert.equal((await readSocket(response, 3)).toString(), 'two')
      body.end()
      assert.equal((await readSocket(response)).length, 0)
    })

    it('end with their trailers', async () => {
      const { client, plain } = running()
      plain.answers.set('/trailers', (_, response) => {
        response.writeHead(200, { Trailer: 'X-Sum' })
        response.write('x')
        response.addTrailers({ 'X-Sum': '1' })
        response.end()
      })
      const { text, trailers } = await client.ask(`${web}/trailers`)
      assert.deepEqual([text, trailers['x-sum']], ['x', '1'])
    })

    it('are compressed only for who asked for it', async () => {
      const { client, plain } = running()
      const body = gzipSync('compressed')
      plain.answers.set('/gzip', (_, response) => {
        response.writeHead(200, { 'Content-Encoding': 'gzip', 'Content-Length': body.length, 'Content-Type': 'x/y' })
        response.end(body)
      })
      const without = await client.ask(`${web}/gzip`)
      assert.deepEqual([without.text, without.headers['content-encoding']], ['compressed', undefined])
      const asked = await client.ask(`${web}/gzip`, { headers: { 'accept-encoding': 'gzip' } })
      assert.equal(asked.headers['content-encoding'], 'gzip')
      assert.equal(gunzipSync(asked.body).toString(), 'compressed')
      const ranged = await client.ask(`${web}/r`, { headers: { range: 'bytes=0-1' } })
      assert.equal(ranged.seen.headers['accept-encoding'], undefined)
    })

    it('that nobody wants any more end the request at the backend', async () => {
      const { client, plain } = running()
      const answering = new Promise<ServerResponse>((resolve) => {
        plain.answers.set('/gone', (_, response) => {
          response.writeHead(200).write('x')
          resolve(response)
        })
      })
      const { request } = await client.open(`${web}/gone`)
      const response = await answering
      const closed = once(response, 'close')
      request.destroy()
      await closed
      assert.equal(response.writableFinished, false)
    })

    it('that break off at the backend break off at the client', async () => {
      const { client, plain } = running()
      plain.answers.set('/broken', (_, response) => {
        response.writeHead(200, { 'Content-Length': 10 }).write('12345', () => response.destroy())
      })
      await assert.rejects(client.ask(`${web}/broken`), /aborted|socket hang up/)
    })

    it('need not be read before the answer', async () => {
      const { client, plain } = running()
      plain.answers.set('/early', (_, response) => {
        response.writeHead(413).end('too much')
      })
      const { code, text } = await client.ask(`${web}/early`, {
        method: 'POST',
        // A connection that ends with the answer would end before all is sent.
        headers: { connection: 'keep-alive' },
        body: randomStream(8 * mebibyte).stream,
      })
      assert.deepEqual([code, text], [413, 'too much'])
    })
  })
}
