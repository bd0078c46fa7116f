/**
 * The beginning of an HTTP/2 connection of a Go client, until its first request: its headers are the place where
 * `:authority` is repaired (`authority.ts`); later requests refer to them. Then the connection goes to node's HTTP/2,
 * which knows nothing of it and is not slowed down.
 *
 *     client   preface, SETTINGS {}      SETTINGS ack, HEADERS …
 *     here                  SETTINGS {}                          → all but that ack to node's HTTP/2, repaired
 *
 * A Go client sends no request before it has seen the server's SETTINGS, and node's come only with its HTTP/2: so it
 * gets empty ones from here, whose acknowledgement node must not see. Go's are told by their own SETTINGS, which are
 * empty.
 */
import type { Duplex } from 'node:stream'
import { repairAuthority } from './authority.ts'

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const frameHeadBytes = 9
const frameType = { headers: 1, settings: 4, windowUpdate: 8 } as const
const flag = { ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const
const emptySettings = Buffer.from([0, 0, 0, frameType.settings, 0, 0, 0, 0, 0])
/** A client that has said so much without a request gets no more attention. */
const maxHeldBytes = 64 << 10
/** The same while our SETTINGS are on their way out, when nothing can be handed over. */
const maxGreetingBytes = 4 << 20

interface Frame {
  readonly type: number
  readonly flags: number
  /** Head and payload. */
  readonly bytes: Buffer
}

/** The frame at `at`; undefined when it is not all there. */
const frameAt = (bytes: Buffer, at: number): Frame | undefined => {
  if (bytes.length < at + frameHeadBytes) return undefined
  const end = at + frameHeadBytes + bytes.readUIntBE(at, 3)
  if (bytes.length < end) return undefined
  return { type: bytes[at + 3] ?? 0, flags: bytes[at + 4] ?? 0, bytes: bytes.subarray(at, end) }
}

const repairHeaders = ({ flags, bytes }: Frame): Buffer => {
  // Padding, and blocks that go on in other frames, are no Go client's.
  if ((flags & flag.padded) !== 0 || (flags & flag.endHeaders) === 0) return bytes
  const start = frameHeadBytes + ((flags & flag.priority) === 0 ? 0 : 5)
  const block = bytes.subarray(start)
  const repaired = repairAuthority(block)
  if (repaired === block) return bytes
  const frame = Buffer.concat([bytes.subarray(0, start), repaired])
  frame.writeUIntBE(frame.length - frameHeadBytes, 0, 3)
  return frame
}

export type FirstRequest =
  /** What the client has sent is not enough yet. */
  | { readonly type: 'more' }
  /** `bytes` are for node's HTTP/2. */
  | { readonly type: 'done'; readonly bytes: Buffer }

/**
 * Looks at what a client has sent so far, after it got empty SETTINGS: waits for their acknowledgement and for a
 * request, or for anything else that wants an answer; with `idle` for the acknowledgement alone.
 */
export const readFirstRequest = (received: Buffer, idle = false): FirstRequest => {
  const kept: Buffer[] = [received.subarray(0, preface.length)]
  let at = preface.length
  let acknowledged = false
  let wanted = idle || received.length > maxHeldBytes
  for (let frame = frameAt(received, at); frame !== undefined; frame = frameAt(received, at)) {
    at += frame.bytes.length
    const { type, flags } = frame
    if (type === frameType.settings && (flags & flag.ack) !== 0 && !acknowledged) {
      acknowledged = true
      continue
    }
    kept.push(type === frameType.headers ? repairHeaders(frame) : frame.bytes)
    wanted ||= type !== frameType.settings && type !== frameType.windowUpdate
  }
  if (!acknowledged || !wanted) return { type: 'more' }
  return { type: 'done', bytes: Buffer.concat([...kept, received.subarray(at)]) }
}

/** How a connection begins: a Go client's; another client's; too little to tell. */
export const beginsLikeGo = (received: Buffer): 'yes' | 'no' | 'more' => {
  const known = received.subarray(0, preface.length)
  if (!preface.subarray(0, known.length).equals(known)) return 'no'
  const head = received.subarray(preface.length, preface.length + frameHeadBytes)
  if (!emptySettings.subarray(0, head.length).equals(head)) return 'no'
  return head.length === frameHeadBytes ? 'yes' : 'more'
}

/**
 * Reads the beginning of an HTTP/2 connection and calls `serve` when node's HTTP/2 can take it over; the bytes are in
 * the socket again then. A client that says nothing for `timeoutMs` is handed over as it is, or dropped when it left
 * our SETTINGS without an answer.
 */
export const awaitFirstRequest = (socket: Duplex, timeoutMs: number, serve: () => void): void => {
  let received: Buffer = Buffer.alloc(0)
  let state: 'unknown' | 'greeting' | 'go' = 'unknown'
  const finish = (bytes: Buffer): void => {
    clearTimeout(timer)
    socket.off('readable', onReadable)
    socket.off('close', onClose)
    if (bytes.length > 0) socket.unshift(bytes)
    serve()
  }
  const onReadable = (): void => {
    for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
    }
    if (state === 'unknown') {
      const like = beginsLikeGo(received)
      if (like === 'no') finish(received)
      if (like !== 'yes') return
      state = 'greeting'
      // Node's HTTP/2 writes beside the stream: TLS ends the process when it does so before this write is over.
      socket.write(emptySettings, () => {
        state = 'go'
        proceed()
      })
    }
    if (state === 'go') proceed()
    else if (received.length > maxGreetingBytes) socket.destroy()
  }
  const proceed = (): void => {
    if (socket.destroyed) return
    const first = readFirstRequest(received)
    if (first.type === 'done') finish(first.bytes)
    else if (received.length > 2 * maxHeldBytes) socket.destroy()
  }
  const onTimeout = (): void => {
    if (state !== 'go') {
      socket.destroy()
      return
    }
    const first = readFirstRequest(received, true)
    if (first.type === 'more') socket.destroy()
    else finish(first.bytes)
  }
  const onClose = (): void => clearTimeout(timer)
  const timer = setTimeout(onTimeout, timeoutMs)
  socket.on('readable', onReadable)
  socket.once('close', onClose)
}
