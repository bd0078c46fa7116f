/**
 * Lists with every combination of resourceVersion, resourceVersionMatch, limit and continue.
 * Upstream: https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list
 */
import { setImmediate as immediate } from 'node:timers/promises'
import { badRequest, expired } from '../../api/meta/status-error.ts'
import { type Continuation, decodeContinue, encodeContinue } from './continue-token.ts'
import { type Entry, entryFromStore } from './encoding.ts'
import { CompactedError, FutureRevisionError, type ListPage } from './key-value.ts'
import { prefixEnd } from './keys.ts'
import type { ResourceStore } from './resource-store.ts'
import type { Matches } from './watch-cache/cache-event.ts'
import { tooLargeResourceVersion } from './watch-cache/event-hub.ts'

export interface ListOptions {
  /** `ns/` or ''. */
  readonly prefix: string
  readonly matches?: Matches | undefined
  readonly resourceVersion: string
  readonly resourceVersionMatch: string
  /** 0 is no limit. */
  readonly limit: number
  readonly continue: string
}

export interface ListResult {
  readonly entries: readonly Entry[]
  readonly revision: number
  readonly continue?: string
  readonly remainingItemCount?: number
}

/** A revision from a query parameter; throws as upstream does. */
export const parseResourceVersion = (text: string): number => {
  if (text === '' || text === '0') return 0
  if (!/^\d{1,19}$/.test(text)) {
    throw badRequest(
      `Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    )
  }
  return Number(text)
}

export const list = async (store: ResourceStore, options: ListOptions): Promise<ListResult> => {
  if (options.continue !== '') return continueList(store, options, decodeContinue(options.continue))
  const asked = parseResourceVersion(options.resourceVersion)
  // Whatever is in memory is good enough, then: nobody reads that in pages.
  if (options.resourceVersion === '0') return listAny(store, options)
  const exact =
    options.resourceVersionMatch === 'Exact' || (asked > 0 && options.limit > 0 && options.resourceVersionMatch === '')
  if (exact) return listAt(store, options, asked, '')
  if (options.resourceVersion === '') await store.consistent()
  else await store.waitFor(asked)
  return fromCache(store, options, '', store.cache.revision)
}

const listAny = async (store: ResourceStore, options: ListOptions): Promise<ListResult> => {
  await store.waitFor(0)
  return fromCache(store, { ...options, limit: 0 }, '', store.cache.revision)
}

const continueList = async (store: ResourceStore, options: ListOptions, token: Continuation): Promise<ListResult> => {
  if (options.resourceVersion !== '' && options.resourceVersion !== '0') {
    throw badRequest('specifying resource version is not allowed when using continue')
  }
  if (!token.start.startsWith(options.prefix)) throw badRequest('continue key is not valid')
  if (token.revision < 0) {
    await store.consistent()
    return fromCache(store, options, token.start, store.cache.revision)
  }
  return listAt(store, options, token.revision, token.start)
}

/** The state of exactly that revision: from memory if nothing has changed since, else from the store's history. */
const listAt = async (
  store: ResourceStore,
  options: ListOptions,
  revision: number,
  start: string,
): Promise<ListResult> => {
  await store.cache.ready()
  if (
    revision <= store.cache.revision &&
    store.cache.lastChange <= revision &&
    revision >= store.cache.oldestRevision
  ) {
    return fromCache(store, options, start, revision)
  }
  try {
    return await fromStore(store, options, start, revision)
  } catch (error) {
    if (error instanceof FutureRevisionError) throw tooLargeResourceVersion(revision, store.cache.revision)
    if (!(error instanceof CompactedError)) throw error
    throw start === ''
      ? expired('The resourceVersion for the provided list is too old.')
      : expired(
          'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
          encodeContinue({ revision: -1, start }),
        )
  }
}

/** Objects that are asked of the store, and parsed, at once. */
const pageSize = 500
/** Objects that are compared with a selector before others get their turn. */
const comparedPerTurn = 5_000

const fromCache = async (
  store: ResourceStore,
  options: ListOptions,
  start: string,
  revision: number,
): Promise<ListResult> => {
  const { prefix, matches, limit } = options
  // What is changed while others have their turn is not changed in here: a list is of one revision.
  const all = store.cache.range(prefix, start)
  if (limit === 0 && matches === undefined) return { entries: all, revision }
  const page: Entry[] = []
  for (const [index, entry] of all.entries()) {
    if (index > 0 && index % comparedPerTurn === 0) await immediate()
    if (matches !== undefined && !matches(entry.object)) continue
    page.push(entry)
    if (page.length === limit) return pageResult(page, revision, matches, all.length - index - 1)
  }
  return { entries: page, revision }
}

const pageResult = (page: Entry[], revision: number, matches: Matches | undefined, remaining: number): ListResult => {
  if (remaining === 0) return { entries: page, revision }
  return {
    entries: page,
    revision,
    continue: encodeContinue({ revision, start: `${page.at(-1)?.key}\0` }),
    // With a selector nobody knows how many of the rest would match.
    ...(matches === undefined ? { remainingItemCount: remaining } : {}),
  }
}

const fromStore = async (
  store: ResourceStore,
  options: ListOptions,
  start: string,
  revision: number,
): Promise<ListResult> => {
  const { prefix, matches, limit } = options
  const base = store.prefix + prefix
  const end = prefixEnd(base)
  const page: Entry[] = []
  let from = start > prefix ? store.prefix + start : base
  for (;;) {
    const answer: ListPage = await store.keyValues.list({
      start: from,
      end,
      // Of those that do not match, none is in the page.
      limit: limit === 0 || matches !== undefined ? pageSize : Math.min(limit, pageSize),
      revision,
    })
    for (const [index, item] of answer.items.entries()) {
      const entry = entryFromStore(item.key.slice(store.prefix.length), item.value, item.modRevision)
      if (matches !== undefined && !matches(entry.object)) continue
      page.push(entry)
      if (limit > 0 && page.length === limit) return pageResult(page, revision, matches, answer.count - index - 1)
    }
    const last = answer.items.at(-1)
    if (!answer.more || last === undefined) return { entries: page, revision }
    from = `${last.key}\0`
  }
}
