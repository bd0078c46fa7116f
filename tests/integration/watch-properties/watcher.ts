/**
 * One client that watches for as long as it is told to: it takes whatever comes (lost connections, ends, 410) as a
 * client must, goes on from where it was, at any server, and writes down everything that it was told.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { KubeObject } from '../../../api/types.ts'
import type { SeededRandom } from '../../harness/seeded-random.ts'
import { type Form, type Identity, list, openStream, Refused } from './streams.ts'
import { contentOf, type View } from './truth.ts'

/** How a client learns the state before it watches. */
export type Beginning = 'list' | 'zero' | 'none' | 'watch-list'

export interface Told {
  readonly type: string
  readonly key: string
  readonly revision: number
  /** Undefined where the form does not carry the whole object. */
  readonly content: string | undefined
}

export type LogEntry =
  /** A list: its revision, and the objects. */
  | { readonly what: 'list'; readonly revision: number; readonly items: readonly Told[]; readonly notBefore: number }
  /** A watch that begins with the state, as of whenever; `notBefore` is what had been acknowledged by then. */
  | { readonly what: 'state'; readonly beginning: Beginning; readonly notBefore: number }
  | { readonly what: 'resume' }
  | { readonly what: 'event'; readonly event: Told }
  | { readonly what: 'bookmark'; readonly revision: number; readonly endsState: boolean }
  | { readonly what: 'expired' }
  | { readonly what: 'ended'; readonly how: string }

export interface WatcherOptions {
  readonly name: string
  /** Base URLs; each stream goes to one of them. */
  readonly servers: readonly [string, ...string[]]
  /** `/api/v1/configmaps` */
  readonly path: string
  /** `labelSelector=…`, or ''. */
  readonly selector: string
  readonly view: View
  readonly resource: string
  readonly form: Form
  readonly beginning: Beginning
  readonly identity: Identity
  readonly random: SeededRandom
  /** The newest revision of which a writer has heard. */
  readonly acknowledged: () => number
}

export interface Watcher {
  readonly options: WatcherOptions
  readonly log: readonly LogEntry[]
  /** The highest revision of an object that it was told of. */
  readonly newest: () => number
  /** Resolves when it has stopped. */
  readonly stop: () => Promise<void>
}

const keyOf = ({ metadata }: KubeObject): string =>
  metadata?.namespace === undefined ? (metadata?.name ?? '') : `${metadata.namespace}/${metadata.name}`

const revisionOf = ({ metadata }: KubeObject): number => Number(metadata?.resourceVersion)

const endsState = ({ metadata }: KubeObject): boolean => metadata?.annotations?.['k8s.io/initial-events-end'] === 'true'

const beginnings: Readonly<Record<Exclude<Beginning, 'list'>, string>> = {
  zero: 'resourceVersion=0',
  none: '',
  'watch-list': 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan',
}

export const startWatcher = (options: WatcherOptions): Watcher => {
  const { servers, path, selector, form, beginning, identity, random, acknowledged } = options
  const abort = new AbortController()
  const log: LogEntry[] = []
  /** Up to where everything was told; undefined: not known. */
  let position: number | undefined
  let newest = 0

  const told = (type: string, object: KubeObject, whole = form === 'json' || form === 'websocket'): Told => {
    const revision = revisionOf(object)
    newest = Math.max(newest, revision)
    return { type, key: keyOf(object), revision, content: whole ? contentOf(object) : undefined }
  }

  const readList = async (): Promise<void> => {
    const notBefore = acknowledged()
    const { revision, items } = await list(`${random.pick(servers)}${path}?${selector}`, identity, abort.signal)
    // Items of a list do not say their kind.
    log.push({
      what: 'list',
      revision,
      items: items.map((object) => told('ADDED', object, false)),
      notBefore,
    })
    position = revision
  }

  /** One stream to its end; sometimes the client itself breaks it off. */
  const readStream = async (): Promise<void> => {
    const timeout = `timeoutSeconds=${1 + random.below(4)}&allowWatchBookmarks=true`
    const resumes = position !== undefined
    const from = resumes ? `resourceVersion=${position}` : beginnings[beginning as Exclude<Beginning, 'list'>]
    if (resumes) log.push({ what: 'resume' })
    else log.push({ what: 'state', beginning, notBefore: acknowledged() })
    const query = ['watch=true', timeout, from, selector].filter((part) => part !== '').join('&')
    const stream = openStream(`${random.pick(servers)}${path}?${query}`, form, identity, abort.signal)
    let left = random.oneIn(3) ? 1 + random.below(30) : Number.POSITIVE_INFINITY
    for await (const { type, object } of stream) {
      if (type === 'ERROR') {
        const { code, message } = object as KubeObject & { code?: number; message?: string }
        if (code !== 410) throw new Error(`an ERROR event: ${code} ${message}`)
        log.push({ what: 'expired' })
        position = undefined
        return
      }
      if (type === 'BOOKMARK') {
        log.push({ what: 'bookmark', revision: revisionOf(object), endsState: endsState(object) })
        if (resumes || endsState(object) || position !== undefined) position = revisionOf(object)
      } else {
        log.push({ what: 'event', event: told(type, object) })
        if (position !== undefined) position = revisionOf(object)
      }
      if (--left <= 0) return
    }
  }

  const done = (async () => {
    while (!abort.signal.aborted) {
      try {
        if (position === undefined && beginning === 'list') await readList()
        // Where a watch began with the state and no bookmark ended it, nobody can tell where to resume.
        await readStream()
        log.push({ what: 'ended', how: 'in order' })
      } catch (error) {
        if (abort.signal.aborted) break
        const refused = error instanceof Refused
        log.push({ what: 'ended', how: refused ? error.message : `lost: ${String(error)}` })
        if (refused && error.code < 500 && error.code !== 429) throw error
        await delay(50)
      }
    }
  })()
  done.catch(() => undefined)

  return {
    options,
    log,
    newest: () => newest,
    stop: async () => {
      abort.abort()
      await done
    },
  }
}
