/**
 * One open watch: how far its client is, and what it is sent.
 *
 *     state of the moment ──► missed changes, read from the cache's history ──► live: each event as it happens
 *                                        ▲                                        │
 *                                        └── the client reads slower than we write┘
 *
 * A slow client costs no memory: it is only behind, in the same history as everybody. When the history has moved on
 * past it, the stream ends in order, and the client resumes or lists again.
 */
import { setImmediate as immediate } from 'node:timers/promises'
import { CacheEvent, type Matches, seenThrough } from '../storage/watch-cache/cache-event.ts'
import type { CacheWatcher, WatchCache } from '../storage/watch-cache/watch-cache.ts'
import type { FrameEncoder } from './watch-frames.ts'
import type { OpenWatch } from './watch-registry.ts'
import type { WatchTransport } from './watch-transport.ts'

export interface WatchStreamOptions {
  readonly cache: WatchCache
  /** `ns/` or ''. */
  readonly prefix: string
  readonly matches: Matches | undefined
  readonly encoder: FrameEncoder
  readonly bookmarks: boolean
  /** Called when all that comes before the events was sent. */
  readonly onInitialized: () => void
  /** Called for each event that is sent. */
  readonly countEvent: () => void
  /** Called when an event cannot be encoded: the watch is broken off. */
  readonly onError: (error: unknown) => void
}

/** What comes before the events: frames, undefined for an object that is not to be seen; and the revision they are of. */
export interface WatchStart {
  readonly revision: number
  readonly frames: Iterable<Buffer | undefined>
}

/** Bytes that may wait for a client before it counts as slow. */
const slowBytes = 256 * 1024
const batchBytes = 64 * 1024
/** Objects or changes after which others get their turn. */
const stepsPerTurn = 200
const bookmarkIntervalMs = 60_000
/** A last bookmark so long before the end, as upstream: what comes after it is little. */
const lastBookmarkMs = 2_000

export class WatchStream implements CacheWatcher, OpenWatch {
  readonly #transport: WatchTransport
  readonly #options: WatchStreamOptions
  readonly #ended = Promise.withResolvers<void>()
  #over = false
  #isLive = false
  /** What the client asked to begin after. */
  #startRevision = 0
  /** Everything up to here has been looked at for the client. */
  #position = 0
  /** The revision of the last that it was sent, and so can resume from. */
  #told = 0

  constructor(transport: WatchTransport, options: WatchStreamOptions) {
    this.#transport = transport
    this.#options = options
  }

  /** Runs until the client goes, the time is over or the stream is ended. */
  async run(start: WatchStart, timeoutMs: number): Promise<void> {
    const transport = this.#transport
    this.#startRevision = start.revision
    this.#position = start.revision
    this.#told = start.revision
    const stop = this.#options.cache.watch(this)
    transport.whenClosed(() => this.end())
    const timer = this.#scheduleTimers(timeoutMs)
    try {
      const goesOn = await this.#sendInTurns(start.frames)
      this.#options.onInitialized()
      if (goesOn) await this.#catchUp()
      await this.#ended.promise
    } catch (error) {
      this.#fail(error)
    } finally {
      timer.clear()
      stop()
      if (!transport.closed) {
        if (this.#isLive && this.#options.cache.revision > this.#told) this.sendBookmark()
        transport.end()
      }
    }
  }

  onEvent(event: CacheEvent): void {
    // Events of one revision may be several: whoever is live gets them all.
    if (!this.#isLive || event.revision <= this.#startRevision) return
    try {
      const frame = this.#frameOf(event)
      this.#position = event.revision
      if (frame !== undefined) this.#sendLive(frame)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** The history that the client is in is no more. */
  onRestart(): void {
    this.#isLive = false
    this.end()
  }

  sendBookmark(): void {
    const { bookmarks, cache, encoder } = this.#options
    if (!bookmarks || !this.#isLive || cache.revision < this.#position) return
    this.#position = cache.revision
    this.#told = cache.revision
    this.#transport.send(encoder.bookmark(this.#position, false))
  }

  end(): void {
    this.#over = true
    this.#ended.resolve()
  }

  #sendLive(frame: Buffer): void {
    const transport = this.#transport
    if (transport.closed) return
    if (transport.bufferedBytes < slowBytes) return transport.send(frame)
    if (transport.sendBatch([frame])) return
    this.#isLive = false
    void this.#whenDrained()
      .then(() => this.#catchUp())
      .catch((error: unknown) => this.#fail(error))
  }

  #fail(error: unknown): void {
    this.#options.onError(error)
    this.#isLive = false
    this.#transport.destroy()
    this.end()
  }

  async #whenDrained(): Promise<void> {
    await Promise.race([this.#transport.drained(), this.#ended.promise])
  }

  /** Sends what was missed, and goes live when nothing is missed any more. */
  async #catchUp(): Promise<void> {
    if (!this.#over) await this.#sendInTurns(this.#missed())
  }

  /** From the check that finds nothing to the first live event there is no await: no event is lost or doubled. */
  *#missed(): Generator<Buffer | undefined> {
    for (;;) {
      const changes = this.#options.cache.changesSince(this.#position, stepsPerTurn)
      if (changes === undefined) return this.end()
      if (changes.length === 0) {
        this.#isLive = true
        return undefined
      }
      for (const change of changes) {
        this.#position = change.revision
        yield this.#frameOf(new CacheEvent(change))
      }
    }
  }

  #frameOf(event: CacheEvent): Buffer | undefined {
    const { prefix, matches, encoder, countEvent } = this.#options
    if (prefix !== '' && !event.key.startsWith(prefix)) return undefined
    const seen = seenThrough(event, matches)
    if (seen === undefined) return undefined
    countEvent()
    this.#told = event.revision
    return encoder.event(event, seen)
  }

  /** Sends many frames, with turns for others, no faster than the client reads. False if the stream was ended. */
  async #sendInTurns(frames: Iterable<Buffer | undefined>): Promise<boolean> {
    let batch: Buffer[] = []
    let size = 0
    let steps = 0
    const flush = async (): Promise<void> => {
      if (size === 0) return
      const goesOn = this.#transport.sendBatch(batch)
      batch = []
      size = 0
      if (!goesOn) await this.#whenDrained()
    }
    for (const frame of frames) {
      if (frame !== undefined) {
        batch.push(frame)
        size += frame.length
        if (size >= batchBytes) await flush()
      }
      if (++steps % stepsPerTurn === 0) await immediate()
      if (this.#over) return false
    }
    await flush()
    return !this.#over
  }

  /** One timer at a time: a bookmark every minute, the last one before the end, the end. */
  #scheduleTimers(timeoutMs: number): { clear(): void } {
    let left = timeoutMs
    let timer: NodeJS.Timeout
    const next = (): void => {
      const untilLast = left - lastBookmarkMs
      const untilBookmark = untilLast > 0 ? Math.min(bookmarkIntervalMs, untilLast) : left
      const wait = this.#options.bookmarks ? untilBookmark : left
      timer = setTimeout(() => {
        left -= wait
        if (left <= 0) return this.end()
        this.sendBookmark()
        next()
      }, wait)
    }
    next()
    return { clear: () => clearTimeout(timer) }
  }
}
