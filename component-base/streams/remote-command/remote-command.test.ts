import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Duplex, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { WebSocket } from 'ws'
import { SpdyConnection } from '../spdy/spdy-connection.ts'
import { refuseUpgrade } from '../upgrade.ts'
import { acceptRemoteCommand } from './accept.ts'
import { type RemoteCommandOptions, type RemoteStatus, terminalSizes } from './protocols.ts'

const failure: RemoteStatus = {
  status: 'Failure',
  reason: 'NonZeroExitCode',
  details: { causes: [{ reason: 'ExitCode', message: '3' }] },
}

/** A server whose "process" copies stdin to stdout and exits with 3. */
const echoServer = async (options: Partial<RemoteCommandOptions> = {}) => {
  const server = createServer()
  server.on('upgrade', (request, socket: Duplex, head) => {
    const wanted = { stdin: true, stdout: true, stderr: false, tty: false, ...options }
    acceptRemoteCommand({ request, socket, head }, wanted).then(
      async (streams) => {
        const { stdin, stdout } = streams
        if (stdout !== undefined) for await (const chunk of stdin ?? []) stdout.write(chunk)
        await streams.finish(failure)
      },
      (error: unknown) => refuseUpgrade(socket, error),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

const webSocketExec = async (port: number, protocol: string | undefined, messages: (Buffer | string)[]) => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/exec`, protocol)
  const received: Record<number, string> = {}
  socket.on('message', (data: Buffer) => {
    const channel = data[0] ?? -1
    received[channel] = (received[channel] ?? '') + data.toString('utf8', 1)
  })
  await once(socket, 'open')
  for (const message of messages) socket.send(message)
  await once(socket, 'close')
  return received
}

describe('remote commands over WebSocket', () => {
  it('end stdin by the close signal of v5 and tell the exit code as JSON', async () => {
    await using server = await echoServer()
    const { 1: stdout, 3: error } = await webSocketExec(server.port, 'v5.channel.k8s.io', [
      Buffer.from('\0hello'),
      Buffer.from([255, 0]),
    ])
    assert.equal(stdout, 'hello')
    assert.deepEqual(JSON.parse(error ?? ''), { metadata: {}, ...failure })
  })

  it('refuse protocols that nobody knows', async () => {
    await using server = await echoServer()
    await assert.rejects(webSocketExec(server.port, 'v9.channel.k8s.io', []), /400/)
  })
})

describe('remote commands over SPDY', () => {
  const connect = async (port: number, protocols: string[]) => {
    const headers = { Connection: 'Upgrade', Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': protocols }
    const request = httpRequest({ port, method: 'POST', path: '/exec', headers }).end()
    const upgrade = once(request, 'upgrade').then(([response, socket]) => ({ response, socket: socket as Duplex }))
    const refusal = once(request, 'response').then(([response]) => ({ response, socket: undefined }))
    return Promise.race([upgrade, refusal])
  }

  for (const [version, expected] of [
    ['v4.channel.k8s.io', JSON.stringify({ metadata: {}, ...failure })],
    ['v2.channel.k8s.io', 'unknown error'],
  ] as const) {
    it(`tell the end in the words of ${version}`, async () => {
      await using server = await echoServer()
      const { response, socket } = await connect(server.port, ['v99', version])
      assert.equal(response.headers['x-stream-protocol-version'], version)
      assert.ok(socket !== undefined)
      const connection = new SpdyConnection(socket, { role: 'client', onStream: () => {} })
      const error = await connection.openStream({ streamType: 'error' })
      const stdin = await connection.openStream({ streamType: 'stdin' })
      const stdout = await connection.openStream({ streamType: 'stdout' })
      stdin.end('typed')
      assert.equal((await buffer(stdout)).toString(), 'typed')
      assert.equal((await buffer(error)).toString(), expected)
    })
  }

  it('are refused with 403 and the list of what the server knows', async () => {
    await using server = await echoServer()
    const { response, socket } = await connect(server.port, ['v99'])
    assert.equal(socket, undefined)
    assert.equal(response.statusCode, 403)
    assert.match(String(response.headers['x-accepted-stream-protocol-versions']), /v4\.channel\.k8s\.io/)
  })
})

describe('terminalSizes', () => {
  it('reads sizes however the bytes are cut, and skips what is none', async () => {
    const chunks = ['{"Width":80,"He', 'ight":24}\n{"Width":81,"Height":25}', '{}', '{"Width":82,"Height":26}\n']
    const sizes: number[][] = []
    const stream = Readable.from(chunks.map((chunk) => Buffer.from(chunk)))
    for await (const { width, height } of terminalSizes(stream)) sizes.push([width, height])
    assert.deepEqual(sizes, [
      [80, 24],
      [81, 25],
      [82, 26],
    ])
  })
})
