/** The API server over HTTP/2: what Go clients, curl and browsers choose by ALPN. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http2 from 'node:http2'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { startCluster } from '../harness/cluster.ts'
import { createHttp, type Http, pkiCredentials } from '../harness/http.ts'
import { createHttp2, frame, frameTypes, type Http2Client, openRawHttp2 } from '../harness/http2.ts'
import { seededRandom } from '../harness/seeded-random.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const execFileAsync = promisify(execFile)
const configMaps = '/api/v1/namespaces/default/configmaps'
const protobuf = 'application/vnd.kubernetes.protobuf'
const { NGHTTP2_NO_ERROR } = http2.constants

let client: Http2Client
let http1: Http
const theCluster = useCluster({}, async (cluster) => {
  client = await createHttp2(cluster)
  http1 = createHttp(cluster, pkiCredentials(cluster, 'admin'))
})

const configMap = (name: string, data: Record<string, string> = {}): string =>
  JSON.stringify({ metadata: { name }, data })

const create = async (name: string, data: Record<string, string> = {}): Promise<void> => {
  const { code, text } = await client.call(configMaps, { method: 'POST', body: configMap(name, data) })
  assert.equal(code, 201, text)
}

/** How many requests of that verb, for the ConfigMaps of one namespace, the server says it serves: controllers ask for all. */
const longRunning = async (verb: string): Promise<number> => {
  const { text } = await http1('/metrics')
  return text
    .split('\n')
    .filter((line) => line.startsWith('apiserver_longrunning_requests{') && line.includes(`verb="${verb}"`))
    .filter((line) => line.includes('resource="configmaps"') && !line.includes('scope="cluster"'))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

describe('requests over HTTP/2', () => {
  it('answers as over HTTP/1.1', async () => {
    await create('same', { a: 'b' })
    for (const path of [`${configMaps}/same`, `${configMaps}/missing`, '/version', '/nothing', '/healthz']) {
      const [two, one] = await Promise.all([client.call(path), http1(path)])
      assert.equal(two.code, one.code, path)
      assert.equal(two.text, one.text, path)
      for (const name of ['content-type', 'cache-control', 'content-length', 'warning']) {
        assert.equal(two.headers[name], one.headers[name], `${name} of ${path}`)
      }
      assert.match(String(two.headers['audit-id']), /^[\da-f-]{36}$/)
    }
  })

  it('creates, changes and deletes', async () => {
    await create('walked')
    const path = `${configMaps}/walked`
    const patched = await client.call(path, {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: '{"data":{"k":"v"}}',
    })
    assert.deepEqual((JSON.parse(patched.text) as { data: unknown }).data, { k: 'v' })
    const deleted = await client.call(path, { method: 'DELETE' })
    assert.equal(deleted.code, 200)
    assert.equal((await client.call(path)).code, 404)
  })

  it('sends no body for HEAD and for what has not changed', async () => {
    for (const [path, code] of [
      ['/healthz', 200],
      ['/version', 405],
    ] as const) {
      const head = await client.call(path, { method: 'HEAD' })
      assert.equal(head.code, code)
      assert.equal(head.bytes.length, 0)
    }
    const first = await client.call('/openapi/v3')
    const again = await client.call('/openapi/v3', { headers: { 'if-none-match': String(first.headers['etag']) } })
    assert.equal(again.code, 304)
    assert.equal(again.bytes.length, 0)
  })

  it('speaks protobuf both ways', async () => {
    await create('binary')
    const got = await client.call(`${configMaps}/binary`, { headers: { accept: protobuf } })
    assert.equal(got.headers['content-type'], protobuf)
    assert.equal(got.bytes.toString('latin1', 0, 3), 'k8s')
    const put = await client.call(`${configMaps}/binary`, {
      method: 'PUT',
      headers: { 'content-type': protobuf },
      body: got.bytes,
    })
    assert.equal(put.code, 200, put.text)
  })

  it('takes a large body after 100 Continue, and refuses one that is too large', async () => {
    const stream = client.session.request({
      ':method': 'POST',
      ':path': configMaps,
      'content-type': 'application/json',
      expect: '100-continue',
    })
    await once(stream, 'continue')
    stream.end(configMap('large', { text: 'x'.repeat(1_000_000) }))
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
    stream.resume()
    assert.equal(headers[':status'], 201)
    const refused = await client.call(configMaps, { method: 'POST', body: Buffer.alloc(4 * 1024 * 1024, 0x61) })
    assert.equal(refused.code, 413)
    assert.match(refused.text, /"message": ?"Request entity too large: limit is 3145728"/)
  })

  it('sends a big list through a small window, compressed where that is asked for', async () => {
    for (let index = 0; index < 4; index++) await create(`filler-${index}`, { text: `${index}`.repeat(900_000) })
    await using narrow = await createHttp2(theCluster(), { settings: { initialWindowSize: 1024 } })
    const plain = await narrow.call(configMaps)
    assert.ok(plain.bytes.length > 3_600_000)
    const zipped = await narrow.call(configMaps, { headers: { 'accept-encoding': 'gzip' } })
    assert.equal(zipped.headers['content-encoding'], 'gzip')
    interface List {
      readonly items: readonly { readonly metadata: { readonly name: string } }[]
    }
    const itemsOf = (text: string) =>
      (JSON.parse(text) as List).items.filter(({ metadata }) => metadata.name.startsWith('filler-'))
    assert.equal(itemsOf(plain.text).length, 4)
    assert.deepEqual(itemsOf(gunzipSync(zipped.bytes).toString('utf8')), itemsOf(plain.text))
    for (let index = 0; index < 4; index++) {
      await client.call(`${configMaps}/filler-${index}`, { method: 'DELETE' })
    }
  })

  it('knows its clients by certificate, by token and by nothing', async () => {
    assert.equal((await strangersRequest(configMaps)).code, 401)
    assert.equal((await strangersRequest('/version')).code, 200)
    assert.equal((await strangersRequest(configMaps, { authorization: 'Bearer nobody' })).code, 401)
    const groups = ['impersonated-a', 'impersonated-b']
    const review = await client.call('/apis/authentication.k8s.io/v1/selfsubjectreviews', {
      method: 'POST',
      headers: { 'impersonate-user': 'somebody', 'impersonate-group': groups },
      body: '{}',
    })
    const { status } = JSON.parse(review.text) as { status: { userInfo: { username: string; groups: string[] } } }
    assert.equal(status.userInfo.username, 'somebody')
    assert.deepEqual(status.userInfo.groups, [...groups, 'system:authenticated'])
  })

  it('ends the connection of a client without credentials after its request, in order', async () => {
    for (const headers of [{}, { authorization: 'Bearer nobody' }]) {
      const { goaway, text } = await strangersRequest('/healthz', headers)
      assert.equal(goaway, NGHTTP2_NO_ERROR)
      assert.match(text, /^ok$|"Unauthorized"/)
    }
  })

  it('answers a request with too many headers with 431', async () => {
    const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`x-filler-${index}`, 'y'.repeat(16)]))
    assert.equal((await client.call('/version', { headers: many })).code, 200)
    // Sent once and then referred to with a byte each: little on the wire, more than 1 MiB as a list.
    const once = Buffer.concat([Buffer.from([0x40]), hpackText('x-filler'), hpackText('z'.repeat(3_800))])
    const block = Buffer.concat([literalHeaders('/version'), once, Buffer.alloc(300, 0xbe)])
    const raw = await openRawHttp2(theCluster())
    const answer = nextFrame(raw, ({ type }) => type === frameTypes.headers)
    raw.write(frame(frameTypes.headers, 5, 1, block))
    // The status comes first, in digits: Huffman's code would not be shorter.
    assert.match((await answer).payload.toString('latin1'), /^.{1,2}431/s)
    raw.destroy()
  })
})

