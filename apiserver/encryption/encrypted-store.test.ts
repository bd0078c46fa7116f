import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KubeObject } from '../../api/types.ts'
import { createLogger } from '../../component-base/logging/logger.ts'
import { createLeasePool } from '../storage/lease-pool.ts'
import { createMemoryKeyValue } from '../storage/memory-key-value.ts'
import type { KeyValueStore } from '../storage/key-value.ts'
import { ResourceStore } from '../storage/resource-store.ts'
import { EventHub } from '../storage/watch-cache/event-hub.ts'
import { realClock } from '../../component-base/clock.ts'
import { aesGcm } from './aes.ts'
import { encryptedStore } from './encrypted-store.ts'
import { identity } from './identity.ts'
import { type PrefixTransformer, prefixTransformers, type Transformer } from './transformer.ts'

const provider = (name: string, fill: number): PrefixTransformer => ({
  prefix: Buffer.from(`k8s:enc:aesgcm:v1:${name}:`),
  transformer: aesGcm(Buffer.alloc(32, fill)),
})
const oldKey = provider('old', 1)
const newKey = provider('new', 2)
const plain: PrefixTransformer = { prefix: Buffer.alloc(0), transformer: identity }
const prefix = '/registry/secrets/'
const reader = prefixTransformers([oldKey], 'no matching prefix found')

const aSecret = (name: string): KubeObject => ({
  kind: 'Secret',
  apiVersion: 'v1',
  metadata: { name, namespace: 'ns', uid: `uid-${name}` },
  data: { password: 'aHVudGVyMg==' },
})

interface Setup extends AsyncDisposable {
  readonly raw: KeyValueStore
  readonly secrets: ResourceStore
}

/** A resource over an encrypted store; `raw` is what lies below. */
const start = async (transformer: Transformer, raw = createMemoryKeyValue()): Promise<Setup> => {
  const stopped = new AbortController()
  const store = encryptedStore(raw, () => transformer)
  const hub = new EventHub(store, '/registry', createLogger('test'))
  await hub.start(stopped.signal)
  const deps = {
    store,
    hub,
    leases: createLeasePool((seconds) => store.grantLease(seconds), realClock),
    currentRevision: () => store.currentRevision(),
  }
  const secrets = new ResourceStore(prefix, { group: '', resource: 'secrets' }, deps, (object) => object)
  return {
    raw,
    secrets,
    [Symbol.asyncDispose]: async () => stopped.abort(),
  }
}

const rawValue = async (raw: KeyValueStore, name: string): Promise<string> =>
  (await raw.get(`${prefix}ns/${name}`)).current?.value.toString('latin1') ?? ''

describe('the encrypted store', () => {
  it('keeps nothing readable below, and gives all of it back: read, listed, watched', async () => {
    await using setup = await start(reader)
    const { raw, secrets } = setup
    await secrets.create('ns/a', aSecret('a'))
    assert.match(await rawValue(raw, 'a'), /^k8s:enc:aesgcm:v1:old:/)
    assert.ok(!(await rawValue(raw, 'a')).includes('aHVudGVyMg'))
    assert.equal((await secrets.getLive('ns/a'))?.object['data'] !== undefined, true)
    await secrets.consistent()
    assert.deepEqual(
      secrets.cache.range().map(({ key }) => key),
      ['ns/a'],
    )

    await using second = await start(reader, raw)
    await second.secrets.consistent()
    assert.deepEqual(second.secrets.cache.get('ns/a')?.object['data'], { password: 'aHVudGVyMg==' })
    await secrets.create('ns/b', aSecret('b'))
    await second.secrets.consistent()
    assert.deepEqual(second.secrets.cache.get('ns/b')?.object['data'], { password: 'aHVudGVyMg==' })
  })

  it('writes an unchanged object again when it is stored under an old key, and only then', async () => {
    await using before = await start(prefixTransformers([plain], 'no'))
    await before.secrets.create('ns/a', aSecret('a'))
    const { raw } = before
    for (const [transformers, wanted] of [
      [[oldKey, plain], /^k8s:enc:aesgcm:v1:old:/],
      [[newKey, oldKey], /^k8s:enc:aesgcm:v1:new:/],
    ] as const) {
      await using setup = await start(prefixTransformers(transformers, 'no'), raw)
      const same = (current: KubeObject | undefined) =>
        ({ type: 'write', object: structuredClone(current ?? {}) }) as const
      assert.equal((await setup.secrets.update('ns/a', same)).type, 'updated')
      assert.match(await rawValue(raw, 'a'), wanted)
      assert.equal((await setup.secrets.update('ns/a', same)).type, 'unchanged')
    }
  })

  it('says which object cannot be read, and lets the others be read and written', async () => {
    await using setup = await start(reader)
    await setup.secrets.create('ns/good', aSecret('good'))
    await setup.raw.put(`${prefix}ns/bad`, Buffer.from('k8s:enc:aesgcm:v1:lost:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'), 0)
    await using fresh = await start(reader, setup.raw)
    const { secrets } = fresh
    await assert.rejects(secrets.consistent(), {
      reason: 'InternalError',
      message: 'Internal error occurred: unable to transform key "/registry/secrets/ns/bad": no matching prefix found',
    })
    await assert.rejects(secrets.read('ns/bad'), { message: 'Internal error occurred: no matching prefix found' })
    assert.equal((await secrets.read('ns/good'))?.object.metadata?.name, 'good')
    const changed = await secrets.update('ns/good', (current) => ({
      type: 'write',
      object: { ...current, type: 'x' } as KubeObject,
    }))
    assert.equal(changed.type, 'updated')
    await secrets.create('ns/new', aSecret('new'))
  })

  it('takes no value for another key of the store', async () => {
    await using setup = await start(reader)
    await setup.secrets.create('ns/a', aSecret('a'))
    const { current } = await setup.raw.get(`${prefix}ns/a`)
    assert.ok(current)
    await setup.raw.put(`${prefix}ns/b`, current.value, 0)
    await using fresh = await start(reader, setup.raw)
    await assert.rejects(fresh.secrets.read('ns/b'), {
      message: 'Internal error occurred: cipher: message authentication failed',
    })
  })

  it('refuses to serve what another server wrote with a key that it does not have', async () => {
    await using setup = await start(reader)
    await setup.secrets.create('ns/a', aSecret('a'))
    await setup.secrets.consistent()
    await setup.raw.put(`${prefix}ns/b`, Buffer.from('k8s:enc:aesgcm:v1:new:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'), 0)
    await assert.rejects(async () => {
      await setup.secrets.consistent()
      await setup.secrets.cache.ready()
    }, /no matching prefix found/)
  })
})
