import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { isReason } from '../../../api/meta/status-error.ts'
import { realClock } from '../../../component-base/clock.ts'
import { createLogger } from '../../../component-base/logging/logger.ts'
import { createRevisionReader } from '../consistent-read.ts'
import { createLeasePool } from '../lease-pool.ts'
import { list, type ListOptions } from '../list.ts'
import { createMemoryKeyValue } from '../memory-key-value.ts'
import { ResourceStore } from '../resource-store.ts'
import { CacheEvent, seenThrough } from './cache-event.ts'
import { EventHub } from './event-hub.ts'

const aConfigMap = (name: string, labels: Record<string, string> = {}) => ({
  kind: 'ConfigMap',
  apiVersion: 'v1',
  metadata: { name, namespace: 'ns', uid: `uid-${name}`, labels },
})

const setUp = async () => {
  const store = createMemoryKeyValue()
  const hub = new EventHub(store, '/registry', createLogger('test'))
  const stop = new AbortController()
  await hub.start(stop.signal)
  const resource = new ResourceStore(
    '/registry/configmaps/',
    { group: '', resource: 'configmaps' },
    {
      store,
      hub,
      leases: createLeasePool(() => Promise.resolve('1'), realClock),
      currentRevision: createRevisionReader(() => store.currentRevision()),
    },
    (object) => object,
  )
  return { store, hub, resource, [Symbol.dispose]: () => stop.abort() }
}

const options = (more: Partial<ListOptions> = {}): ListOptions => ({
  prefix: 'ns/',
  resourceVersion: '',
  resourceVersionMatch: '',
  limit: 0,
  continue: '',
  ...more,
})

