import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { expired, StatusError } from '../../api/meta/status-error.ts'
import { pods } from '../../api/resources.ts'
import type { Pod } from '../../api/types.ts'
import type { ListOptions, ListResult, WatchEvent, WatchOptions } from '../rest/options.ts'
import type { RestClient } from '../rest/rest-client.ts'
import { settle } from '../testing/fake-clock.ts'
import { createInformer, createInformerFactory, type InformerOptions } from './informer.ts'

type Event = WatchEvent<Pod>
/** What one call of the API server does: events of a watch, ended by an error or left open, or a list's answer. */
type Answer =
  | { readonly watch: readonly Event[]; readonly then: 'open' | 'end' | Error }
  | { readonly list: ListResult<Pod> }
  | { readonly error: Error }

const aPod = (name: string, version: number, uid = `uid-${name}`): Pod =>
  ({ apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'ns', name, uid, resourceVersion: String(version) } }) as Pod

const added = (name: string, version: number, uid?: string): Event => ({
  type: 'ADDED',
  object: aPod(name, version, uid),
})
const modified = (name: string, version: number): Event => ({ type: 'MODIFIED', object: aPod(name, version) })
const deleted = (name: string, version: number): Event => ({ type: 'DELETED', object: aPod(name, version) })
const bookmark = (version: number, initialEnd = false): Event => ({
  type: 'BOOKMARK',
  object: {
    metadata: {
      resourceVersion: String(version),
      ...(initialEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
    },
  } as Pod,
})

/** Plays the answers in order; notes what was asked. After the last one, watches stay open. */
const aServer = (...answers: Answer[]) => {
  const asked: (WatchOptions & ListOptions)[] = []
  const next = (options: WatchOptions & ListOptions): Answer => {
    asked.push(options)
    const answer = answers.shift() ?? { watch: [], then: 'open' as const }
    if ('error' in answer) throw answer.error
    return answer
  }
  const client = {
    list: async (_ref: unknown, options: ListOptions) => {
      const answer = next(options)
      assert.ok('list' in answer, 'a list where a watch was expected')
      return answer.list
    },
    watch: async function* (_ref: unknown, options: WatchOptions, signal: AbortSignal) {
      const answer = next(options)
      assert.ok('watch' in answer, 'a watch where a list was expected')
      yield* answer.watch
      if (answer.then === 'end') return
      if (answer.then !== 'open') throw answer.then
      signal.throwIfAborted()
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
    },
  } as unknown as RestClient
  return { client, asked }
}

const follow = async (client: RestClient, options: InformerOptions<Pod> = {}) => {
  const seen: string[] = []
  const stop = new AbortController()
  const informer = createInformer(client, pods, options)
  const nameOf = (pod: Pod): string => `${pod.metadata?.name}@${pod.metadata?.resourceVersion}`
  informer.addHandler({
    onAdd: (pod) => seen.push(`+${nameOf(pod)}`),
    onUpdate: (old, pod) => seen.push(`~${nameOf(old)}>${nameOf(pod)}`),
    onDelete: (pod) => seen.push(`-${nameOf(pod)}`),
  })
  const done = informer.start(stop.signal)
  await informer.whenSynced()
  /** Resolves when the condition holds; the back-off of the reflector is real. */
  const until = async (condition: () => boolean): Promise<void> => {
    const giveUpAt = performance.now() + 3_000
    while (!condition() && performance.now() < giveUpAt) await settle()
    assert.ok(condition(), `never happened; seen: ${seen.join(' ')}`)
  }
  return {
    informer,
    seen,
    until,
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await done
    },
  }
}

