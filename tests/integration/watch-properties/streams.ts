/** Watches as clients of several kinds open them: JSON, Table, protobuf, WebSocket. Each gives bare events. */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { WebSocket } from 'ws'
import type { KubeObject } from '../../../api/types.ts'
import { decodeEvent, protobufType } from '../../harness/protobuf.ts'

export type Form = 'json' | 'table' | 'protobuf' | 'websocket'

export interface BareEvent {
  readonly type: string
  /** Of a Table its one row's. */
  readonly object: KubeObject
}

export interface Identity {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** An answer that is no watch. */
export class Refused extends Error {
  readonly code: number
  constructor(code: number, text: string) {
    super(`${code} ${text}`)
    this.code = code
  }
}

const accepts: Readonly<Record<Form, string>> = {
  json: 'application/json',
  table: 'application/json;as=Table;v=v1;g=meta.k8s.io',
  protobuf: `${protobufType};stream=watch`,
  websocket: 'application/json',
}

type Row = KubeObject & { readonly rows?: readonly { readonly object: KubeObject }[] }

const ofLine = (line: string): BareEvent => {
  const { type, object } = JSON.parse(line) as { type: string; object: Row }
  return { type, object: object.rows?.[0]?.object ?? object }
}

const open = (url: string, form: Form, identity: Identity, signal: AbortSignal): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const headers = { accept: accepts[form] }
    httpsRequest(url, { ...identity, agent: false, headers, signal }, resolve)
      .on('error', reject)
      .end()
  })

async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let rest = ''
  response.setEncoding('utf8')
  for await (const chunk of response) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}

async function* framesOf(response: IncomingMessage): AsyncGenerator<Buffer> {
  let pending = Buffer.alloc(0)
  for await (const chunk of response) {
    pending = Buffer.concat([pending, chunk as Buffer])
    while (pending.length >= 4 && pending.length >= 4 + pending.readUInt32BE(0)) {
      const end = 4 + pending.readUInt32BE(0)
      yield pending.subarray(4, end)
      pending = pending.subarray(end)
    }
  }
}

async function* messagesOf(url: string, identity: Identity, signal: AbortSignal): AsyncGenerator<BareEvent> {
  const socket = new WebSocket(url.replace('https', 'wss'), { ...identity })
  const onAbort = (): void => socket.terminate()
  signal.addEventListener('abort', onAbort, { once: true })
  const waiting: string[] = []
  let wake = Promise.withResolvers<void>()
  socket.on('message', (data) => {
    waiting.push(String(data))
    wake.resolve()
  })
  let isClosed = false
  const closed = once(socket, 'close').then(() => {
    isClosed = true
    wake.resolve()
  })
  const opened = once(socket, 'open')
  try {
    await opened
    for (;;) {
      for (const text of waiting.splice(0)) yield ofLine(text)
      if (isClosed) return
      await wake.promise
      wake = Promise.withResolvers()
      if (isClosed) wake.resolve()
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    socket.terminate()
    await closed.catch(() => undefined)
  }
}

/** Events until the server ends the watch. Throws Refused, and when the connection is lost or the signal aborted. */
export async function* openStream(
  url: string,
  form: Form,
  identity: Identity,
  signal: AbortSignal,
): AsyncGenerator<BareEvent> {
  if (form === 'websocket') {
    yield* messagesOf(url, identity, signal)
    return
  }
  const response = await open(url, form, identity, signal)
  const code = response.statusCode ?? 0
  if (code !== 200) throw new Refused(code, Buffer.concat(await response.toArray()).toString('utf8'))
  if (form === 'protobuf') for await (const frame of framesOf(response)) yield decodeEvent(frame)
  else for await (const line of linesOf(response)) yield ofLine(line)
}

/** The items of a list, and its revision. Throws Refused. */
export const list = async (
  url: string,
  identity: Identity,
  signal: AbortSignal,
): Promise<{ readonly revision: number; readonly items: readonly KubeObject[] }> => {
  const response = await open(url, 'json', identity, signal)
  const text = Buffer.concat(await response.toArray()).toString('utf8')
  if (response.statusCode !== 200) throw new Refused(response.statusCode ?? 0, text)
  const { metadata, items } = JSON.parse(text) as {
    metadata: { resourceVersion: string }
    items: KubeObject[] | null
  }
  return { revision: Number(metadata.resourceVersion), items: items ?? [] }
}
