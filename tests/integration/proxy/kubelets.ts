/** What the API server asks of kubelets for log, exec, attach and portforward, and what it makes of their answers. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import type { Duplex } from 'node:stream'
import { before, describe, it } from 'node:test'
import { createPod, pods, type World } from './world.ts'
import { readSocket } from './client.ts'

const log = `${pods}/logged/log`
const containers = [
  { name: 'c', image: 'none:1' },
  { name: 'd', image: 'none:1' },
]

export const describeKubelets = (running: () => World): void => {
  describe('kubelets', () => {
    const seen: string[] = []
    let answer: (request: IncomingMessage, socket: Duplex) => void = (_, socket) => socket.end()

    before(async () => {
      const { http, kubelet } = running()
      const bound = { nodeName: 'fake' }
      await createPod(http, 'logged', '10.9.9.1', undefined, bound)
      await createPod(http, 'several', '10.9.9.2', undefined, {
        ...bound,
        containers,
        initContainers: [{ name: 'i', image: 'none:1' }],
      })
      await createPod(http, 'on-nowhere', '10.9.9.3', undefined, { nodeName: 'nowhere-else' })
      kubelet.server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
        seen.push(`${request.method} ${request.url}`)
        socket.on('error', () => {})
        answer(request, socket)
      })
    })

    it('are asked for logs, with the options in their words', async () => {
      const { client, kubelet } = running()
      kubelet.answers.set('/containerLogs/default/logged/c', (request, response) => {
        seen.push(`${request.method} ${request.url}`)
        response.writeHead(200, { 'Content-Type': 'application/x-log', 'X-Kubelet': '1' }).end('a log\n')
      })
      const cases: readonly (readonly [string, string])[] = [
        ['', ''],
        ['?follow=False&previous=0&timestamps=false', ''],
        ['?follow=True&previous=1&timestamps=', '?follow=true&previous=true&timestamps=true'],
        ['?tailLines=5&limitBytes=10', '?tailLines=5&limitBytes=10'],
        ['?sinceSeconds=60&container=c', '?sinceSeconds=60'],
        ['?sinceTime=2026-01-02T03:04:05Z', '?sinceTime=2026-01-02T03%3A04%3A05Z'],
        ['?stream=Stderr', '?stream=Stderr'],
      ]
      for (const [query, asked] of cases) {
        const { code, text, headers } = await client.ask(`${log}${query}`)
        assert.deepEqual([code, text, headers['content-type']], [200, 'a log\n', 'text/plain'], query)
        assert.equal(headers['x-kubelet'], undefined)
        const path = seen.at(-1)?.replace(/[?&]stream=All/, '')
        assert.equal(path, `GET /containerLogs/default/logged/c${asked}`)
      }
    })

    it('are not asked where the request makes no sense', async () => {
      const { client } = running()
      const cases: readonly (readonly [string, number, RegExp])[] = [
        [`${log}?tailLines=-1`, 422, /tailLines: Invalid value: -1: must be greater than or equal to 0/],
        [`${log}?limitBytes=0`, 422, /limitBytes: Invalid value: 0: must be greater than 0/],
        [`${log}?sinceSeconds=1&sinceTime=2026-01-02T03:04:05Z`, 422, /at most one of `sinceTime` or `sinceSeconds`/],
        [`${log}?container=x`, 400, /^container x is not valid for pod logged$/],
        [
          `${pods}/several/log`,
          400,
          /^a container name must be specified for pod several, choose one of: \[c d\] or one of the init containers: \[i\]$/,
        ],
        [`${pods}/absent/log`, 404, /^pods "absent" not found$/],
        [`${pods}/on-nowhere/log`, 404, /^nodes "nowhere-else" not found$/],
      ]
      for (const [path, code, message] of cases) {
        const got = await client.ask(path)
        assert.equal(got.code, code, `${path}: ${got.text}`)
        assert.match(got.status.message ?? '', message)
      }
      // Not on a node yet: nothing was logged.
      const early = await client.ask(`${pods}/web/log`)
      assert.deepEqual([early.code, early.text], [204, ''])
    })

    it('have their refusals told as a Status', async () => {
      const { client, kubelet } = running()
      const cases: readonly (readonly [number, string, string])[] = [
        [400, 'BadRequest', 'why not'],
        [404, 'NotFound', 'the server could not find the requested resource ( pods/log logged)'],
        [403, 'Forbidden', 'why not ( pods/log logged)'],
        [500, 'InternalError', 'Internal error occurred: why not'],
        [503, 'ServiceUnavailable', 'the server is currently unable to handle the request ( pods/log logged)'],
        [
          507,
          'InternalError',
          'an error on the server ("why not") has prevented the request from succeeding ( pods/log logged)',
        ],
      ]
      for (const [code, reason, message] of cases) {
        kubelet.answers.set('/containerLogs/default/logged/c', (_, response) => response.writeHead(code).end('why not'))
        const { status, code: told } = await client.ask(log)
        assert.deepEqual([told, status.reason, status.message], [code, reason, message])
      }
      kubelet.answers.delete('/containerLogs/default/logged/c')
    })

    it('are asked for commands in the words that they know', async () => {
      const { client } = running()
      answer = (_, socket) =>
        socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhi')
      const cases: readonly (readonly [string, string])[] = [
        [
          'logged/exec?command=sh&command=-c&command=echo%20a%26b&stdout=true&stderr=1&stdin=False',
          '/exec/default/logged/c?output=1&error=1&command=sh&command=-c&command=echo+a%26b',
        ],
        [
          'several/exec?command=sh&container=i&tty=True&stdin=true&stdout=True',
          '/exec/default/several/i?input=1&output=1&tty=1&command=sh',
        ],
        ['logged/attach?stdout=true&tty=0', '/attach/default/logged/c?output=1'],
        ['logged/portforward?ports=80&ports=81', '/portForward/default/logged?port=80%2C81'],
        ['logged/portforward', '/portForward/default/logged'],
      ]
      for (const [path, asked] of cases) {
        for (const method of ['GET', 'POST']) {
          const socket = await client.dial()
          const lines = [
            `${method} ${pods}/${path} HTTP/1.1`,
            `Host: ${client.host}`,
            'Connection: Upgrade',
            'Upgrade: x',
          ]
          socket.write(`${lines.join('\r\n')}\r\n\r\n`)
          const text = (await readSocket(socket)).toString()
          assert.match(text, /^HTTP\/1\.1 101 .*\r\n[^]*\r\n\r\nhi$/)
          const [verb, url = ''] = seen.at(-1)?.split(' ') ?? []
          assert.equal(verb, method)
          const sorted = (value: string): string[] => value.split(/[?&]/).sort((a, b) => a.localeCompare(b))
          assert.deepEqual(sorted(url), sorted(asked))
          socket.destroy()
        }
      }
    })

    it('are not asked for commands without an upgrade, or of Pods that have none', async () => {
      const { client } = running()
      const plain = await client.ask(`${pods}/logged/exec?command=sh`, { method: 'POST' })
      assert.deepEqual([plain.code, plain.status.message], [400, 'Upgrade request required'])
      const cases: readonly (readonly [string, number, RegExp])[] = [
        ['absent/exec?command=sh', 404, /^pods "absent" not found$/],
        ['web/exec?command=sh', 400, /^pod web does not have a host assigned$/],
        ['several/exec?command=sh', 400, /^a container name must be specified for pod several/],
        ['logged/attach?container=x', 400, /^container x is not valid for pod logged$/],
        ['web/portforward', 400, /^pod web does not have a host assigned$/],
      ]
      for (const [path, code, message] of cases) {
        const { code: told, status } = await client.ask(`${pods}/${path}`, { method: 'POST' })
        assert.equal(told, code, path)
        assert.match(status.message ?? '', message)
      }
      const put = await client.ask(`${pods}/logged/exec?command=sh`, { method: 'PUT', body: '' })
      assert.equal(put.code, 405)
    })

    it('that refuse a command are asked nothing more over that connection (CVE-2018-1002105)', async () => {
      const { client } = running()
      let heard = ''
      const refused = Promise.withResolvers<Duplex>()
      answer = (_, socket) => {
        // A refusal that leaves the connection open: more of it may come.
        socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\nno way')
        socket.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1')))
        refused.resolve(socket)
      }
      const socket = await client.dial()
      const line = `GET ${pods}/logged/exec?command=sh HTTP/1.1`
      socket.write(`${line}\r\nHost: ${client.host}\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`)
      const backend = await refused.promise
      const gone = once(backend, 'close')
      assert.match((await readSocket(socket, 12)).toString(), /^HTTP\/1\.1 403/)
      // What an attacker would say next, with the API server's rights, if there were a tunnel.
      socket.end('GET /runningpods/ HTTP/1.1\r\nHost: kubelet\r\n\r\n')
      await gone
      assert.equal(heard, '')
      assert.ok(!seen.some((request) => request.includes('/runningpods')))
    })

    it('that send the API server elsewhere are not obeyed (CVE-2020-8559)', async () => {
      const { client } = running()
      let visits = 0
      const elsewhere = createServer((socket) => {
        visits++
        socket.destroy()
      })
      await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
      const { port } = elsewhere.address() as AddressInfo
      try {
        for (const code of [301, 302, 307, 308]) {
          answer = (_, socket) =>
            socket.end(
              `HTTP/1.1 ${code} Moved\r\nLocation: https://127.0.0.1:${port}/exec\r\nContent-Length: 0\r\n\r\n`,
            )
          const socket = await client.dial()
          const line = `GET ${pods}/logged/exec?command=sh HTTP/1.1`
          socket.write(`${line}\r\nHost: ${client.host}\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`)
          const told = (await readSocket(socket)).toString()
          assert.doesNotMatch(told, /^HTTP\/1\.1 101 /)
          assert.match(told, /^HTTP\/1\.1 [345]\d\d /)
        }
        assert.equal(visits, 0)
      } finally {
        elsewhere.close()
      }
    })

    it('that are gone in the middle of a stream end it', async () => {
      const { client } = running()
      answer = (_, socket) => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhi')
        socket.once('data', () => socket.destroy())
      }
      const socket = await client.dial()
      const line = `GET ${pods}/logged/exec?command=sh HTTP/1.1`
      socket.write(`${line}\r\nHost: ${client.host}\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`)
      await readSocket(socket, 1)
      const closed = once(socket, 'close')
      socket.resume().write('more')
      await closed
    })
  })
}
