import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { canonicalObject, orderedForm, storedForm, writtenForm } from '../../api/codec/canonical.ts'
import { arbitraryObject, builtInKinds } from '../../api/schema/arbitraries.ts'
import { resourceRows } from '../../api/schema/resource-table.ts'
import type { ProtobufTable } from '../../api/schema/table-format.ts'
import { encodeMessage, encodeProtobuf, watchFrame } from './protobuf-encode.ts'
import { hasMessage, itemsField, messageOfDefinition, messageOfKind } from './protobuf-messages.ts'
import { decodeMessage, readEnvelope } from './protobuf.ts'

/** Without what protobuf does not tell from absence: empty objects and lists, zeros. */
const pruned = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(pruned)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
    .map(([key, item]) => [key, pruned(item)] as const)
    .filter(([, item]) => {
      if (['', '0', 0, false, undefined].some((zero) => zero === item)) return false
      return typeof item !== 'object' || item === null || Object.keys(item).length > 0
    })
  return Object.fromEntries(entries)
}

interface WireField {
  readonly number: number
  readonly wireType: number
  readonly content: Buffer
}

/** A second reader, that knows no more of protobuf than tags, varints and lengths. */
const wireFields = (bytes: Buffer): WireField[] => {
  const fields: WireField[] = []
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++] ?? assert.fail('a varint beyond the end')
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }
  while (at < bytes.length) {
    const tag = varint()
    const wireType = tag % 8
    let start = at
    if (wireType === 0) varint()
    else if (wireType === 1) at += 8
    else if (wireType === 2) {
      const length = varint()
      start = at
      at += length
    } else assert.fail(`wire type ${wireType}`)
    assert.ok(at <= bytes.length)
    fields.push({ number: Math.floor(tag / 8), wireType, content: bytes.subarray(start, at) })
  }
  return fields
}

const table = JSON.parse(
  readFileSync(new URL('../../api/schema/generated/protobuf.json', import.meta.url), 'utf8'),
) as ProtobufTable
const wireTypes: Readonly<Record<string, number>> = { bool: 0, int32: 0, int64: 0, double: 1 }

/** Numbers ascend and are the table's, wire types fit, and what is no pointer is there. */
const checkWire = (name: string, bytes: Buffer): void => {
  const row = table[name] ?? assert.fail(`no message ${name}`)
  const byNumber = new Map(Object.values(row).map(([number, type]) => [number, type]))
  let last = 0
  for (const { number, wireType, content } of wireFields(bytes)) {
    const type = byNumber.get(number)?.replace(/\?$|\[\]$/, '') ?? assert.fail(`${name} has no field ${number}`)
    assert.ok(number >= last, `${name}: ${number} after ${last}`)
    last = number
    assert.equal(wireType, wireTypes[type] ?? 2, `${name}.${number}`)
    if (type in table) checkWire(type, content)
    const [, value = ''] = /^map<string, (.+)>$/.exec(type) ?? []
    if (value in table) checkWire(value, wireFields(content)[1]?.content ?? assert.fail('no value'))
  }
  const seen = new Set(wireFields(bytes).map(({ number }) => number))
  const isTime = /\.(Micro)?Time$/.test(name) && bytes.length === 0
  for (const [number, type] of Object.values(row)) {
    if (/[\]>?]$/.test(type) || type === 'bytes' || isTime) continue
    assert.ok(seen.has(number), `${name}: ${number} is missing`)
  }
}

