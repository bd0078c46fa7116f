import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StatusError } from '../meta/status-error.ts'
import { schemaFor, type ObjectSchema } from '../schema/schema.ts'
import { decodeInto, strictProblems } from './decode.ts'
import { parseJson } from './json.ts'
import { parseYaml } from './yaml.ts'

const schemaOf = (group: string, kind: string, version = 'v1'): ObjectSchema => {
  const schema = schemaFor(group, version, kind)
  assert.ok(schema)
  return schema
}

const failure = (schema: ObjectSchema, object: unknown): string => {
  try {
    decodeInto(schema, object)
  } catch (error) {
    assert.ok(error instanceof StatusError)
    assert.equal(error.code, 400)
    return error.message
  }
  return ''
}

describe('decodeInto', () => {
  it('drops unknown fields and tells where they were', () => {
    const { value, unknownFields } = decodeInto(
      schemaOf('apps', 'Deployment'),
      JSON.parse(`{"kind":"Deployment","__proto__":{"evil":1},"spec":{"foo":1,"replicas":2,
        "template":{"spec":{"containers":[{"name":"a","bogus":{}},{"name":"b","Image":"x"}]}}},"metadata":{"constructor":1}}`),
    )
    assert.deepEqual(unknownFields, [
      '__proto__',
      'spec.foo',
      'spec.template.spec.containers[0].bogus',
      'spec.template.spec.containers[1].Image',
      'metadata.constructor',
    ])
    assert.deepEqual(value, {
      kind: 'Deployment',
      spec: { replicas: 2, template: { spec: { containers: [{ name: 'a' }, { name: 'b' }] } } },
      metadata: {},
    })
    assert.equal((value as { evil?: unknown }).evil, undefined)
  })

  it('makes times, quantities and nulls canonical', () => {
    const { value } = decodeInto(schemaOf('', 'Pod'), {
      metadata: {
        creationTimestamp: null,
        deletionTimestamp: '2026-01-01T02:00:00.5+02:00',
        labels: {},
        annotations: { a: null },
      },
      spec: {
        nodeSelector: {},
        containers: [
          { name: 'a', env: [], resources: { limits: { cpu: 0.5, memory: '1.5Gi' }, requests: { cpu: '1000m' } } },
        ],
        volumes: [{ name: 'v', emptyDir: {} }],
      },
    })
    assert.deepEqual(value, {
      metadata: { deletionTimestamp: '2026-01-01T00:00:00Z', annotations: { a: '' } },
      spec: {
        containers: [{ name: 'a', resources: { limits: { cpu: '500m', memory: '1536Mi' }, requests: { cpu: '1' } } }],
        volumes: [{ name: 'v', emptyDir: {} }],
      },
    })
  })

  it('keeps required lists that are empty, and anything inside a RawExtension', () => {
    const role = decodeInto(schemaOf('rbac.authorization.k8s.io', 'ClusterRole'), { rules: [{ verbs: [] }] })
    assert.deepEqual(role.value, { rules: [{ verbs: [] }] })
    const revision = { revision: 1, data: { x: null, y: {} } }
    assert.deepEqual(decodeInto(schemaOf('apps', 'ControllerRevision'), revision).value, {
      revision: 1,
      data: { x: null, y: {} },
    })
  })

  const messages: readonly (readonly [string, string, object, string])[] = [
    [
      'apps',
      'Deployment',
      { apiVersion: 'apps/v1', kind: 'Deployment', spec: { replicas: 'three' } },
      'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      '',
      'Pod',
      { spec: { containers: [{ env: [{ name: 'A', value: 1 }] }] } },
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string',
    ],
    [
      '',
      'Pod',
      { spec: { containers: {} } },
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container',
    ],
    [
      '',
      'Pod',
      { metadata: { labels: { a: true } } },
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string',
    ],
    [
      'apps',
      'Deployment',
      { spec: { replicas: 1.5 } },
      'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      '',
      'Pod',
      { metadata: { creationTimestamp: 'soon' } },
      'Pod in version "v1" cannot be handled as a Pod: parsing time "soon" as "2006-01-02T15:04:05Z07:00": cannot parse "soon" as "2006"',
    ],
    [
      '',
      'Pod',
      { spec: { containers: [{ resources: { limits: { cpu: 'lots' } } }] } },
      'Pod in version "v1" cannot be handled as a Pod: quantities must match the regular expression \'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$\'',
    ],
    [
      '',
      'Secret',
      { data: { a: 'not base64!' } },
      'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 3',
    ],
    [
      '',
      'Service',
      { spec: { ports: [{ targetPort: true }] } },
      'Service in version "v1" cannot be handled as a Service: json: cannot unmarshal bool into Go value of type int32',
    ],
  ]
  for (const [group, kind, object, message] of messages) {
    it(`says: ${message.slice(message.indexOf(': ') + 2, 140)}`, () =>
      assert.equal(failure(schemaOf(group, kind), object), message))
  }

  it('shows numbers as they were written', () => {
    const message = (member: string): string => {
      const { value, source } = parseJson(`{"spec":{${member}}}`)
      try {
        decodeInto(schemaOf('', 'Pod'), value, source)
      } catch (error) {
        return error instanceof Error ? error.message.replace(/^.*?unmarshal /, '') : ''
      }
      return ''
    }
    const into = (name: string, type: string): string => `into Go struct field PodSpec.spec.${name} of type ${type}`
    const seconds = into('activeDeadlineSeconds', 'int64')
    for (const literal of ['1.50', '1.0', '1e2', '9223372036854775808', '99999999999999999999']) {
      assert.equal(message(`"activeDeadlineSeconds":${literal}`), `number ${literal} ${seconds}`)
    }
    assert.equal(message('"priority":2147483648'), `number 2147483648 ${into('priority', 'int32')}`)
    assert.equal(message('"activeDeadlineSeconds":9223372036854775807,"priority":-0'), '')
  })

  it('checks the unions of JSONSchemaProps', () => {
    const crd = (schema: object): object => ({ spec: { versions: [{ schema: { openAPIV3Schema: schema } }] } })
    const schema = schemaOf('apiextensions.k8s.io', 'CustomResourceDefinition')
    const good = decodeInto(
      schema,
      crd({ additionalProperties: true, items: { type: 'string' }, default: { a: null } }),
    )
    assert.deepEqual(good.unknownFields, [])
    assert.match(failure(schema, crd({ additionalProperties: 'x' })), /boolean or JSON schema expected/)
    assert.deepEqual(decodeInto(schema, crd({ properties: { a: { nope: 1 } } })).unknownFields, [
      'spec.versions[0].schema.openAPIV3Schema.properties.a.nope',
    ])
  })
})

