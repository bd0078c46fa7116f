import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeForStorage, entryFromStore, viewOf, withRevision } from './encoding.ts'

const stored = encodeForStorage({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'n', namespace: 'ns', uid: 'u' },
  data: { a: 'b' },
})
const entryOf = (revision: number) => entryFromStore('ns/n', stored, revision)

describe('a version of an object', () => {
  it('that was superseded is the same as before to whoever looks at it', () => {
    const entry = entryOf(7)
    const before = structuredClone(entry.object)
    entry.supersede()
    assert.deepEqual(entry.object, before)
    assert.equal(entry.object, entry.object, 'parsed once for those who look at the same time')
  })

  it('keeps other representations while it is current, and no longer', () => {
    const entry = entryOf(7)
    let made = 0
    const encode = () => Buffer.from(`${++made}`)
    viewOf(entry, 'x', encode)
    viewOf(entry, 'x', encode)
    assert.equal(made, 1)
    entry.supersede()
    assert.equal(entry.views, undefined)
    assert.equal(viewOf(entry, 'x', encode).toString(), '2')
    assert.equal(entry.views, undefined)
  })

  it('departs under the revision of the change that took it away, current or not', () => {
    const entry = entryOf(9)
    for (const departed of [withRevision(entry, 10), (entry.supersede(), withRevision(entry, 1000))]) {
      assert.equal(departed.object.metadata?.resourceVersion, String(departed.revision))
      assert.deepEqual(JSON.parse(departed.bytes.toString()), departed.object)
    }
    assert.equal(entry.object.metadata?.resourceVersion, '9')
  })

  it('does not keep alive the buffers that were made beside it', () => {
    assert.equal(entryOf(7).bytes.buffer.byteLength, entryOf(7).bytes.length)
  })
})