describe('protobuf of every built-in kind', () => {
  it('covers the kinds that the server has', () => {
    const names = builtInKinds().map(({ name }) => name.slice(name.lastIndexOf('.') + 1))
    for (const kind of ['Pod', 'CustomResourceDefinition', 'APIService', 'Status', 'DeleteOptions', 'Scale']) {
      assert.ok(names.includes(kind), kind)
    }
  })

  it('knows the list of every resource, and the kinds of subresources', () => {
    const messageOf = (group: string, version: string, kind: string) => {
      assert.ok(hasMessage(group, version, kind), kind)
      return messageOfKind(group === '' ? version : `${group}/${version}`, kind)
    }
    for (const { group, version, kind, verbs, subresources } of resourceRows()) {
      messageOf(group, version, kind)
      if (verbs.includes('list')) assert.equal(itemsField(messageOf(group, version, `${kind}List`)).number, 2)
      for (const { connect, ...of } of subresources) if (connect !== true) messageOf(of.group, of.version, of.kind)
    }
  })

  for (const schema of builtInKinds()) {
    it(`gives back ${schema.name}`, () => {
      const message = messageOfDefinition(schema.name)
      fc.assert(
        fc.property(arbitraryObject(schema), (object) => {
          const bytes = encodeMessage(message, object)
          checkWire(message.name, bytes)
          const decoded = decodeMessage(bytes, message)
          assert.deepEqual(pruned(decoded), pruned(object))
          // Zeros of pointers too: they would not be written again.
          assert.ok(encodeMessage(message, decoded).equals(bytes))
          // What JSON leaves out or adds, as Go's tags say, is nothing that protobuf would tell; only embedded JSON is
          // put in order.
          const hasJson = schema.name.endsWith('.CustomResourceDefinition')
          const same = hasJson ? encodeMessage(message, canonicalObject(schema, object, orderedForm)) : bytes
          for (const form of [orderedForm, storedForm, writtenForm]) {
            assert.ok(encodeMessage(message, canonicalObject(schema, object, form)).equals(same))
          }
        }),
        { numRuns: 12 },
      )
    })
  }
})

describe('protobuf', () => {
  it('writes the envelope and the zeros that Go writes', () => {
    const bytes = encodeProtobuf({ kind: 'Binding', apiVersion: 'v1', metadata: { name: 'b' } })
    const metadata = '0a0162' + '1200' + '1a00' + '2200' + '2a00' + '3200' + '3800' + '4200'
    const target = ['0a00', '1200', '1a00', '2200', '2a00', '3200', '3a00'].join('')
    assert.equal(
      bytes.toString('hex'),
      [
        '6b387300',
        '0a0d',
        '0a027631',
        '120742696e64696e67',
        '1223',
        '0a11',
        metadata,
        '120e',
        target,
        '1a00',
        '2200',
      ].join(''),
    )
  })

  it('sorts the keys of maps by their bytes', () => {
    const data = { '\u{1f642}': '1', '\uffee': '2', b: '3', a: '4' }
    const [, ...entries] = wireFields(encodeMessage(messageOfKind('v1', 'ConfigMap'), { data }))
    const keys = entries.map(({ content }) => wireFields(content)[0]?.content.toString('utf8'))
    assert.deepEqual(keys, ['a', 'b', '\uffee', '\u{1f642}'])
  })

  it('writes texts of every length and kind', () => {
    for (const text of [
      '',
      'x'.repeat(47),
      'x'.repeat(48),
      'é'.repeat(47),
      `${'x'.repeat(30)}世`,
      '🙂'.repeat(70_000),
    ]) {
      const message = messageOfKind('v1', 'Status')
      assert.equal(decodeMessage(encodeMessage(message, { message: text }), message)['message'] ?? '', text)
    }
  })

  it('has the embedded JSON as it is, with exact numbers', () => {
    const message = messageOfKind('apps/v1', 'ControllerRevision')
    const object = { data: { n: 2n ** 60n }, revision: 2n ** 62n }
    const { data, revision } = decodeMessage(encodeMessage(message, object), message)
    assert.deepEqual({ data, revision }, object)
  })

  it('frames a watch event: four bytes of length, type, object in its envelope', () => {
    const object = encodeProtobuf({ kind: 'Status', apiVersion: 'v1', message: 'm' })
    const frame = watchFrame('ERROR', object)
    assert.equal(frame.readUInt32BE(0), frame.length - 4)
    const [type, raw] = wireFields(frame.subarray(4))
    assert.equal(type?.content.toString(), 'ERROR')
    const [extension] = wireFields(raw?.content ?? Buffer.alloc(0))
    assert.ok(extension?.content.equals(object))
    assert.equal(readEnvelope(object).kind, 'Status')
  })

  it('knows the documents of discovery, which OpenAPI does not', () => {
    for (const [apiVersion, kind] of [
      ['', 'APIVersions'],
      ['v1', 'APIGroupList'],
      ['', 'APIResourceList'],
      ['apidiscovery.k8s.io/v2', 'APIGroupDiscoveryList'],
      ['apidiscovery.k8s.io/v2beta1', 'APIGroupDiscoveryList'],
      ['meta.k8s.io/v1', 'PartialObjectMetadataList'],
    ] as const) {
      assert.ok(messageOfKind(apiVersion, kind).name.endsWith(`.${kind}`))
    }
  })
})
