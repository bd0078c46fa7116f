/** /openapi/v2 and /openapi/v3: documents built once, when first asked for, in a worker that goes away when idle. */
import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { protobufAcceptType, protobufContentType } from '../../api/openapi/v2-protobuf.ts'
import { openApiHash, openApiV3Index, openApiV3Keys, openApiV3Url } from '../../api/openapi/v3.ts'
import { customRow } from '../../api/openapi/custom.ts'
import type { CustomKindFacts } from '../../api/kind.ts'
import { StatusError } from '../../api/meta/status-error.ts'
import { realClock } from '../../component-base/clock.ts'
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
const documentFormat = 'kubets 2'

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

export class OpenApi {
  readonly #resources: Resources
  readonly #documents = new Map<string, Promise<Buffer | undefined>>()
  readonly #waiting = new Map<number, (answer: DocumentAnswer) => void>()
  #worker: Worker | undefined
  #idle: NodeJS.Timeout | undefined
  #nextId = 1
  #contentHash: string | undefined

  constructor(resources: Resources) {
    this.#resources = resources
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
    const keys = this.#keys()
    const bytes = Buffer.from(JSON.stringify(openApiV3Index(keys, (key) => this.#hashOf(key))))
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
    const bytes = await this.#document(`v2 ${protobuf}`, { type: 'v2', protobuf })
    if (bytes === undefined) return false
    // The ETag is of what is told, not of how.
    this.#send(ctx, protobuf ? protobufContentType : jsonType, bytes, this.#hashOf('v2'))
    return true
  }

  async #sendV3(ctx: HttpContext, key: string): Promise<true> {
    if (!this.#keys().includes(key)) {
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

  /** Forgets all documents: the set of resources has changed. */
  invalidate(): void {
    this.#documents.clear()
    this.#contentHash = undefined
  }

  #keys(): readonly string[] {
    return openApiV3Keys([...servedRows(this.#served()), ...this.#custom().map(customRow)])
  }

  #custom(): CustomKindFacts[] {
    return [...this.#resources.all()].flatMap(({ definition }) => {
      const { group, version, kind, listKind, plural, scope, verbs, subresources, custom } = definition
      if (custom === undefined) return []
      const parts = subresources.map(({ name }) => name)
      const namespaced = scope === 'Namespaced'
      return [
        { group, version, kind, listKind, plural, namespaced, verbs, subresources: parts, schema: custom.openApi },
      ]
    })
  }

  /** Names of the resources that documents are about, custom ones aside. */
  #served(): string[] {
    return [...this.#resources.all()]
      .filter(({ definition }) => definition.custom === undefined)
      .map(({ definition: { group, version, plural } }) => resourceName({ group, version, plural }))
  }

  /** A document is a function of the schema table, of what is served and of our own code: their hash stands for it. */
  #hashOf(key: string): string {
    this.#contentHash ??= openApiHash(
      [
        documentFormat,
        readTable('schema'),
        readTable('resources'),
        ...this.#served(),
        JSON.stringify(this.#custom()),
      ].join('\n'),
    )
    return openApiHash(`${this.#contentHash} ${key}`)
  }

  #document(key: string, wanted: Wanted): Promise<Buffer | undefined> {
    let document = this.#documents.get(key)
    if (document === undefined) {
      document = this.#build(wanted)
      this.#documents.set(key, document)
      document.catch(() => this.#documents.delete(key))
    }
    return document
  }

  async #build(wanted: Wanted): Promise<Buffer | undefined> {
    const id = this.#nextId++
    const worker = (this.#worker ??= this.#startWorker())
    clearTimeout(this.#idle)
    const answer = await new Promise<DocumentAnswer>((resolve) => {
      this.#waiting.set(id, resolve)
      worker.postMessage({ ...wanted, id, served: this.#served(), custom: this.#custom() } satisfies DocumentRequest)
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
