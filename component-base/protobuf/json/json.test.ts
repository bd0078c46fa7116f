import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { etcdProtoFacts } from '../../etcd/proto-facts.ts'
import { LeaseKeepAliveResponse, WatchCreateRequest, WatchRequest } from '../../etcd/watch-messages.ts'
import { PutRequest, RangeRequest, RangeResponse, RequestOp, ResponseOp, TxnRequest } from '../../etcd/messages.ts'
import { HashKVResponse, StatusResponse } from '../../etcd/maintenance-messages.ts'
import { decodeBase64 } from './base64.ts'
import { jsonToProto } from './from-json.ts'
import { parseFirstJson, parseWholeJson } from './parse.ts'
import { createJsonSchemas } from './schema.ts'
import { protoToJson } from './to-json.ts'

const schemas = createJsonSchemas(etcdProtoFacts)

describe('JSON of protobuf messages', () => {
  it('leaves defaults out and writes 64-bit integers and bytes as strings', () => {
    const bytes = RangeResponse.encode({
      header: { clusterId: 18_446_744_073_709_551_615n, revision: 5 },
      kvs: [{ key: Buffer.from('a'), lease: -1n }, {}],
    })
    assert.equal(
      protoToJson(RangeResponse, bytes, schemas),
      '{"header":{"cluster_id":"18446744073709551615","revision":"5"},"kvs":[{"key":"YQ==","lease":"-1"},{}]}',
    )
    assert.equal(protoToJson(HashKVResponse, HashKVResponse.encode({ hash: 7 }), schemas), '{"hash":7}')
  })

  it('keeps the names of the .proto file, also those that are not snake case', () => {
    const status = StatusResponse.encode({ dbSize: 1, raftAppliedIndex: 2, errors: ['<a>'] })
    assert.equal(
      protoToJson(StatusResponse, status, schemas),
      String.raw`{"dbSize":"1","raftAppliedIndex":"2","errors":["\u003ca\u003e"]}`,
    )
    assert.equal(
      protoToJson(LeaseKeepAliveResponse, LeaseKeepAliveResponse.encode({ ID: 5n, TTL: 6 }), schemas),
      '{"ID":"5","TTL":"6"}',
    )
  })

  it('writes enums as names, and numbers that have none as numbers', () => {
    const text = (sortOrder: number): string => protoToJson(RangeRequest, RangeRequest.encode({ sortOrder }), schemas)
    assert.equal(text(2), '{"sort_order":"DESCEND"}')
    assert.equal(text(9), '{"sort_order":9}')
    const filters = WatchCreateRequest.encode({ filters: [0, 1] })
    assert.equal(protoToJson(WatchCreateRequest, filters, schemas), '{"filters":["NOPUT","NODELETE"]}')
  })

  it('shows which member of a oneof is set even when it is empty', () => {
    assert.equal(protoToJson(ResponseOp, ResponseOp.encode({ responsePut: {} }), schemas), '{"response_put":{}}')
  })

  const decode = (text: string) => RangeRequest.decode(jsonToProto(RangeRequest, parseWholeJson(text), schemas))

  it('reads both spellings of a name, and numbers with and without quotes', () => {
    const request = decode(
      '{"key":"YQ==","range_end":"Yg==","minModRevision":"5","limit":3,"sort_order":"ASCEND","sortTarget":2,"x":{}}',
    )
    assert.deepEqual(
      [
        String(request.key),
        String(request.rangeEnd),
        request.minModRevision,
        request.limit,
        request.sortOrder,
        request.sortTarget,
      ],
      ['a', 'b', 5, 3, 1, 2],
    )
  })

  it('loses nothing of an int64', () => {
    const bytes = jsonToProto(PutRequest, parseWholeJson('{"lease":"-9223372036854775808"}'), schemas)
    assert.equal(PutRequest.decode(bytes).lease, -(2n ** 63n))
    assert.equal(protoToJson(PutRequest, bytes, schemas), '{"lease":"-9223372036854775808"}')
  })

  it('takes the last of several members of a oneof', () => {
    const bytes = jsonToProto(RequestOp, parseWholeJson('{"request_put":{"key":"YQ=="},"request_range":{}}'), schemas)
    assert.deepEqual(
      Object.entries(RequestOp.decode(bytes))
        .filter(([, value]) => value !== undefined)
        .map(([name]) => name),
      ['requestPut'],
    )
    assert.ok(
      WatchRequest.decode(jsonToProto(WatchRequest, parseWholeJson('{"progress_request":{}}'), schemas))
        .progressRequest,
    )
  })

  const refusals: readonly (readonly [text: string, message: string])[] = [
    ['{"key":"YQ"}', 'illegal base64 data at input byte 0'],
    ['{"key":1}', 'json: cannot unmarshal number into Go value of type []uint8'],
    ['{"limit":"abc"}', "invalid character 'a' looking for beginning of value"],
    ['{"limit":""}', 'unexpected end of JSON input'],
    ['{"limit":1.5}', 'json: cannot unmarshal number 1.5 into Go value of type int64'],
    ['{"limit":9223372036854775808}', 'json: cannot unmarshal number 9223372036854775808 into Go value of type int64'],
    ['{"limit":{}}', 'json: cannot unmarshal object into Go value of type int64'],
    ['{"serializable":"true"}', 'json: cannot unmarshal string into Go value of type bool'],
    ['[]', 'json: cannot unmarshal array into Go value of type map[string]json.RawMessage'],
    ['{"sort_order":"FOO"}', String.raw`unknown value "\"FOO\"" for enum etcdserverpb.RangeRequest.SortOrder`],
    ['{"sort_order":1.5}', 'json: cannot unmarshal number 1.5 into Go value of type protoreflect.EnumNumber'],
  ]
  for (const [text, message] of refusals) {
    it(`refuses ${text} in the words of Go`, () => assert.throws(() => decode(text), { message }))
  }

  it('refuses a list that is none, and ends at a depth', () => {
    const txn = (text: string) => jsonToProto(TxnRequest, parseWholeJson(text), schemas)
    assert.throws(() => txn('{"compare":{}}'), {
      message: 'json: cannot unmarshal object into Go value of type []json.RawMessage',
    })
    assert.throws(() => txn('['.repeat(100_000)), { message: 'exceeded max depth' })
  })
})

