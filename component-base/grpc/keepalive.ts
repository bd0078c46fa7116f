/** Server-side pings: a client that vanished without a word would keep its watches and its socket for ever. */
import type { ServerHttp2Session } from 'node:http2'

export interface KeepaliveOptions {
  /** Time between two pings; 0 sends none. */
  readonly intervalMs: number
  /** How long an answer may take before the connection is closed; 0 waits for ever. */
  readonly timeoutMs: number
}

/** Timers do not reach further. */
const maxTimerMs = 2 ** 31 - 1

/** Pings a session until it is closed. */
export const keepAlive = (session: ServerHttp2Session, { intervalMs, timeoutMs }: KeepaliveOptions): void => {
  if (intervalMs <= 0) return
  let unanswered: NodeJS.Timeout | undefined
  const timer = setInterval(
    () => {
      if (session.destroyed || unanswered !== undefined) return
      if (timeoutMs > 0) {
        unanswered = setTimeout(() => session.destroy(), Math.min(timeoutMs, maxTimerMs)).unref()
      }
      session.ping(() => {
        clearTimeout(unanswered)
        unanswered = undefined
      })
    },
    Math.min(intervalMs, maxTimerMs),
  ).unref()
  session.once('close', () => {
    clearInterval(timer)
    clearTimeout(unanswered)
  })
}
