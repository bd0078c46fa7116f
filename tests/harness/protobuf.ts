/** A client that speaks protobuf as client-go does: requests, watches and a small informer. */
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { decodeMessage, readEnvelope } from '../../apiserver/codec/protobuf.ts'
import { encodeProtobuf } from '../../apiserver/codec/protobuf-encode.ts'
import { messageOfKind } from '../../apiserver/codec/protobuf-messages.ts'
import type { KubeObject } from '../../api/types.ts'
import type { TestCluster } from './cluster.ts'
import { pkiCredentials } from './http.ts'

export const protobufType = 'application/vnd.kubernetes.protobuf'

export interface ProtobufCall {
  readonly method?: string
  /** Sent as protobuf; texts as they are. */
  readonly body?: object | string
  readonly headers?: Readonly<Record<string, string>>
}

export interface ProtobufAnswer {
  readonly code: number
  readonly headers: IncomingMessage['headers']
  readonly bytes: Buffer
  /** Throws where the body is no protobuf. */
  readonly object: () => KubeObject
}

export interface ProtobufEvent {
  readonly type: string
  readonly object: KubeObject
}

export interface ProtobufClient {
  readonly call: (path: string, call?: ProtobufCall) => Promise<ProtobufAnswer>
  /** Events until the server ends the watch or the signal is aborted. */
  readonly watch: (path: string, signal: AbortSignal, accept?: string) => AsyncGenerator<ProtobufEvent>
}

/** The object of an envelope, by what the envelope says of it. */
export const decodeObject = (bytes: Buffer): KubeObject => {
  const { apiVersion, kind, raw } = readEnvelope(bytes)
  return { kind, apiVersion, ...decodeMessage(raw, messageOfKind(apiVersion, kind)) }
}

/** Without what protobuf does not tell from absence: empty objects, and zeros of what is no pointer. */
export const compact = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(compact)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
    .map(([key, item]) => [key, compact(item)] as const)
    .filter(([, item]) => (typeof item === 'object' ? Object.keys(item ?? {}).length > 0 : Boolean(item)))
  return Object.fromEntries(entries)
}

/** A WatchEvent without its length. */
export const decodeEvent = (frame: Buffer): ProtobufEvent => {
  const start = frame.indexOf('k8s\0')
  const typeLength = frame[1] ?? 0
  return { type: frame.toString('latin1', 2, 2 + typeLength), object: decodeObject(frame.subarray(start)) }
}

export const createProtobufClient = (cluster: TestCluster): ProtobufClient => {
  const tls = {
    ...pkiCredentials(cluster, 'admin'),
    ca: readFileSync(join(cluster.layout.pki, 'ca.crt'), 'utf8'),
    agent: false as const,
  }
  const open = (path: string, { method = 'GET', body, headers = {} }: ProtobufCall): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const bytes = typeof body === 'object' ? encodeProtobuf(body) : Buffer.from(body ?? '')
      const sent = {
        accept: `${protobufType},application/json`,
        // Node says no length of a DELETE's body by itself.
        ...(body === undefined ? {} : { 'content-type': protobufType, 'content-length': bytes.length }),
        ...headers,
      }
      httpsRequest(`${cluster.server}${path}`, { ...tls, method, headers: sent }, resolve)
        .on('error', reject)
        .end(bytes)
    })
  return {
    call: async (path, call = {}) => {
      const response = await open(path, call)
      const bytes = Buffer.concat(await response.toArray())
      return { code: response.statusCode ?? 0, headers: response.headers, bytes, object: () => decodeObject(bytes) }
    },
    async *watch(path, signal, accept = `${protobufType};stream=watch,application/json;stream=watch`) {
      const response = await open(path, { headers: { accept } })
      const type = response.headers['content-type']
      if (type !== `${protobufType};stream=watch`) throw new Error(`${response.statusCode} ${type}`)
      signal.addEventListener('abort', () => response.destroy(), { once: true })
      let pending = Buffer.alloc(0)
      for await (const chunk of response) {
        pending = Buffer.concat([pending, chunk as Buffer])
        while (pending.length >= 4 && pending.length >= 4 + pending.readUInt32BE(0)) {
          const end = 4 + pending.readUInt32BE(0)
          yield decodeEvent(pending.subarray(4, end))
          pending = pending.subarray(end)
        }
      }
    },
  }
}

export interface ProtobufInformer extends AsyncDisposable {
  /** Objects by `namespace/name`. */
  readonly store: ReadonlyMap<string, KubeObject>
  readonly events: readonly ProtobufEvent[]
}

const keyOf = ({ metadata }: KubeObject): string => `${metadata?.namespace ?? ''}/${metadata?.name}`

/** Lists, then watches from there, and keeps a store; disposing of it ends it. */
export const startInformer = async (client: ProtobufClient, path: string): Promise<ProtobufInformer> => {
  const list = (await client.call(path)).object() as KubeObject & { items?: KubeObject[] }
  const store = new Map((list.items ?? []).map((object) => [keyOf(object), object]))
  const events: ProtobufEvent[] = []
  const abort = new AbortController()
  const query = `watch=true&resourceVersion=${list.metadata?.resourceVersion}&allowWatchBookmarks=true`
  const done = (async () => {
    for await (const event of client.watch(`${path}?${query}`, abort.signal)) {
      events.push(event)
      if (event.type === 'DELETED') store.delete(keyOf(event.object))
      else if (event.type !== 'BOOKMARK') store.set(keyOf(event.object), event.object)
    }
  })().catch((error: unknown) => {
    if (!abort.signal.aborted) throw error
  })
  return {
    store,
    events,
    [Symbol.asyncDispose]: async () => {
      abort.abort()
      await done
    },
  }
}
