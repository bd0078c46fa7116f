/** Bare connections of requests that asked for an upgrade, until a handler takes them. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { HttpContext } from './context.ts'

export interface OfferedUpgrade {
  readonly request: IncomingMessage
  readonly socket: Duplex
  /** Bytes that came with the request's headers. */
  readonly head: Buffer
}

const offered = new WeakMap<HttpContext, OfferedUpgrade>()

/** Remembers the connection of an upgrade request while it walks the chain. */
export const offerUpgrade = (ctx: HttpContext, upgrade: OfferedUpgrade): void => {
  offered.set(ctx, upgrade)
}

/** The connection, if the request asked for an upgrade. From here on it is the caller's: the response lets go of it. */
export const takeUpgrade = (ctx: HttpContext): OfferedUpgrade | undefined => {
  const upgrade = offered.get(ctx)
  if (upgrade === undefined) return undefined
  offered.delete(ctx)
  ctx.audit?.started(101)
  // The answer of an upgrade request is node's own, with the socket assigned to it.
  const response = ctx.response as ServerResponse
  response.removeAllListeners('close')
  response.detachSocket(upgrade.socket as never)
  return upgrade
}
