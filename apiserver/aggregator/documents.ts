/**
 * What aggregated servers say of themselves: discovery, OpenAPI. Read when a server becomes available and every minute;
 * what was read last is told on while it is away. Upstream: kube-aggregator's handler_discovery.go and openapi controllers
 */
import { createHash } from 'node:crypto'
import { openApiHash, openApiV3Url } from '../../api/openapi/v3.ts'
import { openApiV3FromV2 } from '../../api/openapi/v2-to-v3.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { ApiServices } from './api-services.ts'
import type { Backends, RemoteAnswer } from './backends.ts'
import {
  isObject,
  type JsonObject,
  listOf,
  type ResourceDiscovery,
  resourcesOfAggregated,
  resourcesOfLegacy,
  textOf,
} from './server-discovery.ts'
import { KeyedLoop } from './keyed-loop.ts'
import { discoveryPathOf, type RemoteService } from './remote-service.ts'
import type { RemoteUser } from './user-headers.ts'

const refreshMs = 60_000
const discoveryTimeoutMs = 5000
const openApiTimeoutMs = 30_000
const discoveryUser: RemoteUser = { name: 'system:kube-aggregator', groups: ['system:masters'] }
const openApiUser: RemoteUser = { name: 'system:aggregator', groups: [] }

const aggregatedType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

/** One version of a group, as APIGroupDiscoveryList has it. */
export interface VersionDiscovery {
  readonly version: string
  readonly resources: readonly ResourceDiscovery[]
  readonly freshness: 'Current' | 'Stale'
}

interface Tagged<T> {
  readonly value: T
  readonly etag: string
}

interface Documents {
  readonly resources: readonly ResourceDiscovery[]
  /** False after a failure, until the next success. */
  readonly isFresh: boolean
  readonly openApiV2: Tagged<JsonObject> | undefined
  /** `serverRelativeURL` of its own index, for this group and version. */
  readonly openApiV3: string | undefined
}

const nothing: Documents = { resources: [], isFresh: false, openApiV2: undefined, openApiV3: undefined }

const signatureOf = ({ resources, isFresh, openApiV2, openApiV3 }: Documents): string =>
  JSON.stringify([resources, isFresh, openApiV2?.etag, openApiV3])

/** The answer's ETag, or one of our own. */
const etagOf = ({ headers, body }: RemoteAnswer): string =>
  headers.etag ?? createHash('sha256').update(body).digest('hex')

const parse = ({ body }: RemoteAnswer): JsonObject => {
  const value: unknown = JSON.parse(body.toString('utf8'))
  if (!isObject(value)) throw new Error('the answer is not an object')
  return value
}

const versionIn = (document: JsonObject, { group, version }: RemoteService): readonly ResourceDiscovery[] => {
  const named = listOf(document['items']).find((item) => textOf(item, 'metadata', 'name') === group)
  const found = listOf(isObject(named) ? named['versions'] : undefined).find(
    (one) => textOf(one, 'version') === version,
  )
  return resourcesOfAggregated(listOf(isObject(found) ? found['resources'] : undefined))
}

export class RemoteDocuments {
  readonly #apiServices: ApiServices
  readonly #backends: Backends
  readonly #log: Logger
  readonly #known = new Map<string, Documents>()
  readonly #listeners = new Set<() => void>()
  readonly #loop: KeyedLoop

