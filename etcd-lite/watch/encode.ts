/** WatchResponse on the wire, put together of parts that are encoded once for all watchers. */
import { bigVarint, varintSize, writeVarint } from '../mvcc/key-value.ts'
import type { Watcher } from './watcher.ts'

const tag = {
  responseHeader: 0x0a,
  responseWatchId: 0x10,
  responseFragment: 0x38,
  responseEvent: 0x5a,
  eventType: 0x08,
  eventKv: 0x12,
  eventPrevKv: 0x1a,
} as const
const eventDelete = 1

/** A fragmented response is cut above this, etcd's default of --max-request-bytes. */
const maxFragmentBytes = 1.5 * 1024 * 1024
/** Revisions are gathered into one response up to this. */
const goodResponseBytes = 1 << 20

const lengthDelimited = (size: number): number => 1 + varintSize(size) + size

const writeBytes = (buffer: Buffer, at: number, fieldTag: number, bytes: Uint8Array): number => {
  buffer[at] = fieldTag
  const start = writeVarint(buffer, at + 1, bytes.length)
  buffer.set(bytes, start)
  return start + bytes.length
}

/** One event as it stands in the `events` of a WatchResponse. */
export const encodeEvent = (type: 'put' | 'delete', kv: Uint8Array, prevKv: Uint8Array | undefined): Buffer => {
  const size =
    (type === 'delete' ? 2 : 0) +
    lengthDelimited(kv.length) +
    (prevKv === undefined ? 0 : lengthDelimited(prevKv.length))
  const buffer = Buffer.allocUnsafe(lengthDelimited(size))
  buffer[0] = tag.responseEvent
  let at = writeVarint(buffer, 1, size)
  if (type === 'delete') {
    buffer[at++] = tag.eventType
    buffer[at++] = eventDelete
  }
  at = writeBytes(buffer, at, tag.eventKv, kv)
  if (prevKv !== undefined) writeBytes(buffer, at, tag.eventPrevKv, prevKv)
  return buffer
}

/** The parts of a response that stand before its events. */
const head = (header: Uint8Array, watchId: bigint, fragment: boolean): Buffer => {
  const buffer = Buffer.allocUnsafe(lengthDelimited(header.length) + 1 + 10 + 2)
  let at = writeBytes(buffer, 0, tag.responseHeader, header)
  if (watchId !== 0n) {
    buffer[at++] = tag.responseWatchId
    const id = bigVarint(watchId)
    buffer.set(id, at)
    at += id.length
  }
  if (fragment) {
    buffer[at++] = tag.responseFragment
    buffer[at++] = 1
  }
  return buffer.subarray(0, at)
}

/** Events of one revision for one watcher, encoded. */
export interface RevisionEvents {
  readonly main: number
  readonly events: readonly Buffer[]
}

const sendResponse = (watcher: Watcher, revision: number, events: readonly Buffer[]): void => {
  const { id, fragment } = watcher.spec
  const header = watcher.sink.header(revision)
  if (!fragment) {
    watcher.sink.send([head(header, id, false), ...events])
    return
  }
  let part: Buffer[] = []
  let size = 0
  for (const event of events) {
    if (part.length > 0 && size + event.length > maxFragmentBytes) {
      watcher.sink.send([head(header, id, true), ...part])
      part = []
      size = 0
    }
    part.push(event)
    size += event.length
  }
  watcher.sink.send([head(header, id, false), ...part])
}

/** Sends revisions in as few responses as is sensible; never a part of a revision without the rest. */
export const sendRevisions = (watcher: Watcher, revision: number, revisions: readonly RevisionEvents[]): void => {
  let gathered: Buffer[] = []
  let size = 0
  let lastMain = 0
  for (const { main, events } of revisions) {
    if (size > goodResponseBytes) {
      sendResponse(watcher, lastMain, gathered)
      gathered = []
      size = 0
    }
    for (const event of events) {
      gathered.push(event)
      size += event.length
    }
    lastMain = main
  }
  if (gathered.length > 0) sendResponse(watcher, revision, gathered)
  watcher.active = true
}

/** A response without events: everything up to `revision` has been sent. */
export const sendProgress = (watcher: Watcher, revision: number): void =>
  watcher.sink.send([head(watcher.sink.header(revision), watcher.spec.id, false)])
