/** What exec and attach look like to a server, whichever transport the client chose. Upstream: remotecommand. */
import type { Readable, Writable } from 'node:stream'

export interface TerminalSize {
  readonly width: number
  readonly height: number
}

/** The part of a metav1.Status that ends a remote command. */
export interface RemoteStatus {
  readonly status: 'Success' | 'Failure'
  readonly message?: string
  readonly reason?: string
  readonly details?: { readonly causes?: readonly { readonly reason: string; readonly message: string }[] }
  readonly code?: number
}

/** Which streams the client asked for in its query. */
export interface RemoteCommandOptions {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
}

export interface RemoteCommandStreams {
  readonly stdin: Readable | undefined
  readonly stdout: Writable | undefined
  readonly stderr: Writable | undefined
  /** Sizes of the client's terminal; ends with the connection. */
  readonly resize: AsyncIterable<TerminalSize>
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal
  /** Lets the output flow out, sends the status and closes the connection. To be called once, in every case. */
  finish(status: RemoteStatus): Promise<void>
}

/** Versions of the protocol; 4 brought the JSON status, 3 resizing, 5 the end of stdin over WebSocket. */
export const protocolV1 = 'channel.k8s.io'
export const protocolV2 = 'v2.channel.k8s.io'
export const protocolV3 = 'v3.channel.k8s.io'
export const protocolV4 = 'v4.channel.k8s.io'
export const protocolV5 = 'v5.channel.k8s.io'
export const protocolV1Base64 = 'base64.channel.k8s.io'
export const protocolV4Base64 = 'v4.base64.channel.k8s.io'

/** What goes over the error channel; undefined: nothing. */
export const statusBytes = (status: RemoteStatus, asJson: boolean): Buffer | undefined => {
  if (asJson) return Buffer.from(JSON.stringify({ metadata: {}, ...status }))
  return status.status === 'Success' ? undefined : Buffer.from(status.message ?? 'unknown error')
}

/** Sizes from a stream of JSON objects `{"Width":80,"Height":24}`, with or without newlines between. */
export async function* terminalSizes(stream: AsyncIterable<Uint8Array> | undefined): AsyncGenerator<TerminalSize> {
  if (stream === undefined) return
  let text = ''
  try {
    for await (const chunk of stream) {
      text += Buffer.from(chunk).toString('latin1')
      for (let end = text.indexOf('}'); end >= 0; end = text.indexOf('}')) {
        const size = parseSize(text.slice(0, end + 1))
        text = text.slice(end + 1)
        if (size !== undefined) yield size
      }
      // No size is this long: what is no JSON is not collected.
      if (text.length > 1024) return
    }
  } catch {
    // The client has gone; there are no more sizes.
  }
}

const parseSize = (text: string): TerminalSize | undefined => {
  try {
    const { Width: width, Height: height } = JSON.parse(text) as { Width?: unknown; Height?: unknown }
    if (typeof width === 'number' && typeof height === 'number') return { width, height }
  } catch {
    // Not a size.
  }
  return undefined
}

/** Ends a stream and waits until its bytes are gone; at once if there is none or the client has left. */
export const endAndFlush = async (stream: Writable | undefined, signal: AbortSignal): Promise<void> => {
  if (stream === undefined || stream.destroyed || signal.aborted) return
  await new Promise<void>((resolve) => {
    const done = (): void => {
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done)
    stream.once('close', done)
    stream.end(done)
  })
}

/** Drops input that no process will read any more, so that the client's last words, its goodbye, are heard. */
export const discard = (stdin: Readable | undefined): void => {
  stdin?.unpipe()
  stdin?.resume()
}
