import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StatusError } from '../../api/meta/status-error.ts'
import { negotiate, textFormats, type Transform } from './negotiation.ts'

const protobuf = 'application/vnd.kubernetes.protobuf'
const meta = ';g=meta.k8s.io;v=v1'
const lists: readonly Transform[] = ['Table', 'PartialObjectMetadataList']

const chosen = (accept: string | undefined, formats = [...textFormats, 'protobuf' as const]): string => {
  try {
    const { format, as } = negotiate(accept, lists, formats)
    return as === undefined ? format : `${format} ${as.kind}`
  } catch (error) {
    assert.ok(error instanceof StatusError)
    return String(error.code)
  }
}

describe('content negotiation', () => {
  for (const [accept, wanted] of [
    [undefined, 'json'],
    ['', 'json'],
    ['*/*', 'json'],
    ['application/*', 'json'],
    ['application/yaml', 'yaml'],
    [protobuf, 'protobuf'],
    [`${protobuf},application/json`, 'protobuf'],
    [`${protobuf}, */*`, 'protobuf'],
    [`application/json,${protobuf}`, 'json'],
    [`application/json;q=0.5,${protobuf};q=0.9`, 'protobuf'],
    [`${protobuf};q=0.1,application/yaml;q=0.2`, 'yaml'],
    [`${protobuf};stream=watch`, 'protobuf'],
    [`${protobuf};stream=other,application/json`, 'json'],
    ['application/yaml;stream=watch,application/json', 'json'],
    ['application/cbor', '406'],
    ['application/cbor,application/json', 'json'],
    [`application/cbor,${protobuf}`, 'protobuf'],
    ['text/html', '406'],
    [`${protobuf};as=PartialObjectMetadataList${meta},application/json`, 'protobuf PartialObjectMetadataList'],
    [`${protobuf};as=Table${meta}`, '406'],
    [`${protobuf};as=Table${meta},application/json;as=Table${meta}`, 'json Table'],
    [`${protobuf};as=PartialObjectMetadata${meta},application/json`, 'json'],
    [`${protobuf};as=PartialObjectMetadataList;g=other;v=v1`, '406'],
    [`application/json${meta},application/yaml`, 'yaml'],
  ] as const) {
    it(`takes ${wanted} for ${accept}`, () => {
      assert.equal(chosen(accept), wanted)
    })
  }

  it('has no protobuf of a kind that has none, but of its metadata', () => {
    assert.equal(chosen(`${protobuf},application/json`, [...textFormats]), 'json')
    assert.equal(chosen(protobuf, [...textFormats]), '406')
    const metadata = `${protobuf};as=PartialObjectMetadataList${meta}`
    assert.equal(chosen(metadata, [...textFormats]), 'protobuf PartialObjectMetadataList')
  })

  it('tells what it has', () => {
    assert.throws(() => negotiate('application/cbor', []), {
      message:
        'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    })
  })
})