  constructor(apiServices: ApiServices, backends: Backends, { clock, log }: { clock: Clock; log: Logger }) {
    this.#apiServices = apiServices
    this.#backends = backends
    this.#log = log
    this.#loop = new KeyedLoop({
      clock,
      work: (name) => this.#refresh(name),
      resyncMs: refreshMs,
      onError: (apiService, err) => {
        this.#set(apiService, { ...(this.#known.get(apiService) ?? nothing), isFresh: false })
        log.debug({ err, apiService }, 'an aggregated server does not say what it serves')
      },
    })
  }

  /** Called when a document is another. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener)
  }

  run(signal: AbortSignal): void {
    signal.addEventListener('abort', () => this.#loop.stop(), { once: true })
    let before = new Map<string, RemoteService>()
    const compare = (): void => {
      const now = new Map(this.#apiServices.remotes().map((remote) => [remote.name, remote]))
      for (const [name, remote] of now) if (before.get(name) !== remote) this.#loop.add(name)
      for (const name of before.keys()) if (!now.has(name)) this.#loop.add(name)
      before = now
    }
    this.#apiServices.onChange(compare)
    compare()
  }

  discoveryOf({ name, version, available }: RemoteService): VersionDiscovery {
    const { resources, isFresh } = this.#known.get(name) ?? nothing
    return { version, resources, freshness: isFresh && available ? 'Current' : 'Stale' }
  }

  openApiV2(): readonly { readonly remote: RemoteService; readonly document: JsonObject; readonly etag: string }[] {
    return this.#apiServices.remotes().flatMap((remote) => {
      const { openApiV2 } = this.#known.get(remote.name) ?? nothing
      return openApiV2 === undefined ? [] : [{ remote, document: openApiV2.value, etag: openApiV2.etag }]
    })
  }

  /** `apis/<group>/<version>` and the URL under which clients find its document. */
  openApiV3(): readonly (readonly [key: string, url: string])[] {
    return this.#apiServices.remotes().flatMap((remote) => {
      const { openApiV3, openApiV2 } = this.#known.get(remote.name) ?? nothing
      const key = discoveryPathOf(remote).slice(1)
      const url = openApiV3 ?? (openApiV2 === undefined ? undefined : openApiV3Url(key, openApiHash(openApiV2.etag)))
      return url === undefined ? [] : [[key, url] as const]
    })
  }

  /** For a server that has OpenAPI of version 2 alone: what it would say in version 3. */
  convertedOpenApiV3(remote: RemoteService): { readonly document: JsonObject; readonly hash: string } | undefined {
    const { openApiV3, openApiV2 } = this.#known.get(remote.name) ?? nothing
    if (openApiV3 !== undefined || openApiV2 === undefined) return undefined
    return {
      document: openApiV3FromV2(openApiV2.value, discoveryPathOf(remote)),
      hash: openApiHash(openApiV2.etag),
    }
  }

  #set(name: string, documents: Documents): void {
    const before = this.#known.get(name)
    this.#known.set(name, documents)
    if (before !== undefined && signatureOf(before) === signatureOf(documents)) return
    for (const listener of this.#listeners) listener()
  }

  async #refresh(name: string): Promise<boolean> {
    const remote = this.#apiServices.remotes().find((candidate) => candidate.name === name)
    if (remote === undefined) {
      if (this.#known.delete(name)) for (const listener of this.#listeners) listener()
      return false
    }
    // Its availability calls again.
    if (!remote.available) return true
    const before = this.#known.get(name) ?? nothing
    const [resources, openApiV2, openApiV3] = await Promise.all([
      this.#readDiscovery(remote),
      this.#readOpenApiV2(remote, before.openApiV2),
      this.#readOpenApiV3(remote),
    ])
    this.#set(name, { resources, isFresh: true, openApiV2, openApiV3 })
    return true
  }

  async #get(remote: RemoteService, path: string, user: RemoteUser, headers: Record<string, string>) {
    const timeoutMs = user === openApiUser ? openApiTimeoutMs : discoveryTimeoutMs
    return this.#backends.get(await this.#backends.backendOf(remote, path), { user, timeoutMs, headers })
  }

  /** From the server's aggregated document, or from that of the version alone. */
  async #readDiscovery(remote: RemoteService): Promise<readonly ResourceDiscovery[]> {
    const aggregated = await this.#get(remote, '/apis', discoveryUser, { Accept: `${aggregatedType},application/json` })
    if (aggregated.code === 200) {
      const document = parse(aggregated)
      if (document['kind'] === 'APIGroupDiscoveryList') return versionIn(document, remote)
    }
    const path = discoveryPathOf(remote)
    const legacy = await this.#get(remote, path, discoveryUser, { Accept: 'application/json' })
    if (legacy.code !== 200) throw new Error(`failed to download discovery for ${path}: ${legacy.code}`)
    return resourcesOfLegacy(parse(legacy), remote)
  }

  /** A server without the document is one without: discovery is what it must have. */
  async #readOpenApiV2(
    remote: RemoteService,
    before: Tagged<JsonObject> | undefined,
  ): Promise<Tagged<JsonObject> | undefined> {
    try {
      const answer = await this.#get(remote, '/openapi/v2', openApiUser, {
        Accept: 'application/json',
        ...(before === undefined ? undefined : { 'If-None-Match': before.etag }),
      })
      if (answer.code === 304) return before
      if (answer.code !== 200) return undefined
      return { value: parse(answer), etag: etagOf(answer) }
    } catch (err) {
      this.#log.debug({ err, apiService: remote.name }, 'no OpenAPI of version 2')
      return before
    }
  }

  async #readOpenApiV3(remote: RemoteService): Promise<string | undefined> {
    try {
      const answer = await this.#get(remote, '/openapi/v3', openApiUser, { Accept: 'application/json' })
      if (answer.code !== 200) return undefined
      const { paths } = parse(answer)
      const entry = isObject(paths) ? paths[discoveryPathOf(remote).slice(1)] : undefined
      const url = textOf(entry, 'serverRelativeURL')
      return url === '' ? undefined : url
    } catch (err) {
      this.#log.debug({ err, apiService: remote.name }, 'no OpenAPI of version 3')
      return undefined
    }
  }
}
