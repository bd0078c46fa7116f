/** Whether a server's health endpoint answers 200. */
import { Agent, get } from 'node:https'
import { createSecureContext } from 'node:tls'
import { request } from '../component-base/node-http.ts'

/** A probe of one URL; https is trusted by `caPem`. It is asked often: contexts and connections are kept. */
export const healthProbe = (url: string, caPem: string): (() => Promise<boolean>) => {
  const agent = url.startsWith('https:')
    ? new Agent({ keepAlive: true, secureContext: createSecureContext({ ca: caPem }) })
    : undefined
  return () =>
    new Promise((resolve, reject) => {
      const call = agent === undefined ? request(url, { agent: false }).end() : get(url, { agent })
      call.once('error', reject)
      call.once('response', (response) => {
        response.resume()
        resolve(response.statusCode === 200)
      })
    })
}
