/** /openapi/v2 and /openapi/v3: documents built once, when first asked for, in a worker that goes away when idle. */
import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { protobufAcceptType, protobufContentType } from '../../api/openapi/v2-protobuf.ts'
import type { AggregatedSpec } from '../../api/openapi/merge.ts'
import { openApiHash, openApiV3Index, openApiV3Keys, openApiV3Url } from '../../api/openapi/v3.ts'
import { customRow } from '../../api/openapi/custom.ts'
import type { KindDefinition } from '../../api/kind.ts'
import type { ResourceRow } from '../../api/schema/resource-table.ts'
import { StatusError } from '../../api/meta/status-error.ts'
import { realClock } from '../../component-base/clock.ts'
import type { RemoteDocuments } from '../aggregator/documents.ts'
import type { RemoteService } from '../aggregator/remote-service.ts'
import type { Resources } from '../registry/resources.ts'
import type { HttpContext } from '../server/context.ts'
import { parseAccept } from '../server/negotiation.ts'
import { hasEtag } from '../server/etag.ts'
import { sendBytes } from '../server/respond.ts'
import { resourceName, servedRows } from './openapi-resources.ts'
import type { DocumentAnswer, DocumentRequest } from './openapi-worker.ts'

type Wanted = DocumentRequest extends infer Request
  ? Request extends { id: number }
    ? Omit<Request, 'id' | 'served' | 'custom'>
    : never
  : never

const v3Prefix = '/openapi/v3/'
/** Bump it when documents change though the tables do not: clients keep them for a year. */
const documentFormat = 'kubets 3'

const readTable = (name: 'schema' | 'resources'): string =>
  readFileSync(new URL(`../../api/schema/generated/${name}.json`, import.meta.url), 'utf8')

/** The worker holds the schema table and all texts: some tens of megabytes that nobody needs after the first minute. */
const idleMs = 20_000

/** What is asked for, among what there is: `application/json` for a wildcard. Undefined: nothing of it. */
const acceptedType = (accept: string | undefined, types: readonly string[]): string | undefined => {
  for (const { type } of parseAccept(accept === undefined || accept === '' ? '*/*' : accept)) {
    const found = type === '*/*' || type === 'application/*' ? types[0] : types.find((known) => known === type)
    if (found !== undefined) return found
  }
  return undefined
}

const jsonType = 'application/json'
const v2Types = [jsonType, protobufAcceptType, protobufContentType]

/** How long a document is good whose URL has its hash. */
const forever = (): string => {
  const date = new Date(realClock.now())
  date.setUTCFullYear(date.getUTCFullYear() + 1)
  return date.toUTCString()
}

const sendEmpty = ({ response }: HttpContext, code: number): void => {
  response.writeHead(code, { 'Content-Length': 0 }).end()
}

interface CustomFacts {
  readonly key: string
  readonly row: ResourceRow
  /** CustomKindFacts as JSON: threads hand text over far quicker than objects. */
  readonly text: string
}

/** What documents are made of, at one moment. */
interface Contents {
  readonly generation: number
  readonly keys: readonly string[]
  readonly hashes: ReadonlyMap<string, string>
  readonly custom: readonly CustomFacts[]
}

interface Document {
  readonly hash: string
  readonly bytes: Promise<Buffer | undefined>
}

/** What OpenAPI needs of the aggregator. */
export interface AggregatedOpenApi {
  readonly openApiV2: RemoteDocuments['openApiV2']
  readonly openApiV3: RemoteDocuments['openApiV3']
  readonly convertedOpenApiV3: RemoteDocuments['convertedOpenApiV3']
  readonly remoteFor: (path: string) => RemoteService | undefined
  readonly proxy: (ctx: HttpContext, remote: RemoteService) => Promise<void>
}

export class OpenApi {
  readonly #resources: Resources
  readonly #apis: AggregatedOpenApi
  readonly #facts = new WeakMap<KindDefinition, CustomFacts>()
  readonly #documents = new Map<string, Document>()
  readonly #waiting = new Map<number, (answer: DocumentAnswer) => void>()
  #worker: Worker | undefined
  #idle: NodeJS.Timeout | undefined
  #nextId = 1
  #contents: Contents | undefined

  constructor(resources: Resources, apis: AggregatedOpenApi) {
    this.#resources = resources
    this.#apis = apis
  }

