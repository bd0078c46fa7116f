import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isReason, StatusError } from '../../meta/status-error.ts'
import { type ObjectSchema, schemaFor } from '../../schema/schema.ts'
import type { KubeObject } from '../../types.ts'
import { type ApplyRequest, applyConfiguration, managerFromUserAgent } from './apply.ts'
import { fieldsV1FromSet, setFromFieldsV1 } from './field-set.ts'
import { keepTimesOfUnchanged, setManagers } from './managed-fields.ts'
import { ignoring, type VersionOf } from './ownership.ts'
import { trackUpdate } from './update.ts'

const deploymentSchema = (): ObjectSchema => {
  const schema = schemaFor('apps', 'v1', 'Deployment')
  assert.ok(schema)
  return schema
}
const schema = deploymentSchema()
const apiVersion = 'apps/v1'

const deployment = (spec: object, metadata: object = {}): KubeObject => ({
  apiVersion,
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default', ...metadata },
  spec,
})
const containers = (...list: object[]): object => ({ template: { spec: { containers: list } } })

const versionOf: VersionOf = (wanted) =>
  wanted === apiVersion ? { schema, ignored: ignoring([['status']]) } : undefined
const gvk = { group: 'apps', version: 'v1', kind: 'Deployment' }
const time = '2026-01-01T00:00:00Z'

const apply = (
  live: KubeObject | undefined,
  applied: KubeObject,
  manager = 'a',
  options: Partial<ApplyRequest> = {},
): KubeObject => {
  const request = { schema, gvk, live, applied, manager, force: false, time, apiVersion, subresource: '', versionOf }
  const { object, managers } = applyConfiguration({ ...request, ...options })
  const stored = structuredClone(object)
  setManagers(stored, managers)
  if (live !== undefined) keepTimesOfUnchanged(stored, live)
  return stored
}

const update = (before: KubeObject | undefined, after: KubeObject, manager = 'u', at = time): KubeObject => {
  const stored = structuredClone(after)
  trackUpdate({ before, after: stored, manager, time: at, apiVersion, subresource: '', versionOf })
  if (before !== undefined) keepTimesOfUnchanged(stored, before)
  return stored
}

const ownedBy = (object: KubeObject, manager: string): unknown =>
  object.metadata?.managedFields?.find((entry) => entry.manager === manager)?.fieldsV1
const failure = (run: () => unknown): StatusError => {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof StatusError)
    return error
  }
  throw new Error('nothing was thrown')
}

