/** Events end by themselves after `--event-ttl`, and whoever watches them hears of it, in both API groups. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KubeObject } from '../../api/types.ts'
import { createHttp, pkiCredentials } from '../harness/http.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'
import { identityOf } from './watch-properties/stage.ts'
import { openStream } from './watch-properties/streams.ts'

const ttlSeconds = 3

describe('Events', { timeout: 120_000 }, () => {
  const running = useCluster({ extraArgs: { 'kube-apiserver': { 'event-ttl': `${ttlSeconds}s` } } })

  it('go when their time is over, and both APIs tell it', async () => {
    const cluster = running()
    const http = createHttp(cluster, pkiCredentials(cluster, 'admin'))
    const paths = ['/api/v1/namespaces/default/events', '/apis/events.k8s.io/v1/namespaces/default/events']
    const abort = new AbortController()
    const told = paths.map((path) => {
      const events: { type: string; object: KubeObject }[] = []
      const follow = async (): Promise<void> => {
        const url = `${cluster.server}${path}?watch=true&fieldSelector=metadata.name%3Dshort`
        for await (const event of openStream(url, 'json', identityOf(cluster), abort.signal)) events.push(event)
      }
      follow().catch(() => undefined)
      return events
    })
    const event = {
      kind: 'Event',
      apiVersion: 'v1',
      metadata: { name: 'short', namespace: 'default' },
      involvedObject: { kind: 'Pod', namespace: 'default', name: 'p' },
      reason: 'Tested',
      type: 'Normal',
    }
    const startedAt = performance.now()
    const created = await http(paths[0] ?? '', { method: 'POST', body: event })
    assert.equal(created.code, 201, created.text)
    const isGone = (events: readonly { type: string }[]): boolean => events.some(({ type }) => type === 'DELETED')
    await waitFor(() => told.every(isGone), { what: 'DELETED in both watches' })
    assert.ok(performance.now() - startedAt >= ttlSeconds * 1000, 'it went too early')
    abort.abort()
    for (const events of told) {
      assert.deepEqual(
        events.map(({ type, object }) => `${type} ${object.metadata?.name}`),
        ['ADDED short', 'DELETED short'],
      )
      const [added, deleted] = events.map(({ object }) => Number(object.metadata?.resourceVersion))
      assert.ok((deleted ?? 0) > (added ?? 0), 'the deletion has a revision of its own')
    }
    assert.deepEqual(
      told.map((events) => events.map(({ object }) => object['apiVersion'])),
      [
        ['v1', 'v1'],
        ['events.k8s.io/v1', 'events.k8s.io/v1'],
      ],
    )
    for (const path of paths) assert.equal((await http(`${path}/short`)).code, 404)
  })
})