describe('watches over HTTP/2', () => {
  it('sends each event at once, many watches to a connection, and frees what the client resets', async () => {
    const before = await longRunning('WATCH')
    const count = 50
    const texts = new Array<string>(count).fill('')
    const streams = texts.map((_, index) => {
      const stream = client.open(`${configMaps}?watch=true&fieldSelector=metadata.name=watched`)
      stream.setEncoding('utf8').on('data', (chunk: string) => (texts[index] += chunk))
      stream.on('error', () => undefined)
      return stream
    })
    await Promise.all(streams.map((stream) => once(stream, 'response')))
    assert.equal(await longRunning('WATCH'), before + count)
    await create('watched')
    await waitFor(() => texts.every((text) => text.endsWith('}\n') && text.includes('"ADDED"')), {
      what: 'the event in every watch',
    })
    for (const stream of streams) stream.close(http2.constants.NGHTTP2_CANCEL)
    await waitFor(async () => (await longRunning('WATCH')) === before, { what: 'the server to forget the watches' })
  })

  it('ends a watch in order at its timeout', async () => {
    const { code, text } = await client.call(`${configMaps}?watch=true&timeoutSeconds=1&resourceVersion=0`)
    assert.equal(code, 200)
    assert.ok(text.endsWith('}\n'))
  })
})

