/**
 * Watches. Upstream: cacher.Watch and handlers/watch.go.
 *
 * Flow: the state or the missed events first, written with back-pressure while new events are kept aside; then those;
 * from then on every event is written as it happens. A client that does not read fast enough is cut off: it comes back
 * with its last resourceVersion and misses nothing.
 */
import { expired, notAcceptable, StatusError } from '../../api/meta/status-error.ts'
import type { Resource } from '../registry/resource.ts'
import type { HttpContext } from '../server/context.ts'
import { contentTypes, type MediaType, negotiate } from '../server/negotiation.ts'
import { parseResourceVersion } from '../storage/list.ts'
import { CacheEvent, type Matches, seenThrough } from '../storage/watch-cache/cache-event.ts'
import type { CacheWatcher, WatchCache } from '../storage/watch-cache/watch-cache.ts'
import { parseWatchQuery, type WatchQuery } from './options.ts'
import type { Scope } from './scope.ts'
import { matcherFor } from './selectors.ts'
import { formatsOf } from './send-protobuf.ts'
import { includeObjectOf } from './table.ts'
import { type FrameEncoder, frameEncoder } from './watch-frames.ts'
import type { OpenWatch, WatchRegistry } from './watch-registry.ts'
import { openWatchTransport, type WatchTransport } from './watch-transport.ts'

/** Bytes that may wait for a slow reader. */
const maxBufferedBytes = 8 * 1024 * 1024
/** Events that may wait while the initial ones are written. */
const maxBacklog = 20_000

const streamTypes = ['application/json;stream=watch', `${contentTypes.protobuf};stream=watch`]

const negotiateWatch = (ctx: HttpContext, resource: Resource): MediaType => {
  const media = negotiate(ctx.request.headers.accept, ['Table', 'PartialObjectMetadata'], formatsOf(resource))
  if (media.format === 'yaml') throw notAcceptable(streamTypes)
  return media
}

export const watch = async (scope: Scope & { watches: WatchRegistry }, ctx: HttpContext): Promise<void> => {
  const { resource } = scope
  const media = negotiateWatch(ctx, resource)
  const query = parseWatchQuery(ctx.query)
  const matches = matcherFor(resource, query.labelSelector, fieldSelectorOf(ctx, query))
  const encoder = frameEncoder(resource, media, includeObjectOf(ctx.query))
  const prefix = resource.namespaced && ctx.info.namespace !== '' ? `${ctx.info.namespace}/` : ''
  await freshEnough(scope, query)

  const transport = await openWatchTransport(ctx, encoder.contentType)
  if (transport === undefined) return
  const stream = new WatchStream(transport, resource.store.cache, {
    prefix,
    matches,
    encoder,
    bookmarks: query.allowWatchBookmarks,
    initialEventsAsked: ctx.query.get('sendInitialEvents') !== null,
    countEvent: scope.watches.countEvents(resource.definition),
  })
  const unregister = scope.watches.add(stream)
  try {
    await stream.run(query, timeoutMs(query.timeoutSeconds, scope.minRequestTimeoutSeconds))
  } finally {
    unregister()
  }
}

/** The old paths `watch/…/NAME` select one object, as `fieldSelector=metadata.name=NAME` does. */
const fieldSelectorOf = ({ info }: HttpContext, { fieldSelector }: WatchQuery): string =>
  [...(info.name === '' ? [] : [`metadata.name=${info.name}`]), ...(fieldSelector === '' ? [] : [fieldSelector])].join()

/** Without timeoutSeconds watches end after a random time, so that clients spread over the servers again. */
const timeoutMs = (asked: number, minimum: number): number => (asked > 0 ? asked : minimum * (1 + Math.random())) * 1000

const freshEnough = async ({ resource: { store } }: Scope, query: WatchQuery): Promise<void> => {
  const version = parseResourceVersion(query.resourceVersion)
  if (query.resourceVersion === '') await store.consistent()
  else if (query.sendInitialEvents) await store.waitFor(version)
  else await store.cache.ready()
}

interface StreamOptions {
  readonly prefix: string
  readonly matches: Matches | undefined
  readonly encoder: FrameEncoder
  readonly bookmarks: boolean
  /** Whether the query says anything of sendInitialEvents. */
  readonly initialEventsAsked: boolean
  readonly countEvent: () => void
}

