/** Watches: order, selectors, bookmarks and their end. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { before, describe, it } from 'node:test'
import { WebSocket } from 'ws'
import { configMaps, csiNodes } from '../../../api/resources.ts'
import type { ConfigMap } from '../../../api/types.ts'
import type { WatchOptions } from '../../../client/rest/options.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import { createHttp, type Http, pkiCredentials } from '../../harness/http.ts'
import { waitFor } from '../../harness/wait.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { createConfigMap, makeNamespace, refusal } from './fixtures.ts'

interface Seen {
  readonly type: string
  readonly object: ConfigMap
}

/** A watch whose events pile up; disposing of it ends it. */
const watchInto = (client: RestClient, options: WatchOptions): { readonly events: Seen[] } & AsyncDisposable => {
  const abort = new AbortController()
  const events: Seen[] = []
  const done = (async () => {
    for await (const event of client.watch(configMaps, options, abort.signal)) events.push(event)
  })().catch(() => undefined)
  return {
    events,
    [Symbol.asyncDispose]: async () => {
      abort.abort()
      await done
    },
  }
}

const describeEvent = ({ type, object }: Seen): string => `${type} ${object.metadata?.name}`

export const describeWatches = (running: Running): void => {
  describe('watches', () => {
    const namespace = 'watches'
    const path = `/api/v1/namespaces/${namespace}/configmaps`
    let client: RestClient
    let http: Http

    before(async () => {
      const cluster = running()
      client = cluster.client
      http = createHttp(cluster, pkiCredentials(cluster, 'admin'))
      await makeNamespace(client, namespace)
      await waitFor(() => client.get(configMaps, 'kube-root-ca.crt', namespace), { what: 'the CA bundle' })
    })

    const now = async (): Promise<string> =>
      (await client.list(configMaps, { namespace, limit: 1 })).metadata.resourceVersion

    it('all see one order, whenever and from wherever they began', async () => {
      const resourceVersion = await now()
      await using first = watchInto(client, { namespace, resourceVersion })
      await using second = watchInto(client, { namespace, resourceVersion })
      const write = async (writer: number): Promise<void> => {
        for (let index = 0; index < 15; index++) {
          const name = `w${writer}-${index}`
          await createConfigMap(client, namespace, name)
          await client.patch(configMaps, name, namespace, { data: { a: '2' } }, { type: 'merge' })
          await client.delete(configMaps, name, namespace)
        }
      }
      const writing = Promise.all([1, 2, 3, 4].map(write))
      await waitFor(() => first.events.length > 20, { what: 'the first events' })
      await using late = watchInto(client, { namespace, resourceVersion })
      await using everywhere = watchInto(client, { resourceVersion })
      await writing
      const total = 4 * 15 * 3
      const mine = ({ object }: Seen): boolean => object.metadata?.namespace === namespace
      await waitFor(
        () =>
          [first, second, late].every(({ events }) => events.length >= total) &&
          everywhere.events.filter(mine).length >= total,
        { what: 'all events in all watches' },
      )
      const orderOf = (events: readonly Seen[]): string[] =>
        events.filter(mine).map((event) => `${describeEvent(event)} ${event.object.metadata?.resourceVersion}`)
      const order = orderOf(first.events)
      for (const other of [second, late, everywhere]) assert.deepEqual(orderOf(other.events), order)
      const versions = first.events.map(({ object }) => Number(object.metadata?.resourceVersion))
      assert.deepEqual(
        versions,
        versions.toSorted((a, b) => a - b),
      )
      assert.equal(new Set(versions).size, total)
    })

    it('with a selector see objects come and go as they begin and cease to match', async () => {
      await createConfigMap(client, namespace, 'changing', { labels: { color: 'red' } })
      await using watch = watchInto(client, { namespace, resourceVersion: await now(), labelSelector: 'color=blue' })
      const paint = (color: string) =>
        client.patch(configMaps, 'changing', namespace, { metadata: { labels: { color } } }, { type: 'merge' })
      await paint('blue')
      await client.patch(configMaps, 'changing', namespace, { data: { a: '2' } }, { type: 'merge' })
      await paint('red')
      await client.patch(configMaps, 'changing', namespace, { data: { a: '3' } }, { type: 'merge' })
      await paint('blue')
      await client.delete(configMaps, 'changing', namespace)
      const wanted = ['ADDED', 'MODIFIED', 'DELETED', 'ADDED', 'DELETED']
      await waitFor(() => watch.events.length >= wanted.length, { what: 'the events' })
      assert.deepEqual(
        watch.events.map(({ type }) => type),
        wanted,
      )
      assert.equal(watch.events[2]?.object.metadata?.labels?.['color'], 'blue', 'as it was when it last matched')
    })

    it('end with a bookmark of how far they were, from which nothing is seen twice', async () => {
      const resourceVersion = await now()
      const query = `watch=true&allowWatchBookmarks=true&timeoutSeconds=1&resourceVersion=${resourceVersion}`
      const watching = http(`${path}?${query}&fieldSelector=metadata.name%3Dnothing`)
      await createConfigMap(client, namespace, 'elsewhere')
      const after = await now()
      const last = (await watching).text.trim().split('\n').at(-1) ?? ''
      const { type, object } = JSON.parse(last) as Seen
      assert.equal(type, 'BOOKMARK')
      assert.ok(Number(object.metadata?.resourceVersion) >= Number(after), last)
      assert.equal(object.kind, 'ConfigMap')
      assert.equal(object.metadata?.name, undefined)
      await using resumed = watchInto(client, { namespace, resourceVersion: object.metadata?.resourceVersion ?? '' })
      await createConfigMap(client, namespace, 'afterwards')
      await waitFor(() => resumed.events.length > 0, { what: 'the next event' })
      assert.deepEqual(resumed.events.map(describeEvent), ['ADDED afterwards'])
    })

    it('from version 0 or none begin with the state of now', async () => {
      for (const resourceVersion of ['0', undefined]) {
        const options = resourceVersion === undefined ? { namespace } : { namespace, resourceVersion }
        await using watch = watchInto(client, options)
        const count = (await client.list(configMaps, { namespace })).items.length
        await waitFor(() => watch.events.length >= count, { what: 'the initial events' })
        assert.ok(watch.events.every(({ type }) => type === 'ADDED'))
      }
    })

    it('from a version that is forgotten get an ERROR event of 410', async () => {
      // A kind that nobody has asked for before others had written: its history begins after version 1.
      const watch = client.watch(csiNodes, { resourceVersion: '1' }, AbortSignal.timeout(10_000))
      await assert.rejects(watch.next(), refusal('Expired', /^too old resource version: 1 \(\d+\)$/))
      const { code, text } = await http('/apis/storage.k8s.io/v1/csinodes?watch=true&resourceVersion=1')
      assert.equal(code, 200)
      const event = JSON.parse(text) as { type: string; object: { code: number; reason: string } }
      assert.equal(event.type, 'ERROR')
      assert.equal(event.object.code, 410)
      assert.equal(event.object.reason, 'Expired')
    })

    it('come as Tables, with columns once', async () => {
      const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io'
      const { text } = await http(`${path}?watch=true&timeoutSeconds=1`, { headers: { accept } })
      const events = text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { type: string; object: { kind: string; columnDefinitions?: unknown[] } })
      assert.ok(events.length > 1)
      assert.ok(events.every(({ object }) => object.kind === 'Table'))
      assert.deepEqual(
        events.map(({ object }) => (object.columnDefinitions ?? []).length > 0),
        events.map((_, index) => index === 0),
      )
    })

    it('go over a WebSocket as well, one text message an event, and end in order', async () => {
      const { server } = running()
      const { cert = '', key = '' } = pkiCredentials(running(), 'admin')
      const query = `watch=true&timeoutSeconds=2&resourceVersion=${await now()}&fieldSelector=metadata.name%3Dsocket`
      const url = `${server.replace('https', 'wss')}${path}?${query}`
      const socket = new WebSocket(url, { cert, key, rejectUnauthorized: false })
      const messages: { readonly event: Seen; readonly binary: boolean }[] = []
      socket.on('message', (data, binary) => {
        messages.push({ event: JSON.parse(String(data)) as Seen, binary })
      })
      const closed = once(socket, 'close')
      await once(socket, 'open')
      await createConfigMap(client, namespace, 'socket')
      await client.delete(configMaps, 'socket', namespace)
      const [code] = (await closed) as [number]
      assert.equal(code, 1000)
      assert.deepEqual(
        messages.map(({ event, binary }) => [describeEvent(event), binary]),
        [
          ['ADDED socket', false],
          ['DELETED socket', false],
        ],
      )
    })

    it('that may not be are refused as HTTP, though they ask for a WebSocket', async () => {
      const { server } = running()
      const socket = new WebSocket(`${server.replace('https', 'wss')}${path}?watch=true`, { rejectUnauthorized: false })
      const [error] = (await once(socket, 'error')) as [Error]
      assert.match(error.message, /403|401/)
    })

    it('of one object, in the old way of a path, see only that object', async () => {
      const watching = http(`/api/v1/watch/namespaces/${namespace}/configmaps/lonely?timeoutSeconds=1`)
      await createConfigMap(client, namespace, 'lonely')
      const events = (await watching).text.trim().split('\n')
      assert.deepEqual(
        events.map((line) => describeEvent(JSON.parse(line) as Seen)),
        ['ADDED lonely'],
      )
    })
  })
}