describe('limits of HTTP/2', () => {
  it('says upstream’s settings', () => {
    const { maxConcurrentStreams, initialWindowSize, maxFrameSize } = client.session.remoteSettings
    assert.deepEqual(
      { maxConcurrentStreams, initialWindowSize, maxFrameSize },
      { maxConcurrentStreams: 100, initialWindowSize: 262_144, maxFrameSize: 262_144 },
    )
  })

  it('lets a client have a hundred streams at once: the next ones wait with it', async () => {
    await using own = await createHttp2(theCluster())
    const streams = Array.from({ length: 99 }, () => own.open(`${configMaps}?watch=true`).resume())
    const ending = own.call(`${configMaps}?watch=true&timeoutSeconds=2`)
    await Promise.all(streams.map((stream) => once(stream, 'response')))
    let answered = false
    const waiting = own.call('/healthz').finally(() => {
      answered = true
    })
    await new Promise((resolve) => own.session.ping(resolve))
    assert.equal(answered, false)
    await ending
    assert.equal((await waiting).text, 'ok')
  })

  it('ends a connection with more streams than that', async () => {
    const raw = await openRawHttp2(theCluster())
    const goaway = nextFrame(raw, ({ type }) => type === frameTypes.goaway)
    const watch = literalHeaders(`${configMaps}?watch=true`)
    for (let index = 0; index < 101; index++) raw.write(frame(frameTypes.headers, 5, 2 * index + 1, watch))
    assert.equal((await goaway).payload.readUInt32BE(4), http2.constants.NGHTTP2_PROTOCOL_ERROR)
  })

  it('ends a connection whose client opens and resets streams without end, and goes on with the others', async () => {
    const raw = await openRawHttp2(theCluster())
    const ended = once(raw, 'close')
    raw.resume()
    const head = literalHeaders(configMaps)
    const cancel = Buffer.from([0, 0, 0, 8])
    for (let index = 0; index < 5_000 && raw.writable; index++) {
      const id = 2 * index + 1
      raw.write(Buffer.concat([frame(frameTypes.headers, 5, id, head), frame(frameTypes.rstStream, 0, id, cancel)]))
    }
    await ended
    assert.equal((await client.call('/healthz')).text, 'ok')
  })

  for (const [what, bytes] of [
    ['PING', frame(frameTypes.ping, 0, 0, Buffer.alloc(8))],
    ['SETTINGS', frame(frameTypes.settings, 0, 0)],
    ['CONTINUATION', Buffer.alloc(0)],
  ] as const) {
    it(`ends a connection that floods it with ${what}, and goes on with the others`, async () => {
      const raw = await openRawHttp2(theCluster())
      const ended = once(raw, 'close')
      const flood =
        what === 'CONTINUATION'
          ? [
              frame(frameTypes.headers, 1, 1, literalHeaders('/version')),
              ...Array.from({ length: 1_000 }, () =>
                frame(frameTypes.continuation, 0, 1, Buffer.from([0x40, 1, 97, 1, 98])),
              ),
            ]
          : Array.from({ length: 50_000 }, () => bytes)
      // Not reading is what makes the answers pile up.
      raw.pause()
      raw.write(Buffer.concat(flood))
      raw.end()
      setImmediate(() => raw.resume())
      await ended
      assert.equal((await client.call('/healthz')).text, 'ok')
    })
  }

  it('goes on whatever clients send, and however they leave', async () => {
    const { below, pick, oneIn } = seededRandom(20_261_125)
    const before = await longRunning('WATCH')
    const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => below(256)))
    const paths = [configMaps, `${configMaps}?watch=true`, '/healthz', '/openapi/v3', '/apis'] as const
    for (let connection = 0; connection < 150; connection++) {
      const raw = await openRawHttp2(theCluster())
      raw.resume()
      for (let index = 0; index < 1 + below(12) && raw.writable; index++) {
        const stream = 2 * below(8) + 1
        const head = literalHeaders(pick(paths))
        const sent = pick([
          frame(frameTypes.headers, 5, stream, head),
          frame(frameTypes.headers, 4, stream, head),
          frame(frameTypes.headers, below(256), stream, head.subarray(0, below(head.length))),
          frame(frameTypes.rstStream, 0, stream, Buffer.from([0, 0, 0, 8])),
          frame(8, 0, stream, bytes(4)),
          frame(0, below(2), stream, bytes(below(200))),
          frame(below(14), below(256), below(16), bytes(below(64))),
          bytes(below(64)),
        ])
        raw.write(sent)
      }
      // Half leave in the middle of it, the others when they have said it all.
      if (oneIn(2)) raw.destroy()
      else {
        raw.end()
        setImmediate(() => raw.destroy())
      }
    }
    assert.equal((await client.call('/healthz')).text, 'ok')
    await waitFor(async () => (await longRunning('WATCH')) === before, { what: 'the server to forget the watches' })
  })

  it('says GOAWAY now and then where that is asked for, and finishes what has begun', async () => {
    await using other = await startCluster({ extraArgs: { 'kube-apiserver': { 'goaway-chance': '0.02' } } })
    await using own = await createHttp2(other)
    let said: number | undefined
    own.session.once('goaway', (code: number) => {
      said = code
    })
    // Two in a hundred: that two thousand go by without any does not happen.
    for (let index = 0; index < 2_000 && said === undefined && !own.session.closed; index++) {
      assert.equal((await own.call('/healthz')).text, 'ok')
    }
    assert.equal(said, NGHTTP2_NO_ERROR)
  })
})

