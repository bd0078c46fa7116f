import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { KubeObject } from '../types.ts'
import { arbitraryObject, builtInKinds } from '../schema/arbitraries.ts'
import { type ObjectSchema, type Schema, schemaFor } from '../schema/schema.ts'
import { type CanonicalForm, canonicalObject, orderedForm, storedForm, writtenForm } from './canonical.ts'
import { decodeInto } from './decode.ts'
import { jsonText, prettyJsonText } from './encode.ts'
import { parseJson } from './json.ts'

const schemaOf = (group: string, version: string, kind: string): ObjectSchema =>
  schemaFor(group, version, kind) ?? assert.fail(`no schema of ${kind}`)

/** What GET answers with after this was sent. */
const written = (schema: ObjectSchema, text: string, form: CanonicalForm = storedForm): string =>
  jsonText(canonicalObject(schema, decodeInto(schema, parseJson(text).value).value, form))

/** Zeros that a client may write out though Go omits them, by the type of the field. */
const omitted: Readonly<Record<string, unknown>> = {
  string: '',
  boolean: false,
  int32: 0,
  int64: 0,
  array: [],
  map: {},
}

/** The same object as a careless client sends it: fields backwards, zeros and nulls where nothing is. */
const careless = (schema: Schema, value: unknown): unknown => {
  if (Array.isArray(value)) return schema.type === 'array' ? value.map((item) => careless(schema.items, item)) : value
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).reverse()
  if (schema.type === 'map')
    return Object.fromEntries(entries.map(([key, item]) => [key, careless(schema.values, item)]))
  if (schema.type !== 'object') return value
  const given = entries.map(([name, item]): [string, unknown] => {
    const field = schema.fields.get(name)?.schema
    return [name, field === undefined ? item : careless(field, item)]
  })
  const zeros = [...schema.fields.values()]
    .filter(({ name }) => !Object.hasOwn(value, name))
    .flatMap(({ name, presence, schema: field }): [string, unknown][] => {
      const zero = omitted[field.type === 'scalar' ? field.scalar : field.type]
      return presence === 'omitempty' && zero !== undefined
        ? [[name, zero]]
        : presence === 'pointer'
          ? [[name, null]]
          : []
    })
  return Object.fromEntries([...zeros.reverse(), ...given])
}

describe('a built-in object', () => {
  for (const schema of builtInKinds()) {
    it(`of ${schema.name} has the same bytes, however it was sent`, () => {
      fc.assert(
        fc.property(arbitraryObject(schema), (object) => {
          const plain = jsonText(object)
          const bytes = written(schema, plain)
          assert.equal(written(schema, jsonText(careless(schema, object))), bytes)
          assert.equal(written(schema, bytes), bytes)
        }),
        { numRuns: 8 },
      )
    })
  }

  it('that is canonical is not copied, and one that is not is left as it was', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...builtInKinds()).chain((schema) => fc.tuple(fc.constant(schema), arbitraryObject(schema))),
        ([schema, object]) => {
          const before = jsonText(object)
          for (const form of [orderedForm, writtenForm, storedForm]) {
            const canonical = canonicalObject(schema, object, form)
            assert.equal(jsonText(object), before)
            assert.equal(canonicalObject(schema, canonical, form), canonical)
          }
        },
      ),
      { numRuns: 60 },
    )
  })
})

/** What v1.36 answers with, and what was sent. */
const known: readonly (readonly [string, ObjectSchema, string, string])[] = [
  [
    'a Deployment has its template, strategy, resources and status, empty as they are',
    schemaOf('apps', 'v1', 'Deployment'),
    `{"spec":{"template":{"spec":{"containers":[{"image":"nginx","name":"web"}],"hostNetwork":false},"metadata":
     {"creationTimestamp":null,"labels":{"b":"2","a":"1"}}},"selector":{"matchLabels":{"app":"web"}},"paused":false,
     "replicas":0},"metadata":{"name":"web"},"apiVersion":"apps/v1","kind":"Deployment"}`,
    '{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"web"},"spec":{"replicas":0,"selector":{"matchLabels":' +
      '{"app":"web"}},"template":{"metadata":{"labels":{"a":"1","b":"2"}},"spec":{"containers":[{"name":"web","image":' +
      '"nginx","resources":{}}]}},"strategy":{}},"status":{}}',
  ],
  [
    'an Event has null times and empty reporters',
    schemaOf('', 'v1', 'Event'),
    '{"kind":"Event","apiVersion":"v1","metadata":{"name":"e"},"type":"Normal","involvedObject":{"name":"p","kind":"Pod"}}',
    '{"kind":"Event","apiVersion":"v1","metadata":{"name":"e"},"involvedObject":{"kind":"Pod","name":"p"},"source":{},' +
      '"firstTimestamp":null,"lastTimestamp":null,"type":"Normal","eventTime":null,"reportingComponent":"","reportingInstance":""}',
  ],
  [
    'a Role without rules has none, in protobuf as in Go: null',
    schemaOf('rbac.authorization.k8s.io', 'v1', 'Role'),
    '{"rules":[],"metadata":{"name":"r"}}',
    '{"metadata":{"name":"r"},"rules":null}',
  ],
  [
    'a field that is held by pointer keeps its zero',
    schemaOf('', 'v1', 'Pod'),
    `{"spec":{"terminationGracePeriodSeconds":0,"enableServiceLinks":false,"hostPID":false,"containers":[{"name":"c",
     "stdin":false,"env":[{"value":"","name":"E"}],"securityContext":{"privileged":false},"startupProbe":{"periodSeconds":0}}]}}`,
    '{"metadata":{},"spec":{"containers":[{"name":"c","env":[{"name":"E"}],"resources":{},"startupProbe":{},' +
      '"securityContext":{"privileged":false}}],"terminationGracePeriodSeconds":0,"enableServiceLinks":false},"status":{}}',
  ],
  [
    'a divisor is a quantity, and a condition was probed at null',
    schemaOf('', 'v1', 'Pod'),
    `{"spec":{"containers":[{"name":"c","env":[{"name":"E","valueFrom":{"resourceFieldRef":{"resource":"limits.cpu"}}}]}]},
     "status":{"conditions":[{"status":"True","type":"Ready"}]}}`,
    '{"metadata":{},"spec":{"containers":[{"name":"c","env":[{"name":"E","valueFrom":{"resourceFieldRef":{"resource":' +
      '"limits.cpu","divisor":"0"}}}],"resources":{}}]},"status":{"conditions":[{"type":"Ready","status":"True",' +
      '"lastProbeTime":null,"lastTransitionTime":null}]}}',
  ],
]

