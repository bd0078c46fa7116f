/** Through the proxies: smuggled requests, injected headers, answers that are more than one, addresses of the host. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { join } from 'node:path'
import type { IncomingMessage } from 'node:http'
import { describe, it } from 'node:test'
import { connect } from 'node:tls'
import { frame, frameTypes, openRawHttp2 } from '../../harness/http2.ts'
import { createPod, nodes, pods, web, type World } from '../proxy/world.ts'

/** Says the lines and whatever follows, and gives all that comes back until the end. */
const speak = async ({ cluster }: World, text: string): Promise<string> => {
  const read = (name: string): string => readFileSync(join(cluster.layout.pki, name), 'utf8')
  const { hostname: host, port } = new URL(cluster.server)
  const socket = connect({
    host,
    port: Number(port),
    ca: read('ca.crt'),
    cert: read('admin.crt'),
    key: read('admin.key'),
    ALPNProtocols: ['http/1.1'],
  })
  await once(socket, 'secureConnect')
  let answer = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    answer += chunk
  })
  socket.on('error', () => {})
  socket.write(text, 'latin1')
  // An answer that leaves the connection open is one, too.
  socket.setTimeout(3_000, () => socket.end())
  await once(socket, 'close')
  return answer
}

const linesOf = (...lines: readonly string[]): string => `${lines.join('\r\n')}\r\n\r\n`
const codesOf = (answer: string): string[] => [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, code]) => code ?? '')

/** A header as HPACK writes it without its tables; texts shorter than 127. */
const literal = ([name, value]: readonly [string, string]): Buffer =>
  Buffer.concat([0, name, value].map((one) => (one === 0 ? Buffer.from([0]) : hpackText(String(one)))))
const hpackText = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')])

/** A request over HTTP/2 with such headers and such a body, as a library would not send it; waits for its end. */
const speakHttp2 = async (
  { cluster }: World,
  headers: readonly (readonly [string, string])[],
  body: string,
): Promise<void> => {
  const socket = await openRawHttp2(cluster)
  const data = 0
  const endHeaders = 4
  const endStream = 1
  socket.write(
    Buffer.concat([
      frame(frameTypes.headers, endHeaders, 1, Buffer.concat(headers.map(literal))),
      frame(data, endStream, 1, Buffer.from(body)),
    ]),
  )
  let heard = Buffer.alloc(0)
  await new Promise<void>((resolve) => {
    socket.once('close', () => resolve())
    socket.on('data', (chunk: Buffer) => {
      heard = Buffer.concat([heard, chunk])
      for (let at = 0; at + 9 <= heard.length; at += 9 + heard.readUIntBE(at, 3)) {
        const type = heard[at + 3]
        const stream = heard.readUInt32BE(at + 5)
        if (type === frameTypes.goaway || (stream === 1 && type !== undefined && type !== 8)) resolve()
      }
    })
  })
  socket.destroy()
}

const smuggled = linesOf('GET /smuggled HTTP/1.1', 'Host: backend')

