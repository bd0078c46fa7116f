/** A POST whose body does not come: it is being served for as long as the test wants. */
import { readFileSync } from 'node:fs'
import type { ClientRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import type { TestCluster } from './cluster.ts'
import type { Credentials } from './http.ts'

export interface OpenPost {
  readonly request: ClientRequest
  /** The answer when the server gives one; never if the client goes first. */
  readonly answer: Promise<{ code: number; headers: Record<string, unknown>; text: string }>
}

export interface OpenPostOptions extends Credentials {
  readonly headers?: Readonly<Record<string, string>>
  /** What its body will be; default: something that never comes whole. */
  readonly length?: number
}

export const openPost = (
  { server, layout }: TestCluster,
  path: string,
  { headers = {}, length = 100, ...credentials }: OpenPostOptions,
): OpenPost => {
  const answer = Promise.withResolvers<Awaited<OpenPost['answer']>>()
  const request = httpsRequest(`${server}${path}`, {
    method: 'POST',
    agent: false,
    ca: readFileSync(join(layout.pki, 'ca.crt'), 'utf8'),
    ...credentials,
    headers: { 'content-type': 'application/json', 'content-length': length, ...headers },
  })
  request.on('error', () => undefined)
  request.on('response', (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    response.on('end', () => answer.resolve({ code: response.statusCode ?? 0, headers: response.headers, text }))
  })
  request.write('{')
  return { request, answer: answer.promise }
}
