/** Bare HTTPS requests, as curl would make them: for what a client library would hide. */
import { readFileSync } from 'node:fs'
import { type Agent, request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import type { Status } from '../../api/meta/status-error.ts'
import type { TestCluster } from './cluster.ts'

/** Who asks; nothing at all is an anonymous client. PEM texts. */
export interface Credentials {
  readonly cert?: string
  readonly key?: string
  readonly token?: string
}

export interface Call extends Credentials {
  readonly method?: string
  /** Objects are sent as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string | string[]>>
}

export interface Answer {
  readonly code: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  /** The body, if it is one JSON object; else `{}`. */
  readonly json: Record<string, unknown>
  /** The same body, seen as an error. */
  readonly status: Status
}

export type Http = (path: string, call?: Call) => Promise<Answer>

/** Credentials of a certificate in the cluster's `pki/`, by name: `admin`. */
export const pkiCredentials = (cluster: TestCluster, name: string): Credentials => ({
  cert: readFileSync(join(cluster.layout.pki, `${name}.crt`), 'utf8'),
  key: readFileSync(join(cluster.layout.pki, `${name}.key`), 'utf8'),
})

/** Credentials of a node's kubelet: the certificate that it got from the cluster. */
export const kubeletCredentials = (cluster: TestCluster, node: string): Credentials => {
  const pem = readFileSync(join(cluster.layout.node(node).pki, 'kubelet-client-current.pem'), 'utf8')
  return { cert: pem, key: pem }
}

const encode = (body: unknown): string | undefined =>
  body === undefined || typeof body === 'string' ? body : JSON.stringify(body)

/** A watch answers with many objects, a proxy or a health check with none. */
const parsed = (text: string): Record<string, unknown> => {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}

export interface Endpoint {
  readonly server: string
  /** PEM; without it the server's certificate is not looked at. */
  readonly ca?: string
  /** Default: a connection each. */
  readonly agent?: Agent
}

/** Requests to one server, by `identity` unless a call says else. */
export const createHttpTo =
  ({ server, ca, agent }: Endpoint, identity: Credentials = {}): Http =>
  (path, { method = 'GET', body, headers = {}, ...who } = {}) =>
    new Promise((resolve, reject) => {
      const { cert, key, token } = { ...identity, ...who }
      const bytes = encode(body)
      const request = httpsRequest(
        `${server}${path}`,
        {
          method,
          agent: agent ?? false,
          rejectUnauthorized: ca !== undefined,
          ...(ca === undefined ? {} : { ca }),
          ...(cert === undefined ? {} : { cert }),
          ...(key === undefined ? {} : { key }),
          headers: {
            // Node frames no body of a DELETE by itself.
            ...(bytes === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(bytes)) }),
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
            ...headers,
          },
        },
        (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk
          })
          response.on('end', () => {
            const { statusCode: code = 0, headers: answered } = response
            const json = parsed(text)
            resolve({ code, headers: answered, text, json, status: json as unknown as Status })
          })
        },
      )
      request.on('error', reject)
      request.end(bytes)
    })

/** Requests to the cluster's API server. */
export const createHttp = (cluster: TestCluster, identity: Credentials = {}, agent?: Agent): Http => {
  const ca = readFileSync(join(cluster.layout.pki, 'ca.crt'), 'utf8')
  return createHttpTo({ server: cluster.server, ca, ...(agent === undefined ? {} : { agent }) }, identity)
}