describe('server-side apply', () => {
  it('creates, and owns what was applied', () => {
    const object = apply(
      undefined,
      deployment(
        { replicas: 1, ...containers({ name: 'c', image: 'x', ports: [{ containerPort: 80 }] }) },
        { labels: { l: '1' } },
      ),
    )
    assert.deepEqual(object.metadata?.managedFields, [
      {
        manager: 'a',
        operation: 'Apply',
        apiVersion,
        time: '2026-01-01T00:00:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:metadata': { 'f:labels': { 'f:l': {} } },
          'f:spec': {
            'f:replicas': {},
            'f:template': {
              'f:spec': {
                'f:containers': {
                  'k:{"name":"c"}': {
                    '.': {},
                    'f:image': {},
                    'f:name': {},
                    'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
                  },
                },
              },
            },
          },
        },
      },
    ])
  })

  it('changes nothing when the same is applied again', () => {
    const config = deployment({ replicas: 1 })
    const first = apply(undefined, config)
    assert.deepEqual(apply(first, config, 'a', { time: '2026-02-02T00:00:00Z' }), first)
  })

  it('removes what is applied no more, and keeps what others own', () => {
    const first = apply(
      undefined,
      deployment(containers({ name: 'c', image: 'x', env: [{ name: 'A', value: '1' }] }), {
        labels: { l: '1', m: '2' },
      }),
    )
    const shared = apply(first, deployment({}, { labels: { m: '2' } }), 'b')
    const second = apply(shared, deployment(containers({ name: 'c', image: 'x' })))
    assert.deepEqual(second.spec, containers({ name: 'c', image: 'x' }))
    assert.deepEqual(second.metadata?.labels, { m: '2' })
    assert.deepEqual(ownedBy(second, 'b'), { 'f:metadata': { 'f:labels': { 'f:m': {} } }, 'f:spec': {} })
  })

  it('removes a list element with what the server filled in', () => {
    const first = apply(undefined, deployment(containers({ name: 'c', image: 'x' }, { name: 'd', image: 'y' })))
    const list = containers({ name: 'c', image: 'x' }, { name: 'd', image: 'y', imagePullPolicy: 'Always' })
    const defaulted = { ...first, spec: list }
    assert.deepEqual(
      apply(defaulted, deployment(containers({ name: 'c', image: 'x' }))).spec,
      containers({ name: 'c', image: 'x' }),
    )
  })

  it('refuses to change fields of others, and takes them over by force', () => {
    const live = update(undefined, deployment({ replicas: 1, minReadySeconds: 1 }), 'kubectl')
    const one = failure(() => apply(live, deployment({ replicas: 2 })))
    assert.ok(isReason(one, 'Conflict'))
    assert.equal(one.message, 'Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: .spec.replicas')
    assert.deepEqual(one.details?.causes, [
      { reason: 'FieldManagerConflict', message: 'conflict with "kubectl" using apps/v1', field: '.spec.replicas' },
    ])
    const two = failure(() => apply(live, deployment({ replicas: 2, minReadySeconds: 2 })))
    assert.equal(
      two.message,
      'Apply failed with 2 conflicts: conflicts with "kubectl" using apps/v1:\n- .spec.minReadySeconds\n- .spec.replicas',
    )
    const forced = apply(live, deployment({ replicas: 2 }), 'a', { force: true })
    assert.deepEqual(forced.spec, { replicas: 2, minReadySeconds: 1 })
    assert.deepEqual(ownedBy(forced, 'kubectl'), { 'f:spec': { 'f:minReadySeconds': {} } })
  })

  it('shares a field whose value both want', () => {
    const live = apply(undefined, deployment({ replicas: 1 }), 'a')
    const both = apply(live, deployment({ replicas: 1 }), 'b')
    assert.deepEqual(ownedBy(both, 'a'), { 'f:spec': { 'f:replicas': {} } })
    assert.deepEqual(ownedBy(both, 'b'), { 'f:spec': { 'f:replicas': {} } })
    assert.deepEqual(apply(both, deployment({}), 'a').spec, { replicas: 1 })
  })

  it('merges lists by key in the order of the configuration', () => {
    const live = update(
      undefined,
      deployment(containers({ name: 'x', image: '0' }, { name: 'c', image: '1' }, { name: 'y', image: '2' })),
    )
    const object = apply(live, deployment(containers({ name: 'n', image: '3' }, { name: 'c', command: ['sh'] })))
    assert.deepEqual(
      object.spec,
      containers(
        { name: 'x', image: '0' },
        { name: 'n', image: '3' },
        { name: 'c', image: '1', command: ['sh'] },
        { name: 'y', image: '2' },
      ),
    )
  })

  it('replaces atomic values whole', () => {
    const live = apply(undefined, deployment({ selector: { matchLabels: { a: '1', b: '2' } } }))
    assert.deepEqual(apply(live, deployment({ selector: { matchLabels: { a: '1' } } })).spec, {
      selector: { matchLabels: { a: '1' } },
    })
    assert.deepEqual(ownedBy(live, 'a'), { 'f:spec': { 'f:selector': {} } })
  })

  it('names fields that do not exist', () => {
    const error = failure(() => apply(undefined, deployment({ unknownField: 1 })))
    assert.equal(error.code, 500)
    assert.equal(
      error.message,
      'failed to create typed patch object (default/web; apps/v1, Kind=Deployment): .spec.unknownField: field not declared in schema',
    )
    assert.match(
      failure(() => apply(undefined, deployment({ replicas: 'x' }))).message,
      /\.spec\.replicas: expected numeric \(int or float\), got string$/,
    )
  })

  it('says where a configuration does not fit, in words that users know', () => {
    const problem = (spec: object, metadata: object = {}): string =>
      failure(() => apply(undefined, deployment(spec, metadata))).message.replace(/^.*Kind=Deployment\): /, '')
    assert.equal(
      problem({}, { labels: { a: 1 } }),
      '.metadata.labels.a: expected string, got &value.valueUnstructured{Value:1}',
    )
    assert.equal(problem({ template: [1] }), '.spec.template: expected map, got &{[1]}')
    assert.equal(
      problem(containers({ name: 'c', command: 'sh' })),
      '.spec.template.spec.containers[name="c"].command: expected list, got &{sh}',
    )
    assert.equal(
      problem(containers({ name: 'c' }, { name: 'c' })),
      '.spec.template.spec.containers: duplicate entries for key [name="c"]',
    )
    assert.equal(problem({}, { finalizers: ['a', 'a'] }), '.metadata.finalizers: duplicate entries for key [="a"]')
    assert.equal(
      problem({ paused: 'x', replicas: 'y' }),
      'errors:\n  .spec.paused: expected boolean, got &{x}\n  .spec.replicas: expected numeric (int or float), got string',
    )
  })
})