describe('what Go writes', () => {
  for (const [name, schema, sent, wanted] of known) it(name, () => assert.equal(written(schema, sent), wanted))

  it('of a CustomResourceDefinition: an empty list stays, defaults have sorted keys', () => {
    const schema = schemaOf('apiextensions.k8s.io', 'v1', 'CustomResourceDefinition')
    const sent = `{"spec":{"versions":[{"name":"v1","schema":{"openAPIV3Schema":{"properties":{"b":{"type":"object",
      "default":{"z":1.0,"a":[{"d":1,"c":2}]}},"a":{"additionalProperties":{"type":"string","format":""}}},"type":"object"}}}]},
      "status":{"conditions":[]}}`
    const text = written(schema, sent, writtenForm)
    assert.match(text, /"type":"object","properties":\{"a":\{"additionalProperties":\{"type":"string"\}\},"b":/)
    assert.match(text, /"default":\{"a":\[\{"c":2,"d":1\}\],"z":1\}/)
    assert.match(text, /"status":\{"conditions":\[\],"acceptedNames":\{"plural":"","kind":""\},"storedVersions":null\}/)
  })

  it('of a struct that nobody has set: an object of its own', () => {
    const schema = schemaOf('apps', 'v1', 'Deployment')
    const [one, other] = [
      canonicalObject(schema, {}, storedForm),
      canonicalObject(schema, {}, storedForm),
    ] as KubeObject[]
    Object.assign(one?.['status'] ?? assert.fail('no status'), { replicas: 1 })
    assert.deepEqual(other?.['status'], {})
  })

  it('of a map: keys in order of their bytes, those that look like indexes too', () => {
    const schema = schemaOf('', 'v1', 'ConfigMap')
    const sent = '{"data":{"b":"1","9":"2","10":"3","toString":"4","__proto__":"5","\uff5e":"6","\ud83d\ude00":"7"}}'
    const wanted = '{"metadata":{},"data":{"10":"3","9":"2","__proto__":"5","b":"1","toString":"4","～":"6","😀":"7"}}'
    assert.equal(written(schema, sent), wanted)
    const object = canonicalObject(schema, decodeInto(schema, parseJson(sent).value).value, storedForm)
    const data = object['data'] as Record<string, string>
    delete data['10']
    data['a'] = '8'
    assert.equal(
      jsonText(canonicalObject(schema, object, storedForm)),
      wanted.replace('"10":"3","9":"2",', '"9":"2",').replace('"b":', '"a":"8","b":'),
    )
    assert.equal(JSON.stringify(structuredClone(data)), JSON.stringify(data))
    assert.match(prettyJsonText(object), /\n {4}"9": "2",\n {4}"__proto__": "5",\n {4}"a": "8",\n/)
  })

  it('of an embedded document: what was sent, without its spaces', () => {
    const schema = schemaOf('apps', 'v1', 'ControllerRevision')
    const data = '{"z":1.50,"b":123456789012345678901234567890,"a":{"2":null,"1":[1e2,-0.0]},"s":"\\u0041 \\" ","z":1}'
    const parsed = parseJson(`{"revision":1,"data":${data.replaceAll(',', ' ,\n')}}`)
    const { value } = decodeInto(schema, parsed.value, parsed.source)
    const object = canonicalObject(schema, value, storedForm)
    assert.equal(jsonText(object), `{"metadata":{},"data":${data},"revision":1}`)
    // A copy has numbers as JavaScript knows them.
    assert.match(jsonText(structuredClone(object)), /"data":\{"z":1,"b":1\.2345678901234568e\+29,/)
  })

  it('is what kubernetes/api has in testdata/HEAD', { skip: process.env['KUBETS_API_TESTDATA'] === undefined }, () => {
    const directory = process.env['KUBETS_API_TESTDATA'] ?? ''
    let count = 0
    for (const file of globSync('*.json', { cwd: directory })) {
      const text = readFileSync(`${directory}/${file}`, 'utf8')
      const { apiVersion = '', kind = '' } = parseJson(text).value as { apiVersion?: string; kind?: string }
      const slash = apiVersion.indexOf('/')
      const schema = schemaFor(apiVersion.slice(0, Math.max(slash, 0)), apiVersion.slice(slash + 1), kind)
      if (schema === undefined) continue
      const sent = careless(schema, parseJson(text).value)
      const canonical = canonicalObject(schema, decodeInto(schema, sent).value, storedForm)
      assert.equal(prettyJsonText(canonical), text.trimEnd(), file)
      count++
    }
    assert.ok(count >= 70, `${count} files`)
  })
})
