/**
 * A small registry (OCI distribution API) in the test's own process: `docker push` fills it, nodes pull from it. It
 * keeps everything in memory, and may ask for a name and a password.
 */
import { createHash, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface TestRegistry extends AsyncDisposable {
  readonly port: number
  /** From now on only with these; undefined: anybody. */
  setUser(user: { readonly username: string; readonly password: string } | undefined): void
  /** Answers everything with this status, as a registry in trouble does; 0: no longer. */
  setFailure(status: number): void
  /** Manifests that were asked for by GET or HEAD, `name:reference`. */
  readonly pulls: readonly string[]
}

interface Manifest {
  readonly type: string
  readonly data: Buffer
}

const digestOf = (data: Buffer): string => `sha256:${createHash('sha256').update(data).digest('hex')}`

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

export const startRegistry = async (): Promise<TestRegistry> => {
  const blobs = new Map<string, Buffer>()
  const manifests = new Map<string, Manifest>()
  const uploads = new Map<string, Buffer>()
  const pulls: string[] = []
  let expected: string | undefined
  let failure = 0

  const send = (
    response: ServerResponse,
    method: string | undefined,
    data: Buffer | undefined,
    headers: Record<string, string> = {},
  ): void => {
    if (data === undefined) {
      response.writeHead(404, { 'Content-Type': 'application/json' }).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
      return
    }
    response.writeHead(200, { 'Docker-Content-Digest': digestOf(data), 'Content-Length': data.length, ...headers })
    response.end(method === 'HEAD' ? undefined : data)
  }

  const upload = async (
    request: IncomingMessage,
    response: ServerResponse,
    name: string,
    id: string,
  ): Promise<void> => {
    const url = new URL(request.url ?? '', 'http://registry')
    const session = id === '' ? randomUUID() : id
    const data = Buffer.concat([uploads.get(session) ?? Buffer.alloc(0), await bodyOf(request)])
    uploads.set(session, data)
    if (request.method === 'PUT') {
      const digest = url.searchParams.get('digest') ?? ''
      blobs.set(digest, data)
      uploads.delete(session)
      response.writeHead(201, { Location: `/v2/${name}/blobs/${digest}`, 'Docker-Content-Digest': digest }).end()
      return
    }
    response
      .writeHead(202, {
        Location: `/v2/${name}/blobs/uploads/${session}`,
        Range: `0-${Math.max(0, data.length - 1)}`,
        'Docker-Upload-UUID': session,
      })
      .end()
  }

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.setHeader('Docker-Distribution-Api-Version', 'registry/2.0')
    if (failure !== 0) {
      response.writeHead(failure).end()
      return
    }
    if (expected !== undefined && request.headers.authorization !== expected) {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="test"', 'Content-Type': 'application/json' })
      response.end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}')
      return
    }
    const path = new URL(request.url ?? '', 'http://registry').pathname
    if (path === '/v2/') {
      response.writeHead(200).end('{}')
      return
    }
    const blob = /^\/v2\/(.+)\/blobs\/(?:uploads\/([^/]*)|(sha256:[0-9a-f]+))$/.exec(path)
    const manifest = /^\/v2\/(.+)\/manifests\/([^/]+)$/.exec(path)
    if (blob?.[3] !== undefined) send(response, request.method, blobs.get(blob[3]))
    else if (blob !== null) await upload(request, response, blob[1] ?? '', blob[2] ?? '')
    else if (manifest !== null) {
      const [, name = '', reference = ''] = manifest
      if (request.method === 'PUT') {
        const data = await bodyOf(request)
        const entry = { type: request.headers['content-type'] ?? '', data }
        manifests.set(`${name}:${reference}`, entry).set(`${name}:${digestOf(data)}`, entry)
        response.writeHead(201, { 'Docker-Content-Digest': digestOf(data) }).end()
        return
      }
      pulls.push(`${name}:${reference}`)
      const found = manifests.get(`${name}:${reference}`)
      send(response, request.method, found?.data, { 'Content-Type': found?.type ?? '' })
    } else response.writeHead(404).end()
  }

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    pulls,
    setUser: (user) => {
      expected = user && `Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}`
    },
    setFailure: (status) => {
      failure = status
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
