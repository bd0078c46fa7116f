/** /openapi/v2 and /openapi/v3: documents built once, when first asked for, in a worker that goes away when idle. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { protobufAcceptType, protobufContentType } from '../../api/openapi/v2-protobuf.ts'
import { openApiHash, openApiV3Index } from '../../api/openapi/v3.ts'
import { notAcceptable, StatusError } from '../../api/meta/status-error.ts'
import type { Resources } from '../registry/resources.ts'
import type { HttpContext } from '../server/context.ts'
import { sendBytes } from '../server/respond.ts'
import { servedGroups } from './legacy.ts'
import type { DocumentAnswer, DocumentRequest } from './openapi-worker.ts'

interface Document {
  readonly bytes: Buffer
  readonly etag: string
}

type Wanted = DocumentRequest extends infer Request
  ? Request extends { id: number }
    ? Omit<Request, 'id'>
    : never
  : never

/** The worker holds the schema table and all texts: some tens of megabytes that nobody needs after the first minute. */
const idleMs = 20_000

export class OpenApi {
  readonly #resources: Resources
  readonly #documents = new Map<string, Promise<Document | undefined>>()
  readonly #waiting = new Map<number, (answer: DocumentAnswer) => void>()
  #worker: Worker | undefined
  #idle: NodeJS.Timeout | undefined
  #nextId = 1
  #schemaHash: string | undefined

  constructor(resources: Resources) {
    this.#resources = resources
  }

  /** True if the path was one of OpenAPI's and has been answered. */
  async handle(ctx: HttpContext): Promise<boolean> {
    const path = ctx.info.path.replace(/\/$/, '')
    if (path === '/openapi/v2') return this.#sendV2(ctx)
    if (path === '/openapi/v3') return this.#sendIndex(ctx)
    const [, group = '', version = ''] = /^\/openapi\/v3\/(?:api|apis\/([^/]+))\/([^/]+)$/.exec(path) ?? []
    if (version === '') return false
    return this.#sendV3(ctx, group, version)
  }

  #sendIndex(ctx: HttpContext): boolean {
    const groups = servedGroups(this.#resources).flatMap(({ name, versions }) =>
      versions.map((version) => ({ group: name, version, hash: this.#hashOf(name, version) })),
    )
    const bytes = Buffer.from(JSON.stringify(openApiV3Index(groups)))
    this.#send(ctx, 'application/json', { bytes, etag: etagOf(bytes) })
    return true
  }

  async #sendV2(ctx: HttpContext): Promise<boolean> {
    const accept = ctx.request.headers.accept ?? ''
    const protobuf = accept.includes(protobufAcceptType)
    if (!protobuf && accept !== '' && !/application\/json|\*\/\*|application\/\*/.test(accept)) {
      throw notAcceptable(['application/json', protobufAcceptType])
    }
    const document = await this.#document(`v2 ${protobuf}`, { type: 'v2', protobuf })
    if (document === undefined) return false
    this.#send(ctx, protobuf ? protobufContentType : 'application/json', document)
    return true
  }

  async #sendV3(ctx: HttpContext, group: string, version: string): Promise<boolean> {
    const document = await this.#document(`v3 ${group}/${version}`, { type: 'v3', group, version })
    if (document === undefined) return false
    // A URL with the right hash names this content for ever.
    const immutable = ctx.query.get('hash') === this.#hashOf(group, version)
    this.#send(ctx, 'application/json', document, immutable)
    return true
  }

  #send(ctx: HttpContext, contentType: string, { bytes, etag }: Document, immutable = false): void {
    ctx.response.setHeader('ETag', etag)
    ctx.response.setHeader('Vary', 'Accept')
    if (ctx.request.headers['if-none-match'] === etag) {
      ctx.response.writeHead(304).end()
      return
    }
    if (immutable) ctx.response.setHeader('Cache-Control', 'public, immutable')
    sendBytes(ctx, 200, contentType, bytes)
  }

  /** The documents are functions of the schema table, so its hash stands for theirs. */
  #hashOf(group: string, version: string): string {
    this.#schemaHash ??= openApiHash(readFileSync(new URL('../../api/schema/generated/schema.json', import.meta.url)))
    return createHash('sha512').update(`${this.#schemaHash} ${group}/${version}`).digest('hex').toUpperCase()
  }

  #document(key: string, wanted: Wanted): Promise<Document | undefined> {
    let document = this.#documents.get(key)
    if (document === undefined) {
      document = this.#build(wanted)
      this.#documents.set(key, document)
      document.catch(() => this.#documents.delete(key))
    }
    return document
  }

  async #build(wanted: Wanted): Promise<Document | undefined> {
    const id = this.#nextId++
    const worker = (this.#worker ??= this.#startWorker())
    clearTimeout(this.#idle)
    const answer = await new Promise<DocumentAnswer>((resolve) => {
      this.#waiting.set(id, resolve)
      worker.postMessage({ ...wanted, id } satisfies DocumentRequest)
    })
    if (this.#waiting.size === 0) this.#idle = setTimeout(() => this.#stopWorker(), idleMs).unref()
    if (answer.error !== undefined) {
      throw new StatusError('InternalError', 'Internal error occurred: cannot build the OpenAPI document', {
        cause: answer.error,
      })
    }
    if (answer.bytes === undefined) return undefined
    const bytes = Buffer.from(answer.bytes)
    return { bytes, etag: etagOf(bytes) }
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

const etagOf = (bytes: Buffer): string => `"${createHash('sha512').update(bytes).digest('hex').toUpperCase()}"`
