/** Watches. Upstream: cacher.Watch and handlers/watch.go. */
import { jitter } from '../../component-base/random.ts'
import { expired, notAcceptable, StatusError } from '../../api/meta/status-error.ts'
import type { Resource } from '../registry/resource.ts'
import type { HttpContext } from '../server/context.ts'
import { contentTypes, type MediaType, negotiate } from '../server/negotiation.ts'
import { ConversionError } from '../storage/key-value.ts'
import { parseResourceVersion } from '../storage/list.ts'
import { reinitializing } from '../storage/watch-cache/watch-cache.ts'
import { parseWatchQuery, type WatchQuery } from './options.ts'
import type { Scope } from './scope.ts'
import { matcherFor } from './selectors.ts'
import { formatsOf } from './send-protobuf.ts'
import { includeObjectOf } from './table.ts'
import { frameEncoder } from './watch-frames.ts'
import type { WatchRegistry } from './watch-registry.ts'
import { type WatchStart, WatchStream, type WatchStreamOptions } from './watch-stream.ts'
import { openWatchTransport } from './watch-transport.ts'

const streamTypes = ['application/json;stream=watch', `${contentTypes.protobuf};stream=watch`]

const negotiateWatch = (ctx: HttpContext, resource: Resource): MediaType => {
  const media = negotiate(ctx.request.headers.accept, ['Table', 'PartialObjectMetadata'], formatsOf(resource))
  if (media.format === 'yaml') throw notAcceptable(streamTypes)
  return media
}

export const watch = async (scope: Scope & { watches: WatchRegistry }, ctx: HttpContext): Promise<void> => {
  const { resource } = scope
  const { cache } = resource.store
  const media = negotiateWatch(ctx, resource)
  const query = parseWatchQuery(ctx.query)
  const matches = matcherFor(resource, query.labelSelector, fieldSelectorOf(ctx, query))
  const encoder = frameEncoder(resource, media, includeObjectOf(ctx.query))
  const prefix = resource.namespaced && ctx.info.namespace !== '' ? `${ctx.info.namespace}/` : ''
  await freshEnough(scope, query)

  const transport = await openWatchTransport(ctx, encoder.contentType)
  if (transport === undefined) return
  // The cache may have lost its history while the handshake was made.
  await cache.ready()
  const options: WatchStreamOptions = {
    cache,
    prefix,
    matches,
    encoder,
    bookmarks: query.allowWatchBookmarks,
    onInitialized: () => ctx.watchInitialized?.(),
    countEvent: scope.watches.countEvents(resource.definition),
    onError: (err) => ctx.log.error({ err, path: ctx.info.path }, 'a watch event cannot be encoded'),
  }
  // From here to the first await in the stream nothing can happen in between: no event is missed or seen twice.
  const start = startOf(options, askedOf(ctx, query))
  if (start instanceof StatusError) {
    transport.send(encoder.error(start))
    transport.end()
    return
  }
  const stream = new WatchStream(transport, options)
  const unregister = scope.watches.add(stream)
  try {
    await stream.run(start, timeoutMs(query.timeoutSeconds, scope.minRequestTimeoutSeconds))
  } finally {
    unregister()
  }
}

interface Asked {
  /** 0: from now. */
  readonly version: number
  readonly withState: boolean
  /** `sendInitialEvents=true`: a bookmark tells where the state ends. */
  readonly initialEvents: boolean
}

/** Without sendInitialEvents, which may be false, a watch from no version or from 0 begins with the state. */
const askedOf = (ctx: HttpContext, { resourceVersion, sendInitialEvents }: WatchQuery): Asked => {
  const version = parseResourceVersion(resourceVersion)
  const saysNothing = ctx.query.get('sendInitialEvents') === null
  return { version, withState: sendInitialEvents || (version === 0 && saysNothing), initialEvents: sendInitialEvents }
}

/** The old paths `watch/…/NAME` select one object, as `fieldSelector=metadata.name=NAME` does. */
const fieldSelectorOf = ({ info }: HttpContext, { fieldSelector }: WatchQuery): string =>
  [...(info.name === '' ? [] : [`metadata.name=${info.name}`]), ...(fieldSelector === '' ? [] : [fieldSelector])].join()

/** Without timeoutSeconds watches end after a random time, so that clients spread over the servers again. */
const timeoutMs = (asked: number, minimum: number): number => (asked > 0 ? asked : jitter(minimum, 1)) * 1000

const freshEnough = async ({ resource: { store } }: Scope, query: WatchQuery): Promise<void> => {
  const version = parseResourceVersion(query.resourceVersion)
  try {
    if (query.resourceVersion === '') await store.consistent()
    else if (query.sendInitialEvents) await store.waitFor(version)
    else await store.cache.ready()
  } catch (error) {
    // A watch that cannot begin for now is to be tried again; why it cannot, a list tells.
    throw error instanceof ConversionError ? reinitializing() : error
  }
}

/** What comes before the live events: the whole state, or, with what was missed, nothing. */
const startOf = (
  { cache, prefix, matches, encoder, bookmarks }: WatchStreamOptions,
  asked: Asked,
): WatchStart | StatusError => {
  const { revision } = cache
  if (asked.withState) {
    const entries = cache.range(prefix)
    return {
      revision,
      frames: (function* () {
        for (const entry of entries)
          yield matches === undefined || matches(entry.object) ? encoder.initial(entry) : undefined
        if (asked.initialEvents && bookmarks) yield encoder.bookmark(revision, true)
      })(),
    }
  }
  if (asked.version === 0) return { revision, frames: [] }
  if (asked.version < cache.oldestRevision) {
    return expired(`too old resource version: ${asked.version} (${cache.oldestRevision})`)
  }
  return { revision: asked.version, frames: [] }
}
