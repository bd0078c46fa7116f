import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { it } from 'node:test'
import { createLogger } from '../../component-base/logging/logger.ts'
import type { BoundPod } from '../pod.ts'
import { runHttpSource } from './http-source.ts'

const manifest = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { containers: [{ name: 'c', image: 'web' }] },
})

it('has the Pods of the last good answer of a URL, and asks it with the headers it was given', async () => {
  const answers = [
    { code: 200, body: JSON.stringify(manifest('a')) },
    { code: 500, body: 'broken' },
    { code: 200, body: JSON.stringify({ apiVersion: 'v1', kind: 'PodList', items: [manifest('a'), manifest('b')] }) },
  ]
  let asked = 0
  const tokens = new Set<string | undefined>()
  const server = createServer((request, response) => {
    const { code, body } = answers[Math.min(asked++, answers.length - 1)] ?? { code: 404, body: '' }
    tokens.add(request.headers['x-token'] as string | undefined)
    response.writeHead(code).end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = new AbortController()
  const seen: string[][] = []
  const { port } = server.address() as AddressInfo
  await runHttpSource(
    {
      url: `http://127.0.0.1:${port}/pods`,
      headers: { 'X-Token': ['secret'] },
      nodeName: 'node-1',
      checkMs: 5,
      onPods: (pods: readonly BoundPod[]) => {
        seen.push(
          pods.map(({ metadata }) => `${metadata.name} ${metadata.annotations?.['kubernetes.io/config.source']}`),
        )
        if (seen.length === 2) stop.abort()
      },
      log: createLogger('kubelet', -1),
    },
    stop.signal,
  )
  server.closeAllConnections()
  server.close()
  assert.deepEqual(seen, [['a-node-1 http'], ['a-node-1 http', 'b-node-1 http']])
  assert.deepEqual([...tokens], ['secret'])
  assert.ok(asked >= 3)
})
