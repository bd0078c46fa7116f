/** Knocking at the cluster's doors: HTTPS requests and TLS handshakes as a stranger would make them. */
import { request } from 'node:https'
import { connect, type ConnectionOptions } from 'node:tls'

/** PEM texts; nothing at all is somebody unknown. */
export interface Credentials {
  readonly cert?: string
  readonly key?: string
  /** Who must have signed the server's certificate; without it that is not looked at. */
  readonly ca?: string
}

export interface Answer {
  readonly code: number
  readonly text: string
}

const timeoutMs = 5_000

export interface Call extends Credentials {
  readonly method?: 'GET' | 'POST'
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** Rejects where no HTTP answer comes: refused, no certificate that is liked, silence. */
export const ask = (url: string, { method = 'GET', body, headers = {}, ca, ...identity }: Call = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const type = body === undefined ? {} : { 'content-type': 'application/json' }
    const options = {
      method,
      agent: false,
      timeout: timeoutMs,
      rejectUnauthorized: ca !== undefined,
      ...(ca === undefined ? {} : { ca }),
      ...identity,
      headers: { ...type, ...headers },
    }
    const call = request(url, options, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('error', reject).on('end', () => resolve({ code: response.statusCode ?? 0, text }))
    })
    call.on('timeout', () => call.destroy(new Error(`${url}: no answer in ${timeoutMs} ms`)))
    call.on('error', reject)
    call.end(body === undefined ? undefined : JSON.stringify(body))
  })

/** Tries a handshake; true if the server goes through with it. */
export const handshakes = (host: string, port: number, options: ConnectionOptions): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, rejectUnauthorized: false, timeout: timeoutMs, ...options })
    const end = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.on('secureConnect', () => end(true))
    socket.on('error', () => end(false))
    socket.on('timeout', () => end(false))
  })
