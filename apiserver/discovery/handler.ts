/** Serves discovery, legacy or aggregated as the client accepts, with ETag. */
import { createHash } from 'node:crypto'
import { methodNotServed, StatusError } from '../../api/meta/status-error.ts'
import type { Resources } from '../registry/resources.ts'
import { encodeProtobuf } from '../codec/protobuf-encode.ts'
import type { HttpContext } from '../server/context.ts'
import { contentTypes, matchesType, negotiate, parseAccept } from '../server/negotiation.ts'
import { hasEtag } from '../server/etag.ts'
import { sendBytes, sendValue } from '../server/respond.ts'
import { groupDiscoveryList } from './aggregated.ts'
import { type AggregatedApis, servedGroups } from './groups.ts'
import { apiGroup, apiGroupList, apiResourceList, apiVersions, resourcesOf } from './legacy.ts'

interface Document {
  readonly bytes: Buffer
  readonly etag: string
}

/** v2beta1 is gone for good: AggregatedDiscoveryRemoveBetaType. */
const aggregatedVersions = ['v2'] as const
const aggregatedFormats = ['json', 'protobuf'] as const

type AggregatedVersion = (typeof aggregatedVersions)[number]

interface Aggregated {
  readonly format: 'json' | 'protobuf'
  readonly version: AggregatedVersion
}

/** `application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList`, if that is liked better than plain JSON. */
const wantedAggregated = (accept: string | undefined): Aggregated | undefined => {
  for (const { type, params } of parseAccept(accept ?? '')) {
    const format = aggregatedFormats.find((candidate) => matchesType(type, candidate))
    if (format === undefined) continue
    const as = params.get('as')
    if (as === undefined) return undefined
    const version = aggregatedVersions.find((candidate) => candidate === params.get('v'))
    if (version === undefined || as !== 'APIGroupDiscoveryList' || params.get('g') !== 'apidiscovery.k8s.io') continue
    return { format, version }
  }
  return undefined
}

export class Discovery {
  readonly #resources: Resources
  readonly #apis: AggregatedApis
  readonly #serverAddress: string
  readonly #aggregated = new Map<string, Document>()

  constructor(resources: Resources, apis: AggregatedApis, serverAddress: string) {
    this.#resources = resources
    this.#apis = apis
    this.#serverAddress = serverAddress
  }

  /** Forgets made documents: the set of resources has changed. */
  invalidate(): void {
    this.#aggregated.clear()
  }

  #groups() {
    return servedGroups(this.#resources, this.#apis)
  }

  /** True if the path was a discovery path and has been answered. */
  async handle(ctx: HttpContext): Promise<boolean> {
    const parts = ctx.info.path.replace(/\/$/, '').split('/').slice(1)
    const [root, first = '', version] = parts
    if (root === 'api') {
      if (parts.length > 2) return false
      checkMethod(ctx)
      return parts.length === 1 ? this.#sendRoot(ctx, true) : this.#sendResources(ctx, '', first)
    }
    if (root !== 'apis' || parts.length > 3) return false
    if (parts.length > 1 && !this.#groups().some(({ name }) => name === first)) return false
    checkMethod(ctx)
    if (parts.length === 1) return this.#sendRoot(ctx, false)
    return version === undefined ? this.#sendGroup(ctx, first) : this.#sendResources(ctx, first, version)
  }

  async #sendRoot(ctx: HttpContext, core: boolean): Promise<boolean> {
    const wanted = wantedAggregated(ctx.request.headers.accept)
    ctx.response.setHeader('Vary', 'Accept')
    if (wanted === undefined) {
      await this.#send(ctx, core ? apiVersions(this.#serverAddress) : apiGroupList(this.#groups()))
      return true
    }
    const document = this.#document(core, wanted)
    ctx.response.setHeader('ETag', document.etag)
    if (hasEtag(ctx.request.headers['if-none-match'], document.etag)) {
      ctx.response.writeHead(304).end()
      return true
    }
    const contentType = `${contentTypes[wanted.format]};g=apidiscovery.k8s.io;v=${wanted.version};as=APIGroupDiscoveryList`
    sendBytes(ctx, 200, contentType, document.bytes)
    return true
  }

  /** The ETag is of what is told, not of how: both formats have the same. */
  #document(core: boolean, { format, version }: Aggregated): Document {
    const key = `${core} ${version} ${format}`
    let document = this.#aggregated.get(key)
    if (document === undefined) {
      const list = groupDiscoveryList(this.#resources, this.#apis, core, version)
      const json = Buffer.from(JSON.stringify(list))
      const hash = createHash('sha512').update(json).digest('hex').toUpperCase()
      document = { bytes: format === 'json' ? Buffer.concat([json, newline]) : encodeProtobuf(list), etag: `"${hash}"` }
      this.#aggregated.set(key, document)
    }
    return document
  }

  async #sendGroup(ctx: HttpContext, name: string): Promise<boolean> {
    const group = this.#groups().find((candidate) => candidate.name === name && name !== '')
    if (group === undefined) throw notServed()
    await this.#send(ctx, { kind: 'APIGroup', apiVersion: 'v1', ...apiGroup(group) })
    return true
  }

  async #sendResources(ctx: HttpContext, group: string, version: string): Promise<boolean> {
    if (resourcesOf(this.#resources, group, version).length === 0) throw notServed()
    await this.#send(ctx, apiResourceList(this.#resources, group, version))
    return true
  }

  #send(ctx: HttpContext, value: object): Promise<void> {
    return sendValue(ctx, 200, negotiate(ctx.request.headers.accept, []), value)
  }
}

const newline = Buffer.from('\n')
/** HEAD is refused too. */
const checkMethod = ({ method }: HttpContext): void => {
  if (method !== 'GET') throw methodNotServed()
}

const notServed = (): StatusError =>
  new StatusError('NotFound', 'the server could not find the requested resource', { details: {} })