describe('a resource store with its watch cache', () => {
  it('reads what was just written', async () => {
    using setup = await setUp()
    for (const name of ['b', 'a', 'c']) await setup.resource.create(`ns/${name}`, aConfigMap(name))
    const { entries, revision } = await list(setup.resource, options())
    assert.deepEqual(
      entries.map(({ key }) => key),
      ['ns/a', 'ns/b', 'ns/c'],
    )
    assert.equal(revision, await setup.store.currentRevision())
  })

  it('sees writes of others', async () => {
    using setup = await setUp()
    await setup.resource.cache.ready()
    const stored = Buffer.from(JSON.stringify(aConfigMap('other')))
    await setup.store.put('/registry/configmaps/ns/other', stored, 0)
    const { entries } = await list(setup.resource, options())
    assert.equal(entries[0]?.object.metadata?.name, 'other')
  })

  it('keeps a paged list at its first revision while things change', async () => {
    using setup = await setUp()
    for (const name of ['a', 'b', 'c', 'd']) await setup.resource.create(`ns/${name}`, aConfigMap(name))
    const first = await list(setup.resource, options({ limit: 2 }))
    assert.equal(first.remainingItemCount, 2)
    await setup.resource.create('ns/bb', aConfigMap('bb'))
    await setup.resource.update('ns/c', () => ({ type: 'delete' }))
    const second = await list(setup.resource, options({ limit: 2, continue: first.continue ?? '' }))
    assert.deepEqual(
      second.entries.map(({ key }) => key),
      ['ns/c', 'ns/d'],
    )
    assert.equal(second.revision, first.revision)
    assert.equal(second.continue, undefined)
  })

  it('answers a continuation of compacted history with a token that goes on now', async () => {
    using setup = await setUp()
    for (const name of ['a', 'b', 'c']) await setup.resource.create(`ns/${name}`, aConfigMap(name))
    const first = await list(setup.resource, options({ limit: 1 }))
    await setup.resource.create('ns/d', aConfigMap('d'))
    await setup.resource.consistent()
    await setup.store.compact(await setup.store.currentRevision())
    const error = await list(setup.resource, options({ limit: 1, continue: first.continue ?? '' })).catch(
      (err: unknown) => err,
    )
    assert.ok(isReason(error, 'Expired'))
    const rest = await list(setup.resource, options({ continue: error.continueToken ?? '' }))
    assert.deepEqual(
      rest.entries.map(({ key }) => key),
      ['ns/b', 'ns/c', 'ns/d'],
    )
  })

  it('decides again on the live object when somebody wrote in between', async () => {
    using setup = await setUp()
    await setup.resource.create('ns/a', aConfigMap('a'))
    const seen: (string | undefined)[] = []
    let raced = false
    const outcome = await setup.resource.update('ns/a', async (current) => {
      seen.push(current?.metadata?.resourceVersion)
      if (!raced) {
        raced = true
        await setup.resource.update('ns/a', () => ({ type: 'write', object: aConfigMap('a', { from: 'racer' }) }))
      }
      return { type: 'write', object: { ...aConfigMap('a', { ...current?.metadata?.labels, mine: '1' }) } }
    })
    assert.equal(seen.length, 2)
    assert.deepEqual(outcome.entry.object.metadata?.labels, { from: 'racer', mine: '1' })
  })

  it('writes nothing when nothing changes', async () => {
    using setup = await setUp()
    const entry = await setup.resource.create('ns/a', aConfigMap('a'))
    const outcome = await setup.resource.update('ns/a', (current) => ({ type: 'write', object: { ...current } }))
    assert.equal(outcome.type, 'unchanged')
    assert.equal(outcome.entry.revision, entry.revision)
    assert.equal(await setup.store.currentRevision(), entry.revision)
  })

  it('replays events after any revision in its history, and refuses older ones', async () => {
    using setup = await setUp()
    await setup.resource.cache.ready()
    const first = await setup.resource.create('ns/a', aConfigMap('a'))
    await setup.resource.create('ns/b', aConfigMap('b'))
    await setup.resource.update('ns/a', () => ({ type: 'delete' }))
    await setup.resource.consistent()
    const changes = setup.resource.cache.changesSince(first.revision)
    const events = changes?.map((change) => new CacheEvent(change))
    assert.deepEqual(
      events?.map(({ type, key }) => `${type} ${key}`),
      ['ADDED ns/b', 'DELETED ns/a'],
    )
    setup.resource.cache.trim(first.revision, 0)
    assert.equal(setup.resource.cache.changesSince(first.revision - 1), undefined)
    assert.equal(setup.resource.cache.changesSince(first.revision)?.length, 2)
  })

  it('shows a watcher when objects enter and leave its selector', async () => {
    using setup = await setUp()
    const matches = (object: { metadata?: { labels?: Record<string, string> } }) =>
      object.metadata?.labels?.['app'] === 'web'
    const seen: string[] = []
    await setup.resource.cache.ready()
    setup.resource.cache.watch({
      onEvent: (event: CacheEvent) => {
        const result = seenThrough(event, matches)
        if (result !== undefined)
          seen.push(
            `${result.type} ${result.entry.object.metadata?.labels?.['v'] ?? '-'} ${result.entry.revision === event.revision}`,
          )
      },
      onRestart: () => {},
    })
    await setup.resource.create('ns/a', aConfigMap('a', { v: '0' }))
    const write = (labels: Record<string, string>) =>
      setup.resource.update('ns/a', () => ({ type: 'write', object: aConfigMap('a', labels) }))
    await write({ app: 'web', v: '1' })
    await write({ app: 'web', v: '2' })
    await write({ app: 'db', v: '3' })
    await write({ app: 'web', v: '4' })
    await setup.resource.update('ns/a', () => ({ type: 'delete' }))
    await setup.resource.consistent()
    assert.deepEqual(seen, ['ADDED 1 true', 'MODIFIED 2 true', 'DELETED 2 true', 'ADDED 4 true', 'DELETED 4 true'])
  })
})

describe('a revision reader', () => {
  it('shares one question among readers that came before it was sent, and no others', async () => {
    let asked = 0
    const read = createRevisionReader(async () => {
      const mine = ++asked
      await delay(5)
      return mine
    })
    const first = read()
    const second = read()
    const third = read()
    assert.deepEqual(await Promise.all([first, second, third]), [1, 2, 2])
    assert.equal(await read(), 3)
  })
})
