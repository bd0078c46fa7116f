/** HTTP GET of probes and hooks: straight to the Pod's address, without proxy, keep-alive or certificate checks. */
import { request as httpsRequest } from 'node:https'
import { request as httpRequest } from '../../component-base/node-http.ts'
import type { Container, Probe } from '../../api/types.ts'

type HttpGet = NonNullable<Probe['httpGet']>

/** The number of a port that may be given by the name it has in the container. Throws when there is none. */
export const resolvePort = (port: string | number, container: Container): number => {
  if (typeof port === 'number') return port
  const named = container.ports?.find(({ name }) => name === port)?.containerPort
  if (named !== undefined) return named
  const parsed = Number(port)
  if (!Number.isInteger(parsed)) throw new Error(`couldn't find port "${port}" in container "${container.name}"`)
  return parsed
}

export interface HttpAnswer {
  readonly status: number
  readonly statusText: string
  readonly body: string
  readonly location: string | undefined
}

const maxBodyBytes = 10 * 1024

const get = (url: URL, headers: Readonly<Record<string, string | string[]>>, timeoutMs: number): Promise<HttpAnswer> =>
  new Promise((resolve, reject) => {
    const options = {
      headers,
      agent: false as const,
      signal: AbortSignal.timeout(timeoutMs),
      rejectUnauthorized: false,
    }
    const request = url.protocol === 'https:' ? httpsRequest(url, options) : httpRequest(url, options)
    request.on('error', (error) => {
      const timedOut = error.name === 'AbortError' || error.name === 'TimeoutError'
      reject(timedOut ? new Error('context deadline exceeded (Client.Timeout exceeded while awaiting headers)') : error)
    })
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      let size = 0
      const finish = (): void =>
        resolve({
          status: response.statusCode ?? 0,
          statusText: response.statusMessage ?? '',
          body: Buffer.concat(chunks).subarray(0, maxBodyBytes).toString(),
          location: response.headers.location,
        })
      response.on('data', (chunk: Buffer) => {
        if (size < maxBodyBytes) chunks.push(chunk)
        size += chunk.length
        if (size >= maxBodyBytes) {
          finish()
          response.destroy()
        }
      })
      response.on('end', finish)
      response.on('error', reject)
    })
    request.end()
  })

/** The URL that an httpGet names. */
export const urlOf = (action: HttpGet, container: Container, podIP: string): URL => {
  const host = action.host === undefined || action.host === '' ? podIP : action.host
  const scheme = (action.scheme ?? 'HTTP').toLowerCase()
  const path = action.path ?? '/'
  const base = `${scheme}://${host.includes(':') ? `[${host}]` : host}:${resolvePort(action.port, container)}`
  return new URL(path.startsWith('/') ? path : `/${path}`, base)
}

const maxRedirects = 10

/** Sends the request and follows redirects that stay on the same host, as upstream does. */
export const httpGet = async (
  action: HttpGet,
  target: { container: Container; podIP: string; userAgent: string; timeoutMs: number },
): Promise<HttpAnswer> => {
  const headers: Record<string, string | string[]> = { 'User-Agent': target.userAgent, Accept: '*/*' }
  for (const { name, value } of action.httpHeaders ?? []) {
    const key = Object.keys(headers).find((present) => present.toLowerCase() === name.toLowerCase()) ?? name
    if (value === '') delete headers[key]
    else headers[key] = value
  }
  let url = urlOf(action, target.container, target.podIP)
  const hostname = url.hostname
  for (let redirects = 0; ; redirects++) {
    const answer = await get(url, headers, target.timeoutMs)
    if (answer.status < 300 || answer.status >= 400 || answer.location === undefined || redirects === maxRedirects)
      return answer
    const next = new URL(answer.location, url)
    if (next.hostname !== hostname) return answer
    url = next
  }
}
