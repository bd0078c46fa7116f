/**
 * exec, attach and port-forward: the runtime says at which URL of its streaming server, and the kubelet talks SPDY
 * with that server, whichever protocol the kubelet's own client speaks.
 */
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { request as httpsRequest } from 'node:https'
import { request } from '../../../component-base/node-http.ts'
import { SpdyConnection } from '../../../component-base/streams/spdy/spdy-connection.ts'
import type { SpdyStream } from '../../../component-base/streams/spdy/spdy-stream.ts'
import { protocolV4, type RemoteStatus } from '../../../component-base/streams/remote-command/protocols.ts'
import type { StreamSession } from '../runtime-service.ts'

const connectTimeoutMs = 30_000
const portForwardProtocol = 'portforward.k8s.io'

/** Rejects with what the server said where it does not upgrade. */
const dial = async (url: string, protocol: string): Promise<SpdyConnection> => {
  const send = url.startsWith('https:') ? httpsRequest : request
  const outgoing = send(url, {
    method: 'POST',
    headers: { Connection: 'Upgrade', Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': protocol },
    timeout: connectTimeoutMs,
    agent: false,
  })
  outgoing.on('timeout', () => outgoing.destroy(new Error(`the streaming server at ${url} does not answer`)))
  outgoing.end()
  const socket = await new Promise<Duplex>((resolve, reject) => {
    outgoing.once('error', reject)
    outgoing.once('upgrade', (_response, upgraded, head) => {
      upgraded.setTimeout(0)
      if (head.length > 0) upgraded.unshift(head)
      resolve(upgraded)
    })
    outgoing.once('response', (response) => {
      response.resume()
      reject(new Error(`the streaming server answered with ${response.statusCode} ${response.statusMessage}`))
    })
  })
  return new SpdyConnection(socket, { onStream: (stream) => stream.destroy(), role: 'client' })
}

const readAll = async (stream: SpdyStream): Promise<string> => {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  await Promise.race([once(stream, 'end'), once(stream, 'close')])
  return Buffer.concat(chunks).toString()
}

/** The end of a command as its error stream tells it (v4: a metav1.Status). Throws for all but exit codes. */
export const exitCodeOf = (text: string): number => {
  if (text === '') return 0
  const status = JSON.parse(text) as RemoteStatus
  if (status.status === 'Success') return 0
  const code = status.details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message
  if (status.reason !== 'NonZeroExitCode' || code === undefined)
    throw new Error(status.message ?? 'the command could not be run')
  return Number(code)
}

/** Opens the streams of an exec or attach. */
export const openSession = async (
  url: string,
  { stdin, tty }: { readonly stdin: boolean; readonly tty: boolean },
): Promise<StreamSession> => {
  const connection = await dial(url, protocolV4)
  /** One that we only read: our half is closed at once. */
  const readable = async (streamtype: string): Promise<SpdyStream> => {
    const stream = await connection.openStream({ streamtype })
    stream.end()
    return stream
  }
  const error = await readable('error')
  const input = stdin ? await connection.openStream({ streamtype: 'stdin' }) : undefined
  input?.resume() // its end must be seen
  const stdout = await readable('stdout')
  const stderr = tty ? undefined : await readable('stderr')
  const sizes = tty ? await connection.openStream({ streamtype: 'resize' }) : undefined
  const ended = readAll(error).then((text) => {
    connection.close()
    return text
  })
  ended.catch(() => undefined) // told where it is awaited
  return {
    stdin: input,
    stdout,
    stderr,
    closeStdin: () => {
      input?.end()
    },
    resize: async ({ width, height }) => {
      sizes?.write(JSON.stringify({ Width: width, Height: height }))
    },
    wait: async () => exitCodeOf(await ended),
    destroy: () => {
      for (const stream of [stdout, stderr, input, error]) stream?.destroy()
      connection.close()
    },
  }
}

/** One connection to a port of a Pod. What goes wrong there destroys it with the server's text. */
export const openPort = async (url: string, port: number): Promise<Duplex> => {
  const connection = await dial(url, portForwardProtocol)
  const headers = { port: String(port), requestid: '0' }
  const error = await connection.openStream({ ...headers, streamtype: 'error' })
  error.end()
  const data = await connection.openStream({ ...headers, streamtype: 'data' })
  data.once('close', () => connection.close())
  readAll(error).then(
    (text) => {
      if (text !== '') data.destroy(new Error(text))
    },
    () => undefined,
  )
  return data
}
