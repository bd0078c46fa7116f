/**
 * Ends HTTP/2 connections in order: now and then, so that clients spread over several servers, and those of clients
 * without credentials after each request, because streams are cheaper to open than to serve (CVE-2023-44487).
 * Upstream: WithProbabilisticGoaway, UnauthenticatedHTTP2DOSMitigation.
 */
import { happens } from '../../../component-base/random.ts'
import type { Filter } from '../chain.ts'
import type { HttpContext } from '../context.ts'

/** Over HTTP/2 that means GOAWAY: streams that are open go on, the client opens no more. */
export const closeHttp2Connection = ({ request, response }: HttpContext): void => {
  if (request.httpVersion === '2.0' && !response.headersSent) response.setHeader('Connection', 'close')
}

/** `chance`: how often, between 0 and 1. */
export const withProbabilisticGoaway =
  (chance: number): Filter =>
  (ctx, next) => {
    if (happens(chance)) closeHttp2Connection(ctx)
    return next()
  }