describe('managed fields of updates', () => {
  it('gives changed fields to who changed them', () => {
    const created = update(
      undefined,
      deployment({ replicas: 1, minReadySeconds: 5 }, { labels: { l: '1' }, uid: 'x' }),
      'a',
    )
    assert.deepEqual(ownedBy(created, 'a'), {
      'f:metadata': { 'f:labels': { '.': {}, 'f:l': {} } },
      'f:spec': { 'f:minReadySeconds': {}, 'f:replicas': {} },
    })
    const { minReadySeconds: _, ...spec } = created.spec as { minReadySeconds: number }
    const updated = update(created, { ...created, spec: { ...spec, replicas: 2 } }, 'b')
    assert.deepEqual(ownedBy(updated, 'b'), { 'f:spec': { 'f:replicas': {} } })
    assert.deepEqual(ownedBy(updated, 'a'), { 'f:metadata': { 'f:labels': { '.': {}, 'f:l': {} } } })
  })

  it('keeps entry and time where nothing changes', () => {
    const created = update(undefined, deployment({ replicas: 1 }))
    const again = update(created, created, 'u', '2030-01-01T00:00:00Z')
    assert.deepEqual(again.metadata?.managedFields, created.metadata?.managedFields)
  })

  it('folds the oldest of too many updaters', () => {
    let object = update(undefined, deployment({ replicas: 0 }), 'm0')
    for (let i = 1; i < 15; i++) {
      const labels = { ...object.metadata?.labels, [`l${i}`]: 'x' }
      const at = `2026-01-01T00:00:${String(i).padStart(2, '0')}Z`
      object = update(object, { ...object, metadata: { ...object.metadata, labels } }, `m${i}`, at)
    }
    const names = object.metadata?.managedFields?.map(({ manager }) => manager)
    assert.equal(names?.length, 10)
    assert.ok(names?.includes('ancient-changes') && names.includes('m14'))
  })
})

it('reads and writes FieldsV1', () => {
  const fields = {
    'f:a': { '.': {}, 'f:b': {}, 'k:{"x":1}': { '.': {}, 'f:c': {} }, 'v:"y"': {} },
    'f:z': { 'f:q': {} },
  }
  assert.deepEqual(fieldsV1FromSet(setFromFieldsV1(fields)), fields)
})

it('takes the manager from what stands before the slash of the User-Agent', () => {
  assert.equal(managerFromUserAgent('kubectl/v1.36.0 (linux/amd64) kubernetes/abc'), 'kubectl')
  assert.equal(managerFromUserAgent('a\u0007b c'), 'ab c')
  assert.equal(managerFromUserAgent('x'.repeat(200)).length, 128)
})
