/** A client that costs little: it shares the machine with what it measures. Bodies are read and thrown away. */
import { Agent, type Dispatcher } from 'undici'
import { loadKubeconfig } from '../../component-base/kubeconfig.ts'

export const concurrency = 32

export interface LoadRequest {
  readonly method: Dispatcher.HttpMethod
  readonly path: string
  readonly body?: unknown
  readonly contentType?: string
}

export interface LoadClient extends AsyncDisposable {
  /** Throws with the answer's text if it is an error. */
  readonly send: (request: LoadRequest) => Promise<void>
  /** Calls `onChunk` with what comes, until the signal is aborted. Resolves when the answer has begun. */
  readonly stream: (path: string, onChunk: (chunk: Buffer) => void, signal: AbortSignal) => Promise<void>
}

/** A client with the credentials of a kubeconfig; one request at a time on each of its connections. */
export const createLoadClient = (kubeconfig: string): LoadClient => {
  const config = loadKubeconfig(kubeconfig)
  const connect = { ca: config.ca(), cert: config.cert(), key: config.key(), timeout: 10_000 }
  const common = { connect, allowH2: false, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 }
  const agent = new Agent({ ...common, connections: concurrency })
  const streams = new Agent(common)
  const origin = config.server
  return {
    send: async ({ method, path, body, contentType = 'application/json' }) => {
      const headers = { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': contentType }) }
      const text = body === undefined ? null : JSON.stringify(body)
      const answer = await agent.request({ origin, path, method, headers, body: text })
      if (answer.statusCode >= 400) throw new Error(`${method} ${path}: ${await answer.body.text()}`)
      await answer.body.dump({ limit: Number.MAX_SAFE_INTEGER })
    },
    stream: async (path, onChunk, signal) => {
      const answer = await streams.request({ origin, path, method: 'GET', signal })
      if (answer.statusCode >= 400) throw new Error(`GET ${path}: ${await answer.body.text()}`)
      answer.body.on('data', onChunk).on('error', () => undefined)
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([agent.destroy(), streams.destroy()])
    },
  }
}
