/** A watch that remembers its events. */
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { KubeObject } from '../../../api/types.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import { pkiCredentials } from '../../harness/http.ts'

export interface WatchedEvent {
  readonly type: string
  readonly object: KubeObject
}

export interface WatchReader {
  /** All events until one is of this type. */
  readonly until: (type: string) => Promise<readonly WatchedEvent[]>
  readonly close: () => void
}

const open = (cluster: TestCluster, path: string): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const ca = readFileSync(join(cluster.layout.pki, 'ca.crt'), 'utf8')
    request(`${cluster.server}${path}`, { ...pkiCredentials(cluster, 'admin'), ca, agent: false }, resolve)
      .on('error', reject)
      .end()
  })

/** Resolves when the server has answered: it sees what happens from then on, or from the path's resourceVersion. */
export const startWatch = async (cluster: TestCluster, path: string): Promise<WatchReader> => {
  const response = await open(cluster, path)
  const events: WatchedEvent[] = []
  const waiting: (() => void)[] = []
  let ended = false
  const wake = (): void => waiting.splice(0).forEach((resume) => resume())
  const lines = createInterface({ input: response })
  lines.on('line', (line) => {
    events.push(JSON.parse(line) as WatchedEvent)
    wake()
  })
  lines.on('close', () => {
    ended = true
    wake()
  })
  response.on('error', () => lines.close())
  return {
    until: async (type) => {
      while (!events.some((event) => event.type === type)) {
        if (ended) throw new Error(`the watch ended before an event ${type}: ${JSON.stringify(events)}`)
        await new Promise<void>((resolve) => void waiting.push(resolve))
      }
      return events
    },
    close: () => void response.destroy(),
  }
}