describe('parsing JSON', () => {
  const table: readonly (readonly [text: string, message: string])[] = [
    ['', 'unexpected end of JSON input'],
    ['{"a"', 'unexpected end of JSON input'],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 "b"}', `invalid character '"' after object key:value pair`],
    ['{1}', "invalid character '1' looking for beginning of object key string"],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ['[1 2]', "invalid character '2' after array element"],
    ['[1,]', "invalid character ']' looking for beginning of value"],
    ['tru3', "invalid character '3' in literal true (expecting 'e')"],
    ['-a', "invalid character 'a' in numeric literal"],
    ['1.x', "invalid character 'x' after decimal point in numeric literal"],
    ['1ex', "invalid character 'x' in exponent of numeric literal"],
    ['"\n"', String.raw`invalid character '\n' in string literal`],
    [String.raw`"\x"`, "invalid character 'x' in string escape code"],
    [String.raw`"\u00g0"`, String.raw`invalid character 'g' in \u hexadecimal character escape`],
    ['{} x', "invalid character 'x' after top-level value"],
    ["'a'", String.raw`invalid character '\'' looking for beginning of value`],
  ]
  for (const [text, message] of table) {
    it(`says what is wrong with ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseWholeJson(text), { message })
    })
  }

  it('tells an end before the value from no value at all', () => {
    assert.throws(() => parseFirstJson(' \n'), { empty: true })
    assert.throws(() => parseFirstJson('{'), { empty: false, message: 'unexpected EOF' })
  })

  it('stops after the first value', () => {
    assert.equal(parseFirstJson(' {"a":[1,"x\\u00e9"]}{}').end, 20)
  })
})

describe('base64', () => {
  const wrong: readonly (readonly [text: string, at: number])[] = [
    ['YQ', 0],
    ['_-==', 0],
    ['YQ=', 3],
    ['YQ=a', 2],
    ['YWJj=', 4],
    ['YQ==YQ==', 4],
    ['YWJjZA', 4],
  ]
  for (const [text, at] of wrong) {
    it(`names the byte where ${text} goes wrong`, () => {
      assert.throws(() => decodeBase64(text), { message: `illegal base64 data at input byte ${at}` })
    })
  }

  it('reads what is well formed, line breaks included', () => {
    assert.equal(String(decodeBase64('aGVs\r\nbG8=')), 'hello')
    assert.equal(decodeBase64('').length, 0)
  })
})
