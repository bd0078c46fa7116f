/** A small scheduler extender: a real HTTP server that decides by the names of nodes. */
import type { createServer as createHttpServer, IncomingMessage, Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createServer } from '../../component-base/node-http.ts'

export interface TestExtender {
  readonly url: string
  /** Every call, in order: verb and body. */
  readonly calls: { readonly verb: string; readonly body: Record<string, unknown> }[]
  readonly close: () => void
}

/** Answers by verb; what a handler throws is a 500. */
export type ExtenderHandlers = Readonly<Record<string, (body: Record<string, unknown>) => unknown>>

const read = async (request: IncomingMessage): Promise<Record<string, unknown>> => {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += String(chunk)
  return JSON.parse(text) as Record<string, unknown>
}

/** Listens on loopback; with a certificate over TLS. */
export const startExtender = async (
  handlers: ExtenderHandlers,
  tls?: { readonly cert: string; readonly key: string },
): Promise<TestExtender> => {
  const calls: TestExtender['calls'] = []
  const answer = async (request: IncomingMessage): Promise<{ code: number; body: unknown }> => {
    const verb = (request.url ?? '').split('/').at(-1) ?? ''
    const body = await read(request)
    calls.push({ verb, body })
    const handler = handlers[verb]
    if (handler === undefined) return { code: 404, body: {} }
    try {
      return { code: 200, body: await handler(body) }
    } catch {
      return { code: 500, body: {} }
    }
  }
  const listener: NonNullable<Parameters<typeof createHttpServer>[1]> = (request, response) => {
    void answer(request).then(({ code, body }) =>
      response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
    )
  }
  const server: Server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/scheduler`,
    calls,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
