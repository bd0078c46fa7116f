/**
 * Sends as much as a server takes, from a process of its own: `flood.ts KUBECONFIG KIND CONNECTIONS`. It says `flooding`
 * when it has begun, and what came of it when its standard input ends.
 */
import { Agent, type Dispatcher } from 'undici'
import { loadKubeconfig } from '../../component-base/kubeconfig.ts'
import { benchPod, podsPath } from './api.ts'

const [kubeconfig = '', kind = 'get', connections = '100'] = process.argv.slice(2)

const config = loadKubeconfig(kubeconfig)
const agent = new Agent({
  connect: { ca: config.ca(), cert: config.cert(), key: config.key(), timeout: 10_000 },
  connections: Number(connections),
  pipelining: 1,
  headersTimeout: 0,
  bodyTimeout: 0,
})

let next = 0
interface Sent {
  readonly method: Dispatcher.HttpMethod
  readonly path: string
  readonly body?: string
}

const requests: Readonly<Record<string, () => Sent>> = {
  get: () => ({ method: 'GET', path: `${podsPath}/bench-0` }),
  list: () => ({ method: 'GET', path: podsPath }),
  create: () => {
    const pod = benchPod(`flood-${process.pid}-${next++}`)
    return { method: 'POST', path: `${podsPath}?dryRun=All`, body: JSON.stringify(pod) }
  },
}

const counts: Record<number, number> = {}
let running = true

const flood = async (): Promise<void> => {
  while (running) {
    const { method, path, body = null } = requests[kind]?.() ?? ({ method: 'GET', path: kind } satisfies Sent)
    const headers = { accept: 'application/json', ...(body === null ? {} : { 'content-type': 'application/json' }) }
    const answer = await agent.request({ origin: config.server, path, method, headers, body })
    await answer.body.dump({ limit: Number.MAX_SAFE_INTEGER })
    counts[answer.statusCode] = (counts[answer.statusCode] ?? 0) + 1
  }
}

process.stdin.on('end', () => {
  running = false
})
process.stdin.resume()
process.stdout.write('flooding\n')
await Promise.all(Array.from({ length: Number(connections) }, () => flood().catch(() => undefined)))
await agent.destroy()
process.stdout.write(`${JSON.stringify(counts)}\n`)