export const describeSmuggling = (running: () => World): void => {
  describe('an attack through a proxy', () => {
    const head = `POST ${web}/a HTTP/1.1`
    const ambiguous: Readonly<Record<string, string>> = {
      'a length beside chunks':
        linesOf(head, 'Host: x', 'Content-Length: 4', 'Transfer-Encoding: chunked') + '0\r\n\r\n',
      'two lengths': linesOf(head, 'Host: x', 'Content-Length: 0', `Content-Length: ${smuggled.length}`),
      'a length that is none': linesOf(head, 'Host: x', 'Content-Length: +0'),
      'a coding that is none': linesOf(head, 'Host: x', 'Transfer-Encoding: xchunked'),
      'chunks that are not last': linesOf(head, 'Host: x', 'Transfer-Encoding: chunked, identity'),
      'a space before the colon': linesOf(head, 'Host: x', 'Transfer-Encoding : chunked'),
      'a name on two lines': linesOf(head, 'Host: x', 'X-A: b', ' Transfer-Encoding: chunked'),
      'lines that end alone': `${head}\nHost: x\nContent-Length: 0\n\n`,
      'a header with a zero byte': linesOf(head, 'Host: x', 'X-A: b\0c'),
      'a header with a line end in it': linesOf(head, 'Host: x', 'X-A: b\rX-Remote-User: admin'),
      'a chunk whose length is none': `${linesOf(head, 'Host: x', 'Transfer-Encoding: chunked')}0x1\r\na\r\n0\r\n\r\n`,
      'two hosts': linesOf(head, 'Host: x', 'Host: y', 'Content-Length: 0'),
    }
    for (const [name, text] of Object.entries(ambiguous)) {
      it(`by ${name} is refused, and nothing after it is heard`, async () => {
        const world = running()
        const seen: string[] = []
        const note = (request: { url?: string }): void => void seen.push(request.url ?? '')
        world.plain.server.on('request', note)
        try {
          const answer = await speak(world, text + smuggled)
          assert.match(codesOf(answer).join(), /^(400|505)$/, answer)
          assert.ok(!seen.includes('/smuggled'), seen.join())
        } finally {
          world.plain.server.off('request', note)
        }
      })
    }

    const http2: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
      'chunks within its frames': [['transfer-encoding', 'chunked']],
      'a length that is too short': [['content-length', '0']],
      'a line end in a value': [['x-a', 'b\r\nX-Injected: c']],
      'a line end in a name': [['x-a: b\r\nx-injected', 'c']],
      'a request line in its path': [[':path', `${web}/a HTTP/1.1\r\nX-Injected: c\r\nX-A: b`]],
      'an upgrade of its connection': [
        ['connection', 'upgrade'],
        ['upgrade', 'websocket'],
      ],
    }
    const harmless = 'nothing of the kind'
    const all: typeof http2 = { ...http2, [harmless]: [['x-a', 'b']] }
    for (const [name, more] of Object.entries(all)) {
      it(`over HTTP/2 by ${name} reaches ${name === harmless ? 'its' : 'no'} backend`, async () => {
        const world = running()
        const seen: string[] = []
        const note = ({ url = '', headers }: IncomingMessage): void =>
          void seen.push(`${url} ${JSON.stringify(headers)}`)
        world.plain.server.on('request', note)
        try {
          const usual = [
            [':method', 'POST'],
            [':scheme', 'https'],
            [':authority', 'x'],
            ...(more.some(([field]) => field === ':path') ? [] : [[':path', `${web}/a`] as const]),
          ] as const
          await speakHttp2(world, [...usual, ...more], `0\r\n\r\n${smuggled}`)
          assert.equal((await world.client.ask(`${web}/last`)).code, 200)
          assert.doesNotMatch(seen.join('\n'), /smuggled|x-injected|websocket/)
          if (name === harmless) assert.match(seen.join('\n'), /^\/a .*"x-a":"b"/)
        } finally {
          world.plain.server.off('request', note)
        }
      })
    }

    it('by a request in a body stays a body', async () => {
      const { client } = running()
      for (const method of ['GET', 'POST', 'DELETE']) {
        const { seen } = await client.ask(`${web}/a`, {
          method,
          body: smuggled,
          headers: { 'content-length': smuggled.length },
        })
        assert.deepEqual([seen.method, seen.url, seen.bytes], [method, '/a', smuggled.length])
      }
    })

    it('by line ends in the path or the query stays in the path', async () => {
      const { client } = running()
      const { seen } = await client.ask(`${web}/a%0d%0aX-Injected:%20b?c=%0d%0aX-Injected:%20d`)
      assert.equal(seen.url, '/a%0D%0AX-Injected:%20b?c=%0d%0aX-Injected:%20d')
      assert.equal(seen.headers['x-injected'], undefined)
    })

    it('by naming headers of the connection cannot take away where a request comes from', async () => {
      const { client } = running()
      const { seen } = await client.ask(`${web}/a`, {
        headers: {
          Connection: 'close, X-Forwarded-For, Host',
          'X-Forwarded-For': '10.9.8.7',
          'X-Remote-User': 'admin',
        },
      })
      assert.match(String(seen.headers['x-forwarded-for']), /(^|, )127\.0\.0\.1$/)
      assert.ok(seen.headers['host'] !== undefined)
      assert.equal(seen.headers['x-remote-user'], undefined)
    })

    it('by dots in the path ends at the root of the backend', async () => {
      const { client } = running()
      for (const path of ['/a/../../../b', '/%2e%2e/%2e%2e/b', '/..%2f..%2fb', '/.%2e/b']) {
        const { seen, code } = await client.ask(`${web}${path}`)
        assert.deepEqual([code, seen.url], [200, '/b'], path)
      }
    })

    it('by a backend that answers twice reaches nobody else', async () => {
      const world = running()
      const evil = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'
      const server: Server = createServer((socket) => {
        socket.on('error', () => {})
        socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood${evil}${evil}`))
      })
      await new Promise<void>((resolve) => server.listen(0, world.plain.host, resolve))
      try {
        const { port } = server.address() as AddressInfo
        for (let i = 0; i < 5; i++) {
          const got = await world.client.ask(`${pods}/web:${port}/proxy/`)
          assert.equal(got.text, 'good')
        }
        assert.equal((await world.client.ask(`${web}/a`)).seen.url, '/a')
      } finally {
        server.close()
      }
    })

    it('at addresses of the host is refused, in every writing of them (CVE-2020-8555, CVE-2020-8562, CVE-2022-3294)', async () => {
      const { http, client } = running()
      const addresses = [
        '127.0.0.2',
        '169.254.169.254',
        '0.0.0.0',
        '::1',
        '::',
        '::ffff:127.0.0.1',
        '::ffff:a9fe:a9fe',
        'fe80::1',
        'ff02::1',
        '224.0.0.1',
        '255.255.255.255',
      ]
      for (const [index, ip] of addresses.entries()) {
        await createPod(http, `local-${index}`, ip, 80)
        const { code, status } = await client.ask(`${pods}/local-${index}/proxy/`)
        assert.equal(`${code} ${status.message}`, '400 address not allowed', ip)
      }
      for (const [index, address] of ['localhost', '127.0.0.1', '169.254.169.254', '::ffff:127.0.0.1'].entries()) {
        const body = {
          apiVersion: 'v1',
          kind: 'Node',
          metadata: { name: `local-${index}` },
          status: { addresses: [{ type: 'InternalIP', address }] },
        }
        assert.equal((await http(nodes, { method: 'POST', body })).code, 201)
        const { code, status } = await client.ask(`${nodes}/local-${index}:80/proxy/`)
        assert.equal(`${code} ${status.message}`, '400 address not allowed', address)
      }
    })
  })
}