  /** True if the path was one of OpenAPI's and has been answered. */
  async handle(ctx: HttpContext): Promise<boolean> {
    const { path } = ctx.info
    if (path === '/openapi/v2') return this.#sendV2(ctx)
    if (path === '/openapi/v3') return this.#sendIndex(ctx)
    if (!path.startsWith(v3Prefix)) return false
    return this.#sendV3(ctx, path.slice(v3Prefix.length))
  }

  #sendIndex(ctx: HttpContext): true {
    const own = openApiV3Index(this.#now().keys, (key) => this.#hashOf(key)) as { readonly paths: object }
    const remote = this.#apis.openApiV3().map(([key, serverRelativeURL]) => [key, { serverRelativeURL }] as const)
    const paths = Object.entries({ ...own.paths, ...Object.fromEntries(remote) })
    const sorted = remote.length === 0 ? paths : paths.toSorted(([a], [b]) => (a < b ? -1 : 1))
    const bytes = Buffer.from(JSON.stringify({ paths: Object.fromEntries(sorted) }))
    this.#send(ctx, jsonType, bytes, openApiHash(bytes))
    return true
  }

  async #sendV2(ctx: HttpContext): Promise<boolean> {
    ctx.response.setHeader('Vary', 'Accept')
    const type = acceptedType(ctx.request.headers.accept, v2Types)
    if (type === undefined) {
      sendEmpty(ctx, 406)
      return true
    }
    const protobuf = type !== jsonType
    const bytes = await this.#document(`v2 ${protobuf}`, { type: 'v2', protobuf, aggregated: this.#aggregated() })
    if (bytes === undefined) return false
    // The ETag is of what is told, not of how.
    this.#send(ctx, protobuf ? protobufContentType : jsonType, bytes, this.#hashOf('v2'))
    return true
  }

  async #sendV3(ctx: HttpContext, key: string): Promise<true> {
    const remote = this.#apis.remoteFor(`/${key}`)
    if (remote !== undefined) {
      const converted = this.#apis.convertedOpenApiV3(remote)
      // The server's own document, for the user who asks.
      if (converted === undefined) await this.#apis.proxy(ctx, remote)
      else this.#send(ctx, jsonType, Buffer.from(JSON.stringify(converted.document)), converted.hash)
      return true
    }
    if (!this.#now().keys.includes(key)) {
      sendEmpty(ctx, 404)
      return true
    }
    ctx.response.setHeader('Vary', 'Accept')
    if (acceptedType(ctx.request.headers.accept, [jsonType]) === undefined) {
      sendEmpty(ctx, 406)
      return true
    }
    const hash = this.#hashOf(key)
    const asked = ctx.query.get('hash') ?? ''
    if (asked !== '' && asked !== hash) {
      ctx.response.writeHead(301, { Location: openApiV3Url(key, hash), 'Content-Length': 0 }).end()
      return true
    }
    if (asked !== '') {
      ctx.response.setHeader('Cache-Control', 'public, immutable')
      ctx.response.setHeader('Expires', forever())
    }
    const bytes = await this.#document(`v3 ${key}`, { type: 'v3', key })
    if (bytes === undefined) sendEmpty(ctx, 404)
    else this.#send(ctx, jsonType, bytes, hash)
    return true
  }

  #send(ctx: HttpContext, contentType: string, bytes: Buffer, hash: string): void {
    const etag = `"${hash}"`
    ctx.response.setHeader('ETag', etag)
    if (hasEtag(ctx.request.headers['if-none-match'], etag)) {
      ctx.response.writeHead(304).end()
      return
    }
    sendBytes(ctx, 200, contentType, bytes)
  }

  /** Aggregated servers say other things than before. */
  invalidate(): void {
    this.#contents = undefined
  }

  #aggregated(): AggregatedSpec[] {
    return this.#apis
      .openApiV2()
      .map(({ remote, document }) => ({ prefix: `/apis/${remote.group}/${remote.version}`, document }))
  }

  /** What there is now; worked out anew when the set of resources has changed. */
  #now(): Contents {
    const { generation } = this.#resources
    if (this.#contents?.generation === generation) return this.#contents
    const definitions = [...this.#resources.all()].map(({ definition }) => definition)
    const custom = definitions.flatMap((definition) => this.#factsOf(definition) ?? [])
    const keys = openApiV3Keys([...servedRows(this.#served()), ...custom.map(({ row }) => row)])
    // A document is a function of the tables, of what is served and of our own code: a hash of these stands for it.
    const base = this.#baseHash()
    const byKey = Map.groupBy(custom, ({ key }) => key)
    const aggregated = this.#apis.openApiV2().map(({ remote, etag }) => `${remote.name} ${etag}`)
    const groups = [...new Set(custom.map(({ row }) => row.group))].join(' ')
    const hashes = new Map([['v2', openApiHash([base, ...custom.map(({ text }) => text), ...aggregated].join('\n'))]])
    for (const key of keys) {
      const own = byKey.get(key)?.map(({ text }) => text) ?? [groups]
      hashes.set(key, openApiHash([base, key, ...own].join('\n')))
    }
    const current = new Set(hashes.values())
    for (const [name, { hash }] of this.#documents) if (!current.has(hash)) this.#documents.delete(name)
    this.#contents = { generation, keys, hashes, custom }
    return this.#contents
  }

  /** Undefined for a built-in kind. */
  #factsOf(definition: KindDefinition): CustomFacts | undefined {
    const { group, version, kind, listKind, plural, scope, verbs, subresources, custom } = definition
    if (custom === undefined) return undefined
    const known = this.#facts.get(definition)
    if (known !== undefined) return known
    const parts = subresources.map(({ name }) => name)
    const namespaced = scope === 'Namespaced'
    const facts = {
      group,
      version,
      kind,
      listKind,
      plural,
      namespaced,
      verbs,
      subresources: parts,
      schema: custom.openApi,
    }
    const made = { key: `apis/${group}/${version}`, row: customRow(facts), text: JSON.stringify(facts) }
    this.#facts.set(definition, made)
    return made
  }

  #base: string | undefined
  #baseHash(): string {
    this.#base ??= openApiHash(
      [documentFormat, readTable('schema'), readTable('resources'), ...this.#served()].join('\n'),
    )
    return this.#base
  }

  /** Names of the resources that documents are about, custom ones aside. */
  #served(): string[] {
    return [...this.#resources.all()]
      .filter(({ definition }) => definition.custom === undefined)
      .map(({ definition: { group, version, plural } }) => resourceName({ group, version, plural }))
  }

  #hashOf(key: string): string {
    return this.#now().hashes.get(key) ?? ''
  }

  /** A document is kept as long as what it is made of stays the same: one group's definitions do not touch another's. */
  #document(key: string, wanted: Wanted): Promise<Buffer | undefined> {
    const hash = this.#hashOf(wanted.type === 'v2' ? 'v2' : wanted.key)
    const known = this.#documents.get(key)
    if (known?.hash === hash) return known.bytes
    const bytes = this.#build(wanted)
    this.#documents.set(key, { hash, bytes })
    bytes.catch(() => this.#documents.delete(key))
    return bytes
  }

  /** The kinds that a document is about: those of its group and version, or of all for documents about groups. */
  #customFor(wanted: Wanted): string[] {
    const { custom } = this.#now()
    const own = wanted.type === 'v2' ? [] : custom.filter(({ key }) => key === wanted.key)
    return (own.length > 0 ? own : custom).map(({ text }) => text)
  }

  async #build(wanted: Wanted): Promise<Buffer | undefined> {
    const id = this.#nextId++
    const worker = (this.#worker ??= this.#startWorker())
    clearTimeout(this.#idle)
    const answer = await new Promise<DocumentAnswer>((resolve) => {
      this.#waiting.set(id, resolve)
      worker.postMessage({
        ...wanted,
        id,
        served: this.#served(),
        custom: this.#customFor(wanted),
      } satisfies DocumentRequest)
    })
    if (this.#waiting.size === 0) this.#idle = setTimeout(() => this.#stopWorker(), idleMs).unref()
    if (answer.error !== undefined) {
      throw new StatusError('InternalError', 'Internal error occurred: cannot build the OpenAPI document', {
        cause: answer.error,
      })
    }
    return answer.bytes === undefined ? undefined : Buffer.from(answer.bytes)
  }

  #startWorker(): Worker {
    const worker = new Worker(new URL('./openapi-worker.ts', import.meta.url))
    worker.unref()
    worker.on('message', (answer: DocumentAnswer) => {
      const resolve = this.#waiting.get(answer.id)
      this.#waiting.delete(answer.id)
      resolve?.(answer)
    })
    worker.on('error', (error) => {
      this.#worker = undefined
      for (const [id, resolve] of this.#waiting) resolve({ id, bytes: undefined, error: String(error) })
      this.#waiting.clear()
    })
    return worker
  }

  #stopWorker(): void {
    void this.#worker?.terminate()
    this.#worker = undefined
  }
}
