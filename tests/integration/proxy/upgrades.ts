/** WebSockets and other protocols through a proxy: bytes untouched, both ways. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { WebSocket, WebSocketServer } from 'ws'
import type { Status } from '../../../api/meta/status-error.ts'
import { waitFor } from '../../harness/wait.ts'
import { pods, services, web, type World } from './world.ts'
import { readSocket } from './client.ts'

/** A request to upgrade, as lines. */
const lines = (host: string, path: string, more: readonly string[] = []): string =>
  [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: raw/1',
    'X-Forwarded-For: 1.1.1.1',
    ...more,
    '',
    '',
  ].join('\r\n')

/** Reads the head of an answer; what came with it stays unread. */
const readHead = async (socket: TLSSocket): Promise<string> => {
  let bytes = Buffer.alloc(0)
  for (;;) {
    const end = bytes.indexOf('\r\n\r\n')
    if (end >= 0) {
      socket.unshift(bytes.subarray(end + 4))
      return bytes.subarray(0, end).toString()
    }
    const more = await readSocket(socket, 1)
    if (more.length === 0) throw new Error(`the connection ended: ${bytes.toString()}`)
    bytes = Buffer.concat([bytes, more])
  }
}

type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

export const describeUpgrades = (running: () => World): void => {
  describe('upgrades', () => {
    const handlers = new Map<string, Upgrade>()
    const seen: IncomingMessage[] = []
    const webSockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'chat' })
    const accepted = 'HTTP/1.1 101 Go on\r\nConnection: Upgrade\r\nUpgrade: raw/1\r\nX-Raw: a  b\r\n\r\n'

    before(() => {
      const { plain, tls } = running()
      webSockets.on('connection', (socket) => {
        socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
      })
      for (const { server } of [plain, tls]) {
        server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
          seen.push(request)
          socket.on('error', () => {})
          const path = (request.url ?? '').split('?')[0] ?? ''
          const handler = handlers.get(path)
          if (handler !== undefined) handler(request, socket, head)
          else webSockets.handleUpgrade(request, socket, head, (one) => webSockets.emit('connection', one, request))
        })
      }
      handlers.set('/echo', (_, socket, head) => {
        socket.write(accepted)
        if (head.length > 0) socket.write(head)
        socket.pipe(socket)
      })
    })
    after(() => webSockets.close())

    const dialTo = async (path: string, more: readonly string[] = [], early = ''): Promise<TLSSocket> => {
      const { client } = running()
      const socket = await client.dial()
      socket.write(lines(client.host, path, more) + early)
      return socket
    }

    it('to WebSocket work for Pods, Services and TLS backends', async () => {
      const { client } = running()
      const { layout } = running().cluster
      const read = (name: string): string => readFileSync(join(layout.pki, name), 'utf8')
      for (const path of [
        `${web}/ws?a=b`,
        `${services}/web:first/proxy/ws?a=b`,
        `${services}/https:secure:tls/proxy/ws?a=b`,
        `${pods}/https:secure:/proxy/ws?a=b`,
      ]) {
        const socket = new WebSocket(`wss://${client.host}${path}`, ['chat', 'other'], {
          ca: read('ca.crt'),
          cert: read('admin.crt'),
          key: read('admin.key'),
        })
        await once(socket, 'open')
        assert.equal(socket.protocol, 'chat')
        for (const message of [Buffer.from('hello'), randomBytes(300_000)]) {
          const answered = once(socket, 'message')
          socket.send(message)
          assert.deepEqual((await answered)[0], message)
        }
        const closed = once(socket, 'close')
        socket.close(4001, 'enough')
        assert.equal((await closed)[0], 4001)
        assert.equal(seen.at(-1)?.url, '/ws?a=b')
      }
    })

    it('with a token among their subprotocols keep it from the backend', async () => {
      const { client, cluster, http } = running()
      const { json } = await http('/api/v1/namespaces/default/serviceaccounts/default/token', {
        method: 'POST',
        body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
      })
      const { token } = json['status'] as { token: string }
      const offered = `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`
      const ca = readFileSync(join(cluster.layout.pki, 'ca.crt'), 'utf8')
      const open = (): WebSocket => new WebSocket(`wss://${client.host}${web}/token`, [offered, 'chat'], { ca })
      const [refused] = (await once(open(), 'error')) as [Error]
      assert.match(refused.message, /403/)
      const user = { kind: 'ServiceAccount', name: 'default', namespace: 'default' }
      const role = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'proxier' }
      const rbac = '/apis/rbac.authorization.k8s.io/v1'
      const rules = [{ apiGroups: [''], resources: ['pods/proxy'], verbs: ['get'] }]
      for (const [path, body] of [
        [`${rbac}/clusterroles`, { metadata: { name: 'proxier' }, rules }],
        [`${rbac}/clusterrolebindings`, { metadata: { name: 'proxier' }, subjects: [user], roleRef: role }],
      ] as const) {
        assert.equal((await http(path, { method: 'POST', body })).code, 201)
      }
      const socket = await waitFor(
        async () => {
          const tried = open()
          await once(tried, 'open')
          return tried
        },
        { what: 'the role to be known' },
      )
      assert.equal(socket.protocol, 'chat')
      assert.equal(seen.at(-1)?.headers['sec-websocket-protocol'], 'chat')
      const closed = once(socket, 'close')
      socket.close()
      await closed
    })

    it('to anything pass bytes on untouched, those that came early too', async () => {
      const socket = await dialTo(`${web}/echo`, ['Cookie: c=1'], 'early ')
      const head = await readHead(socket)
      // The answer is the backend's own, to the letter.
      assert.equal(`${head}\r\n\r\n`, accepted)
      const request = seen.at(-1)
      assert.equal(request?.headers['x-forwarded-for'], '1.1.1.1, 127.0.0.1')
      assert.equal(request.headers.cookie, 'c=1')
      assert.equal(request.headers.authorization, undefined)
      assert.equal((await readSocket(socket, 6)).toString(), 'early ')
      const bytes = randomBytes(8 * 1024 * 1024)
      socket.end(bytes)
      // The client has said all; what is still under way comes back before the end.
      const back = await readSocket(socket)
      assert.ok(back.equals(bytes))
    })

    it('end at the client when the backend ends them', async () => {
      handlers.set('/bye', (_, socket) => socket.end(`${accepted}bye`))
      const socket = await dialTo(`${web}/bye`)
      await readHead(socket)
      assert.equal((await readSocket(socket)).toString(), 'bye')
    })

    it('end at the backend when the client is gone', async () => {
      const ended = new Promise<void>((resolve) => {
        handlers.set('/gone', (_, socket) => {
          socket.write(accepted)
          socket
            .resume()
            .once('end', () => socket.end())
            .once('close', resolve)
        })
      })
      const socket = await dialTo(`${web}/gone`)
      await readHead(socket)
      socket.destroy()
      await ended
    })

    const refusal = async (path: string): Promise<{ head: string; body: string; status: Status }> => {
      const socket = await dialTo(path)
      const head = await readHead(socket)
      const body = (await readSocket(socket)).toString()
      return { head, body, status: (body.startsWith('{') ? JSON.parse(body) : {}) as Status }
    }

    it('that a backend refuses are refused in its words, and the connection is closed', async () => {
      handlers.set('/no', (_, socket) =>
        socket.end('HTTP/1.1 403 Forbidden\r\nX-Why: because\r\nContent-Length: 6\r\n\r\nno way'),
      )
      const { head, body } = await refusal(`${web}/no`)
      assert.match(head, /^HTTP\/1\.1 403 Forbidden\r\n/)
      assert.match(head, /X-Why: because/)
      assert.equal(body, 'no way')
    })

    it('that a backend answers as an ordinary request are an error', async () => {
      handlers.set('/plain', (_, socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
      const { head, status } = await refusal(`${web}/plain`)
      assert.match(head, /^HTTP\/1\.1 500 /)
      assert.equal(status.message, 'invalid upgrade response: status code 200')
    })

    it('say what went wrong before there was an answer', async () => {
      handlers.set('/hangup', (_, socket) => socket.destroy())
      assert.equal((await refusal(`${web}/hangup`)).status.message, 'unexpected EOF')
      const down = await refusal(`${pods}/web:1/proxy/`)
      assert.match(down.head, /^HTTP\/1\.1 500 /)
      assert.match(down.status.message ?? '', /^error dialing backend: dial tcp [\d.]+:1: connect: connection refused$/)
      const absent = await refusal(`${pods}/absent/proxy/`)
      assert.match(absent.head, /^HTTP\/1\.1 404 /)
      assert.equal(absent.status.reason, 'NotFound')
    })
  })
}
