/** An audit log read back, and a webhook that takes events. */
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** An event as it is on the wire. */
export interface WireEvent {
  readonly kind: string
  readonly apiVersion: string
  readonly level: string
  readonly auditID: string
  readonly stage: string
  readonly requestURI: string
  readonly verb: string
  readonly user: {
    readonly username?: string
    readonly groups?: readonly string[]
    readonly extra?: Readonly<Record<string, readonly string[]>>
  }
  readonly authenticationMetadata?: { readonly impersonationConstraint?: string }
  readonly impersonatedUser?: { readonly username?: string; readonly groups?: readonly string[] }
  readonly sourceIPs?: readonly string[]
  readonly userAgent?: string
  readonly objectRef?: Readonly<Record<string, string>>
  readonly responseStatus?: {
    readonly metadata: object
    readonly code?: number
    readonly reason?: string
    readonly message?: string
    readonly status?: string
  }
  readonly requestObject?: Readonly<Record<string, unknown>>
  readonly responseObject?: Readonly<Record<string, unknown>>
  readonly requestReceivedTimestamp: string
  readonly stageTimestamp: string
  readonly annotations?: Readonly<Record<string, string>>
}

/** Whole lines only: the last one may still be written. */
export const readEvents = (path: string): WireEvent[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as WireEvent)

export interface EventSink extends AsyncDisposable {
  readonly url: string
  /** Events of the lists that were answered with 200. */
  readonly events: readonly WireEvent[]
  readonly lists: readonly {
    readonly kind: string
    readonly apiVersion: string
    readonly items: readonly WireEvent[]
  }[]
  /** How many of the next calls are answered with 500. */
  failNext(count: number): void
}

export const startEventSink = async (): Promise<EventSink> => {
  const lists: EventSink['lists'][number][] = []
  let failures = 0
  const server: Server = createServer((request, response) => {
    void text(request).then((body) => {
      if (failures > 0) {
        failures--
        response.writeHead(500).end()
        return
      }
      lists.push(JSON.parse(body) as EventSink['lists'][number])
      response.writeHead(200).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`,
    lists,
    get events() {
      return lists.flatMap(({ items }) => items)
    },
    failNext: (count) => {
      failures = count
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