class WatchStream implements CacheWatcher, OpenWatch {
  readonly #transport: WatchTransport
  readonly #cache: WatchCache
  readonly #options: StreamOptions
  readonly #ended = Promise.withResolvers<void>()
  /** Events that arrive while the initial ones are written; undefined once the stream is live. */
  #backlog: CacheEvent[] | undefined = []
  #sentRevision = 0

  constructor(transport: WatchTransport, cache: WatchCache, options: StreamOptions) {
    this.#transport = transport
    this.#cache = cache
    this.#options = options
  }

  async run(query: WatchQuery, timeout: number): Promise<void> {
    const transport = this.#transport
    const initial = this.#initialFrames(query)
    if (initial instanceof StatusError) {
      transport.send(this.#options.encoder.error(initial))
      transport.end()
      return
    }
    // From here to the first await nothing can happen in between: no event is missed or seen twice.
    const stop = this.#cache.watch(this)
    const timer = setTimeout(() => this.end(), timeout)
    transport.whenClosed(() => this.#ended.resolve())
    try {
      if (await transport.sendAll(initial, this.#ended.promise)) this.#goLive()
      await this.#ended.promise
    } finally {
      clearTimeout(timer)
      stop()
      if (!transport.closed) {
        this.sendBookmark()
        transport.end()
      }
    }
  }

  onEvent(event: CacheEvent): void {
    if (this.#options.prefix !== '' && !event.key.startsWith(this.#options.prefix)) return
    if (this.#backlog === undefined) {
      this.#writeEvent(event)
      return
    }
    this.#backlog.push(event)
    if (this.#backlog.length > maxBacklog) this.#cutOff()
  }

  onRestart(): void {
    this.#cutOff()
  }

  sendBookmark(): void {
    if (!this.#options.bookmarks || this.#backlog !== undefined) return
    const { revision } = this.#cache
    if (revision <= this.#sentRevision) return
    this.#write(this.#options.encoder.bookmark(revision, false))
    this.#sentRevision = revision
  }

  end(): void {
    this.#ended.resolve()
  }

  /** What comes before the live events: the whole state, or what was missed. */
  #initialFrames(query: WatchQuery): Iterable<Buffer> | StatusError {
    const version = parseResourceVersion(query.resourceVersion)
    const { encoder, prefix, matches, bookmarks } = this.#options
    const withState = query.sendInitialEvents || (version === 0 && !this.#options.initialEventsAsked)
    if (withState) {
      const entries = this.#cache.range(prefix)
      const revision = this.#cache.revision
      this.#sentRevision = revision
      return (function* () {
        for (const entry of entries) if (matches === undefined || matches(entry.object)) yield encoder.initial(entry)
        if (query.sendInitialEvents && bookmarks) yield encoder.bookmark(revision, true)
      })()
    }
    if (version === 0) return []
    const changes = this.#cache.changesSince(version)
    if (changes === undefined) return expired(`too old resource version: ${version} (${this.#cache.oldestRevision})`)
    this.#sentRevision = version
    return (function* () {
      for (const change of changes) {
        const event = new CacheEvent(change)
        if (prefix !== '' && !event.key.startsWith(prefix)) continue
        const seen = seenThrough(event, matches)
        if (seen !== undefined) yield encoder.event(event, seen)
      }
    })()
  }

  #goLive(): void {
    const backlog = this.#backlog ?? []
    this.#backlog = undefined
    for (const event of backlog) this.#writeEvent(event)
  }

  #writeEvent(event: CacheEvent): void {
    const seen = seenThrough(event, this.#options.matches)
    if (seen === undefined) return
    this.#sentRevision = event.revision
    this.#options.countEvent()
    this.#write(this.#options.encoder.event(event, seen))
  }

  #write(frame: Buffer): void {
    const transport = this.#transport
    if (transport.closed) return
    transport.send(frame)
    if (transport.bufferedBytes > maxBufferedBytes) this.#cutOff()
  }

  #cutOff(): void {
    this.#transport.destroy()
    this.#ended.resolve()
  }
}
