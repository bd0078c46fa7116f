/** The extension server's HTTP: flunders in memory, a watch on them, an upgrade that echoes, and two traps. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { json } from 'node:stream/consumers'
import type { Access } from './access.ts'
import type { ExtensionServerConfig } from './config.ts'
import type { Discovery } from './discovery.ts'
import { Flunders } from './flunders.ts'

const send = (response: ServerResponse, code: number, body: object, type = 'application/json'): void => {
  response.writeHead(code, { 'content-type': type }).end(JSON.stringify(body))
}

const failure = (response: ServerResponse, code: number, reason: string, message: string): void =>
  send(response, code, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code, reason, message })

export const serve = async (
  config: ExtensionServerConfig,
  facts: Readonly<Record<string, string>>,
  access: Access,
  discovery: Discovery,
): Promise<void> => {
  const flunders = new Flunders(`${config.group}/${config.version}`)
  const base = `/apis/${config.group}/${config.version}`
  const collection = new RegExp(`^${base}/(?:namespaces/([^/]+)/)?flunders(?:/([^/]+))?(?:/([^/]+))?$`)

  const answerResource = async (
    request: IncomingMessage,
    response: ServerResponse,
    [namespace = '', name, part]: readonly (string | undefined)[],
    url: URL,
  ): Promise<void> => {
    if (part === 'echo') return send(response, 200, { headers: request.headersDistinct })
    if (part !== undefined) return failure(response, 404, 'NotFound', 'no such part')
    if (request.method === 'POST') {
      const made = flunders.create(namespace, (await json(request)) as object)
      return made === undefined ? failure(response, 409, 'AlreadyExists', 'already there') : send(response, 201, made)
    }
    if (name === undefined) {
      if (url.searchParams.get('watch') === 'true') return flunders.watch(namespace, response)
      return send(response, 200, flunders.list(namespace))
    }
    const found = request.method === 'DELETE' ? flunders.delete(namespace, name) : flunders.get(namespace, name)
    if (found === undefined) return failure(response, 404, 'NotFound', `flunders ${JSON.stringify(name)} not found`)
    return send(response, 200, found)
  }

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const user = access.userOf(request)
    if (user === undefined) return failure(response, 401, 'Unauthorized', 'Unauthorized')
    if (!(await access.allows(user, request))) {
      return failure(response, 403, 'Forbidden', `user ${user.username} may not, says the extension server`)
    }
    const url = new URL(request.url ?? '/', 'https://extension')
    if (url.pathname === `${base}/whoami`) return send(response, 200, { user, headers: request.headersDistinct })
    if (url.pathname === `${base}/elsewhere`) {
      response.writeHead(302, { location: 'https://192.0.2.1/stolen' }).end()
      return
    }
    const document = discovery.document(url.pathname, request.headers.accept ?? '')
    if (document !== undefined) return send(response, 200, document.body, document.type)
    const match = collection.exec(url.pathname)
    if (match === null) return failure(response, 404, 'NotFound', 'no such path')
    return answerResource(request, response, match.slice(1), url)
  }

  const server = createServer(
    {
      cert: config.certPem,
      key: config.keyPem,
      ca: facts['requestheader-client-ca-file'],
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request, response) => {
      answer(request, response).catch((error: unknown) => failure(response, 500, 'InternalError', String(error)))
    },
  )
  server.on('upgrade', (request: IncomingMessage, socket, head: Buffer) => {
    const user = access.userOf(request)
    if (user === undefined) return socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n')
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n${user.username}\n`)
    socket.write(head)
    return socket.pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(config.port, config.host, resolve))
}
