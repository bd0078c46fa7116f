import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StatusError } from '../meta/status-error.ts'
import { type ObjectSchema, schemaFor } from '../schema/schema.ts'
import { applyStrategicMergePatch } from './strategic-merge-patch.ts'

const schemaOf = (group: string, kind: string): ObjectSchema => {
  const schema = schemaFor(group, 'v1', kind)
  assert.ok(schema)
  return schema
}
const pod = schemaOf('', 'Pod')
const deployment = schemaOf('apps', 'Deployment')
const containers = (...list: object[]): object => ({ spec: { containers: list } })
const a = { name: 'a', image: 'x' }
const b = { name: 'b', image: 'y' }
const c = { name: 'c', image: 'z' }

const failure = (schema: ObjectSchema, original: object, patch: unknown): string => {
  try {
    applyStrategicMergePatch(schema, original, patch)
  } catch (error) {
    assert.ok(error instanceof StatusError)
    return `${error.code} ${error.message}`
  }
  return ''
}

describe('strategic merge patch', () => {
  const cases: readonly (readonly [string, ObjectSchema, object, object, object])[] = [
    [
      'merges a list by its key and puts the patched element where the server had it',
      pod,
      containers(a, b),
      containers({ name: 'b', image: 'new' }),
      containers(a, { name: 'b', image: 'new' }),
    ],
    ['puts an element with a new key first, as upstream does', pod, containers(a), containers(c), containers(c, a)],
    ['deletes an element', pod, containers(a, b), containers({ name: 'a', $patch: 'delete' }), containers(b)],
    ['replaces a list', pod, containers(a, b), containers({ $patch: 'replace' }, c), containers(c)],
    [
      'replaces an object',
      pod,
      { metadata: { labels: { x: '1' } } },
      { metadata: { labels: { $patch: 'replace', y: '2' } } },
      { metadata: { labels: { y: '2' } } },
    ],
    [
      'empties an object',
      pod,
      { metadata: { labels: { x: '1' }, name: 'p' } },
      { metadata: { labels: { $patch: 'delete' } } },
      { metadata: { labels: {}, name: 'p' } },
    ],
    [
      'deletes by null',
      pod,
      { metadata: { labels: { x: '1', y: '2' } } },
      { metadata: { labels: { x: null } } },
      { metadata: { labels: { y: '2' } } },
    ],
    [
      'drops nulls of new objects',
      pod,
      {},
      { metadata: { labels: { x: null, y: '1' } } },
      { metadata: { labels: { y: '1' } } },
    ],
    [
      'replaces an atomic list',
      pod,
      containers({ ...a, args: ['1', '2'] }),
      containers({ name: 'a', args: ['3'] }),
      containers({ ...a, args: ['3'] }),
    ],
    [
      'merges a list of primitives as a set',
      pod,
      { metadata: { finalizers: ['a', 'b'] } },
      { metadata: { finalizers: ['c', 'b'] } },
      { metadata: { finalizers: ['c', 'a', 'b'] } },
    ],
    [
      'deletes from a list of primitives',
      pod,
      { metadata: { finalizers: ['a', 'b', 'c'] } },
      { metadata: { '$deleteFromPrimitiveList/finalizers': ['a', 'c'] } },
      { metadata: { finalizers: ['b'] } },
    ],
    [
      'orders by $setElementOrder',
      pod,
      containers(a, b, c),
      { spec: { '$setElementOrder/containers': [{ name: 'c' }, { name: 'a' }, { name: 'b' }] } },
      containers(c, a, b),
    ],
    [
      'keeps what only the server has at its place',
      pod,
      containers(a, b, c),
      {
        spec: {
          '$setElementOrder/containers': [{ name: 'd' }, { name: 'c' }],
          containers: [{ name: 'd', image: 'd' }],
        },
      },
      containers({ name: 'd', image: 'd' }, a, b, c),
    ],
    [
      'orders primitives',
      pod,
      { metadata: { finalizers: ['a', 'b'] } },
      { metadata: { '$setElementOrder/finalizers': ['b', 'c', 'a'], finalizers: ['c'] } },
      { metadata: { finalizers: ['b', 'c', 'a'] } },
    ],
    [
      'retains only the named keys of a union',
      deployment,
      { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } },
      { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
      { spec: { strategy: { type: 'Recreate' } } },
    ],
    [
      'switches the source of a volume',
      pod,
      { spec: { volumes: [{ name: 'v', emptyDir: {} }] } },
      { spec: { volumes: [{ name: 'v', $retainKeys: ['name', 'hostPath'], hostPath: { path: '/x' } }] } },
      { spec: { volumes: [{ name: 'v', hostPath: { path: '/x' } }] } },
    ],
    [
      'merges keys that are numbers',
      pod,
      containers({ ...a, ports: [{ containerPort: 80 }] }),
      containers({ name: 'a', ports: [{ containerPort: 80, name: 'http' }, { containerPort: 81 }] }),
      containers({ ...a, ports: [{ containerPort: 80, name: 'http' }, { containerPort: 81 }] }),
    ],
    [
      'merges data without schema like plain JSON',
      schemaOf('apps', 'ControllerRevision'),
      { data: { x: { y: 1 }, l: [1] } },
      { data: { x: { z: 2 }, l: [2] } },
      { data: { x: { y: 1, z: 2 }, l: [2] } },
    ],
    [
      'drops directives of what is new',
      pod,
      {},
      {
        spec: {
          volumes: [
            { name: 'v', $retainKeys: ['name'] },
            { name: 'w', $patch: 'delete' },
          ],
        },
      },
      { spec: { volumes: [{ name: 'v' }] } },
    ],
  ]
  for (const [name, schema, original, patch, expected] of cases) {
    it(name, () => {
      const before = JSON.stringify([original, patch])
      assert.deepEqual(applyStrategicMergePatch(schema, original, patch), expected)
      assert.equal(JSON.stringify([original, patch]), before)
    })
  }

  it('answers as upstream where a patch is malformed', () => {
    assert.equal(
      failure(pod, containers(a), containers({ image: 'foo' })),
      '500 map: map[image:foo] does not contain declared merge key: name',
    )
    assert.equal(
      failure(pod, { spec: {} }, { spec: { $patch: 'spam' } }),
      '500 unknown patch type: spam in map: map[$patch:spam]',
    )
    assert.equal(
      failure(pod, { foo: {} }, { foo: {} }),
      '500 unable to find api field in struct Pod for the json field "foo"',
    )
    assert.equal(failure(pod, {}, []), '400 invalid JSON document')
    assert.match(
      failure(deployment, { spec: {} }, { spec: { strategy: 1, $retainKeys: ['x'] } }),
      /^400 invalid patch format of retainKeys/,
    )
    assert.match(
      failure(pod, containers(a, b), { spec: { '$setElementOrder/containers': [{ name: 'b' }], containers: [a] } }),
      /^500 The order in patch list:\n/,
    )
  })

  it('keeps __proto__ a field', () => {
    const patched = applyStrategicMergePatch(
      pod,
      {},
      JSON.parse('{"metadata":{"labels":{"__proto__":{"evil":1}}},"__proto__":{"evil":1}}'),
    )
    assert.equal(patched.evil, undefined)
    assert.equal(({} as { evil?: unknown }).evil, undefined)
  })
})