describe('strictProblems', () => {
  const schema = (): ObjectSchema => schemaOf('apps', 'Deployment')

  it('of JSON come in the order of the text, an unknown field once', () => {
    const parsed = parseJson(`{"spec":{"zero":1,"dupe":1,"dupe":2,"paused":true,"paused":false,
      "template":{"spec":{"containers":[{"name":"a","nested":1,"image":"b","image":"c"}]}}},"extra":1}`)
    const { unknownFields } = decodeInto(schema(), parsed.value)
    assert.deepEqual(strictProblems(unknownFields, parsed), [
      'unknown field "spec.zero"',
      'unknown field "spec.dupe"',
      'duplicate field "spec.paused"',
      'unknown field "spec.template.spec.containers[0].nested"',
      'duplicate field "spec.template.spec.containers[0].image"',
      'unknown field "extra"',
    ])
  })

  it('of YAML come with duplicates first, then unknown fields sorted', () => {
    const parsed = parseYaml(
      'spec:\n  zero: 1\n  dupe: 1\n  dupe: 2\n  template: {spec: {containers: [{name: a, nested: 1}]}}\nextra: 1\n',
    )
    const { unknownFields } = decodeInto(schema(), parsed.value)
    assert.deepEqual(strictProblems(unknownFields, parsed), [
      'yaml: unmarshal errors:\n  line 4: key "dupe" already set in map',
      'unknown field "extra"',
      'unknown field "spec.dupe"',
      'unknown field "spec.template.spec.containers[0].nested"',
      'unknown field "spec.zero"',
    ])
  })
})
