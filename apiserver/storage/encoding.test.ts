import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeForStorage, entryFromStore, entryFromWrite, withRevision } from './encoding.ts'
import { cloneJson, equalJson } from './json.ts'

const object = () => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  data: { uid: '"uid":"trap"', 'a"b': '\\"uid\\":\\"x\\"' },
  metadata: { labels: { uid: 'label' }, uid: '11111111-2222-3333-4444-555555555555', namespace: 'ns', name: 'n' },
})

describe('stored bytes', () => {
  it('carry no resourceVersion and put metadata first', () => {
    const stored = encodeForStorage({
      ...object(),
      metadata: { ...object().metadata, resourceVersion: '5' },
    }).toString()
    assert.match(stored, /^\{"kind":"ConfigMap","apiVersion":"v1","metadata":\{"name":"n","namespace":"ns","uid":"1111/)
    assert.doesNotMatch(stored, /resourceVersion/)
  })

  it('get the resourceVersion spliced in behind the uid, and are otherwise the same', () => {
    const entry = entryFromWrite('ns/n', object(), encodeForStorage(object()), 42)
    assert.deepEqual(JSON.parse(entry.bytes.toString()), {
      ...object(),
      metadata: { ...object().metadata, resourceVersion: '42' },
    })
    assert.equal(entry.bytes.subarray(entry.versionStart, entry.versionEnd).toString(), '42')
    assert.equal(entry.object.metadata?.resourceVersion, '42')
  })

  it('are read back the same, whoever wrote them', () => {
    const wanted = { ...object(), metadata: { ...object().metadata, resourceVersion: '7' } }
    for (const stored of [encodeForStorage(object()), Buffer.from(JSON.stringify(object()))]) {
      assert.deepEqual(JSON.parse(entryFromStore('ns/n', stored, 7).bytes.toString()), wanted)
    }
  })

  it('change their resourceVersion for a deletion without touching the entry', () => {
    const entry = entryFromStore('ns/n', encodeForStorage(object()), 9)
    const deleted = withRevision(entry, 1234)
    assert.equal(JSON.parse(deleted.bytes.toString()).metadata.resourceVersion, '1234')
    assert.equal(entry.object.metadata?.resourceVersion, '9')
    assert.equal(JSON.parse(entry.bytes.toString()).metadata.resourceVersion, '9')
  })

  it('keep integers that no double holds', () => {
    const stored = Buffer.from('{"kind":"X","apiVersion":"v1","metadata":{"name":"n","uid":"u"},"n":9007199254740993}')
    assert.match(entryFromStore('n', stored, 1).bytes.toString(), /"n":9007199254740993\}/)
  })
})

describe('JSON values', () => {
  it('are equal whatever the order of keys and whatever is undefined', () => {
    assert.ok(equalJson({ a: 1, b: [{ c: undefined }] }, { b: [{}], a: 1, d: undefined }))
    assert.ok(!equalJson({ a: [] }, {}))
    assert.ok(!equalJson({ a: {} }, { a: [] }))
    assert.ok(!equalJson([1, 2], [2, 1]))
  })

  it('are copied deeply, without touching prototypes', () => {
    const value = JSON.parse('{"__proto__":{"x":1},"a":[{"b":1}]}')
    const copy = cloneJson(value)
    assert.ok(Object.hasOwn(copy, '__proto__'))
    assert.equal(({} as { x?: number }).x, undefined)
    copy.a[0].b = 2
    assert.equal(value.a[0].b, 1)
  })
})