describe('informer', () => {
  it('is synced when the initial events end, and then tells what changes', async () => {
    const { client } = aServer({
      watch: [added('a', 1), added('b', 2), bookmark(5, true), modified('a', 6), deleted('b', 7), added('c', 8)],
      then: 'open',
    })
    await using run = await follow(client)
    await run.until(() => run.seen.length === 5)
    assert.deepEqual(run.seen, ['+a@1', '+b@2', '~a@1>a@6', '-b@7', '+c@8'])
    assert.deepEqual(
      run.informer.lister.list().map((pod) => pod.metadata?.name),
      ['a', 'c'],
    )
  })

  it('resumes a broken watch from the last version it heard of, bookmarks included', async () => {
    const { client, asked } = aServer(
      { watch: [added('a', 1), bookmark(5, true), bookmark(9)], then: new Error('connection reset') },
      { watch: [modified('a', 10)], then: 'open' },
    )
    await using run = await follow(client)
    await run.until(() => run.seen.length === 2)
    assert.equal(asked[1]?.resourceVersion, '9')
    assert.equal(asked[1]?.sendInitialEvents, undefined)
  })

  it('tells of what was deleted, changed and replaced while it could not see, after a 410', async () => {
    const { client, asked } = aServer(
      {
        watch: [added('gone', 1), added('kept', 2), added('changed', 3), added('new', 4), bookmark(5, true)],
        then: expired('too old resource version'),
      },
      { watch: [added('kept', 2), added('changed', 8), added('new', 9, 'another'), bookmark(9, true)], then: 'open' },
    )
    await using run = await follow(client)
    await run.until(() => run.seen.length === 8)
    assert.deepEqual(run.seen.slice(4), ['~changed@3>changed@8', '-new@4', '+new@9', '-gone@1'])
    assert.equal(asked[1]?.sendInitialEvents, true)
    assert.equal(asked[1]?.resourceVersion, '5', 'the new list is not older than what was seen')
  })

  it('lists in pages from a server that does not stream lists', async () => {
    const { client, asked } = aServer(
      { error: new StatusError('Invalid', 'sendInitialEvents is forbidden') },
      { list: { items: [aPod('a', 1)], metadata: { resourceVersion: '5', continue: 'token' } } },
      { list: { items: [aPod('b', 2)], metadata: { resourceVersion: '5' } } },
      { watch: [added('c', 6)], then: 'open' },
    )
    await using run = await follow(client)
    await run.until(() => run.seen.length === 3)
    assert.deepEqual(
      asked.map(({ resourceVersion }) => resourceVersion),
      ['', '0', undefined, '5'],
    )
    assert.equal(asked[2]?.continue, 'token')
  })

  it('is not synced by initial events that were cut off', async () => {
    const { client } = aServer(
      { watch: [added('a', 1)], then: 'end' },
      { watch: [added('b', 2), bookmark(5, true)], then: 'open' },
    )
    await using run = await follow(client)
    await run.until(() => run.seen.length === 3)
    assert.deepEqual(run.seen, ['+a@1', '+b@2', '-a@1'])
  })

  it('does not hammer a server that ends every watch at once', async () => {
    const ends: Answer[] = Array.from({ length: 50 }, () => ({ watch: [], then: 'end' }))
    const { client, asked } = aServer({ watch: [bookmark(5, true)], then: 'end' }, ...ends)
    await using run = await follow(client)
    const giveUpAt = performance.now() + 400
    await run.until(() => performance.now() > giveUpAt)
    assert.ok(asked.length <= 6, `${asked.length} calls in 400 ms`)
  })

  it('keeps other handlers and the cache whole when one handler throws', async () => {
    const errors: unknown[] = []
    const log = { error: (fields: unknown) => errors.push(fields), debug: () => undefined }
    const { client } = aServer({ watch: [bookmark(5, true), added('a', 6)], then: 'open' })
    await using run = await follow(client, { log: log as never })
    run.informer.addHandler({
      onAdd: () => {
        throw new Error('a bug')
      },
    })
    const seen: string[] = []
    run.informer.addHandler({ onAdd: (pod) => seen.push(pod.metadata?.name ?? '') })
    await run.until(() => seen.length === 1)
    assert.equal(errors.length, 1)
    assert.ok(run.informer.lister.get('ns/a'))
  })

  it('tells a handler that comes late of everything in the cache', async () => {
    const { client } = aServer({ watch: [added('a', 1), added('b', 2), bookmark(5, true)], then: 'open' })
    await using run = await follow(client)
    const late: string[] = []
    run.informer.addHandler({ onAdd: (pod) => late.push(pod.metadata?.name ?? '') })
    assert.deepEqual(late, ['a', 'b'])
  })

  it('finds objects by namespace and by index, also one added later', async () => {
    const { client } = aServer({
      watch: [added('a', 1), added('b', 2), bookmark(5, true), modified('a', 6), deleted('b', 7)],
      then: 'open',
    })
    const version = (pod: Pod): string[] => [pod.metadata?.resourceVersion ?? '']
    await using run = await follow(client, { indexers: { version } })
    await run.until(() => run.seen.length === 4)
    const names = (found: readonly Pod[]) => found.map((pod) => pod.metadata?.name)
    run.informer.addIndexers({ uid: (pod) => [pod.metadata?.uid ?? ''] })
    const { lister } = run.informer
    assert.deepEqual(names(lister.byNamespace('ns')), ['a'])
    assert.deepEqual(names(lister.byIndex('version', '6')), ['a'])
    assert.deepEqual(names(lister.byIndex('version', '1')), [])
    assert.deepEqual(names(lister.byIndex('uid', 'uid-a')), ['a'])
    assert.throws(() => lister.byIndex('nope', 'x'), /there is no index nope/)
  })

  it('keeps no managedFields', async () => {
    const pod = aPod('a', 1)
    const object = { ...pod, metadata: { ...pod.metadata, managedFields: [{ manager: 'kubectl' }] } } as Pod
    const { client } = aServer({ watch: [{ type: 'ADDED', object }, bookmark(5, true)], then: 'open' })
    await using run = await follow(client)
    assert.equal(run.informer.lister.get('ns/a')?.metadata?.managedFields, undefined)
  })
})

describe('informer factory', () => {
  const trim = (pod: Pod): Pod => ({ ...pod, spec: undefined }) as Pod

  it('shares one informer for a resource and selection', () => {
    const factory = createInformerFactory(aServer().client)
    assert.equal(factory.for(pods), factory.for(pods))
    assert.notEqual(factory.for(pods), factory.for(pods, { fieldSelector: 'spec.nodeName=a' }))
  })

  it('never gives trimmed objects to who asked for whole ones', () => {
    const factory = createInformerFactory(aServer().client)
    const trimmed = factory.for(pods, { transform: trim })
    assert.equal(factory.for(pods, { transform: trim }), trimmed)
    assert.notEqual(factory.for(pods), trimmed)
  })

  it('gives whole objects to who would take trimmed ones, rather than keep both', () => {
    const factory = createInformerFactory(aServer().client)
    const whole = factory.for(pods)
    assert.equal(factory.for(pods, { transform: trim }), whole)
  })

  it('starts what is asked for after the start', async () => {
    const { client } = aServer({ watch: [added('a', 1), bookmark(5, true)], then: 'open' })
    const factory = createInformerFactory(client)
    const stop = new AbortController()
    factory.start(stop.signal)
    const informer = factory.for(pods)
    await factory.whenSynced()
    assert.ok(informer.lister.get('ns/a'))
    stop.abort()
  })
})