describe('clients of HTTP/2', () => {
  it('serves kubectl, which chooses it', async () => {
    assert.match(await theCluster().kubectl('get', 'namespaces'), /default/)
  })

  it('serves curl in both versions', async () => {
    const { layout, server } = theCluster()
    const { pki } = layout
    const args = ['-sS', '--cacert', `${pki}/ca.crt`, '--cert', `${pki}/admin.crt`, '--key', `${pki}/admin.key`]
    const versionOf = async (...more: string[]): Promise<string> =>
      (await execFileAsync('curl', [...args, '-o', '/dev/null', '-w', '%{http_version}', ...more])).stdout
    assert.equal(await versionOf(`${server}/version`), '2')
    assert.equal(await versionOf('--http1.1', `${server}/version`), '1.1')
  })
})

describe('a server that is told to stop', () => {
  it('says GOAWAY, ends watches in order and answers what is under way', { timeout: 60_000 }, async () => {
    await using own = await createHttp2(theCluster())
    const watch = own.open(`${configMaps}?watch=true`)
    watch.resume()
    await once(watch, 'response')
    const slow = own.session.request({ ':method': 'POST', ':path': configMaps, 'content-type': 'application/json' })
    const body = configMap('slow')
    slow.write(body.slice(0, 10))
    const goaway = once(own.session, 'goaway')
    const watchEnded = once(watch, 'end')
    const { pid } = JSON.parse(readFileSync(join(theCluster().layout.run, 'kube-apiserver.pid'), 'utf8')) as {
      pid: number
    }
    process.kill(pid, 'SIGTERM')
    const [code] = (await goaway) as [number]
    assert.equal(code, NGHTTP2_NO_ERROR)
    await watchEnded
    assert.equal(watch.rstCode, NGHTTP2_NO_ERROR)
    slow.end(body.slice(10))
    const [headers] = (await once(slow, 'response')) as [Record<string, unknown>]
    assert.equal(headers[':status'], 201)
  })
})

/** One request without a certificate, on a connection of its own; resolves when the server has closed that. */
const strangersRequest = async (path: string, headers: http2.OutgoingHttpHeaders = {}) => {
  const { server, layout } = theCluster()
  const session = http2.connect(server, { ca: readFileSync(join(layout.pki, 'ca.crt'), 'utf8') })
  const closed = once(session, 'close')
  const goaway = once(session, 'goaway') as Promise<[number]>
  const stream = session.request({ ':path': path, ...headers })
  let text = ''
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const [answered] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders]
  await closed
  const [code] = await goaway
  return { code: Number(answered[':status']), goaway: code, text }
}

interface Frame {
  readonly type: number
  readonly stream: number
  readonly payload: Buffer
}

/** The first frame from the server that `wanted` takes. */
const nextFrame = (socket: NodeJS.ReadableStream, wanted: (frame: Frame) => boolean): Promise<Frame> =>
  new Promise((resolve, reject) => {
    let rest = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
        const end = 9 + rest.readUIntBE(0, 3)
        const found = { type: rest[3] ?? 0, stream: rest.readUInt32BE(5), payload: rest.subarray(9, end) }
        rest = rest.subarray(end)
        if (wanted(found)) resolve(found)
      }
    })
    socket.once('close', () => reject(new Error('the connection was closed before that frame came')))
  })

/** HPACK: GET and https are in the static table, the rest is written out. */
const literalHeaders = (path: string): Buffer =>
  Buffer.concat([Buffer.from([0x82, 0x87, 0x04]), hpackText(path), Buffer.from([0x01]), hpackText('localhost')])

/** A length in seven bits, or in as many bytes as it takes (RFC 7541, 5.1), and the text as it is. */
const hpackText = (text: string): Buffer => {
  const length = text.length < 127 ? [text.length] : [127]
  for (let rest = text.length - 127; rest >= 0; rest = rest < 128 ? -1 : rest >> 7) {
    length.push(rest < 128 ? rest : (rest & 127) | 128)
  }
  return Buffer.concat([Buffer.from(length), Buffer.from(text)])
}
