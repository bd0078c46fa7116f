import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { configMapKind } from '../../api/core/config-map.ts'
import { expired } from '../../api/meta/status-error.ts'
import type { KubeObject } from '../../api/types.ts'
import { readEnvelope } from '../codec/protobuf.ts'
import type { Resource } from '../registry/resource.ts'
import type { MediaType } from '../server/negotiation.ts'
import type { Entry } from '../storage/encoding.ts'
import { CacheEvent } from '../storage/watch-cache/cache-event.ts'
import { envelopedEntry, protobufList } from './send-protobuf.ts'
import { frameEncoder } from './watch-frames.ts'

const configMaps = { definition: configMapKind, stored: configMapKind, namespaced: true } as unknown as Resource
const protobuf: MediaType = { format: 'protobuf' }
const metadataOnly: MediaType = { format: 'protobuf', as: { kind: 'PartialObjectMetadata', version: 'v1' } }

/** An entry that counts how often its data are read, and a change that has it. */
const countedEvent = (): { readonly event: CacheEvent; readonly reads: () => number } => {
  let reads = 0
  const object: KubeObject = {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: { name: 'c', namespace: 'ns', uid: 'u', resourceVersion: '7' },
    get data() {
      reads++
      return { a: 'b' }
    },
  }
  const entry: Entry = { key: 'ns/c', object, bytes: Buffer.from('{}'), revision: 7, versionStart: 0, versionEnd: 0 }
  const event = new CacheEvent({ type: 'MODIFIED', revision: 7, entry, previous: undefined })
  return { event, reads: () => reads }
}

/** The envelope that a frame has in it. */
const envelopeOf = (frame: Buffer): ReturnType<typeof readEnvelope> =>
  readEnvelope(frame.subarray(frame.indexOf('k8s\0')))

describe('frames of a watch in protobuf', () => {
  it('are made once for all watchers, lists and reads of a version', async () => {
    const { event, reads } = countedEvent()
    const frames = Array.from({ length: 5 }, () => frameEncoder(configMaps, protobuf, 'Metadata').event(event, event))
    assert.ok(frames.every((frame) => frame === frames[0]))
    const single = envelopedEntry(configMaps, event.entry)
    const { parts } = await protobufList(configMaps, protobuf, {}, [event.entry])
    const list = Buffer.concat(parts)
    assert.equal(reads(), 1)
    assert.ok(frames[0]?.includes(single))
    assert.ok(readEnvelope(list).raw.length > readEnvelope(single).raw.length)
  })

  it('are not made where nobody asks for them', () => {
    const { event, reads } = countedEvent()
    frameEncoder(configMaps, { format: 'json' }, 'Metadata').event(event, event)
    assert.equal(reads(), 0)
    assert.equal(event.entry.views, undefined)
  })

  it('have metadata alone where those are asked for, of another kind in bookmarks too', () => {
    const { event, reads } = countedEvent()
    const encoder = frameEncoder(configMaps, metadataOnly, 'Metadata')
    for (const frame of [encoder.event(event, event), encoder.initial(event.entry), encoder.bookmark(8, true)]) {
      const { apiVersion, kind } = envelopeOf(frame)
      assert.deepEqual([apiVersion, kind], ['meta.k8s.io/v1', 'PartialObjectMetadata'])
    }
    assert.equal(reads(), 0)
  })

  it('have errors as a Status', () => {
    const frame = frameEncoder(configMaps, protobuf, 'Metadata').error(expired('too old'))
    assert.equal(envelopeOf(frame).kind, 'Status')
  })
})
