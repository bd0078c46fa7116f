import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { KubeObject, Pod } from '../../../api/types.ts'
import { type AdmissionFixture, createAdmissionFixture, type TestRequest } from '../admission-fixture.ts'
import { limitRanger } from './limit-ranger.ts'

let fixture: AdmissionFixture

const aRange = (namespace: string, name: string, ...limits: object[]): KubeObject =>
  ({ metadata: { name, namespace }, spec: { limits } }) as KubeObject

type Resources = { requests?: Record<string, string>; limits?: Record<string, string> }

const aPod = (namespace: string, resources: Resources = {}, more: object = {}): KubeObject =>
  ({ metadata: { name: 'p', namespace }, spec: { containers: [{ name: 'c', resources }], ...more } }) as KubeObject

const plugin = () => limitRanger(fixture.resource('limitranges'))
const refusal = (request: TestRequest): Promise<string> => fixture.refusal(plugin(), request)

before(async () => {
  fixture = await createAdmissionFixture()
  await fixture.put(
    'limitranges',
    aRange('defaults', 'a', { type: 'Container', default: { cpu: '2' }, defaultRequest: { cpu: '1', memory: '1Gi' } }),
  )
  await fixture.put(
    'limitranges',
    aRange('bounds', 'a', { type: 'Container', min: { cpu: '100m' }, max: { cpu: '1', memory: '1Gi' } }),
  )
  await fixture.put('limitranges', aRange('pods', 'a', { type: 'Pod', max: { cpu: '1' } }))
  await fixture.put('limitranges', aRange('ratio', 'a', { type: 'Container', maxLimitRequestRatio: { cpu: '1500m' } }))
  await fixture.put(
    'limitranges',
    aRange('claims', 'a', { type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '2Gi' } }),
  )
  await fixture.put('limitranges', aRange('two', 'a', { type: 'Container', max: { cpu: '1' } }))
  await fixture.put('limitranges', aRange('two', 'b', { type: 'Container', max: { cpu: '2' } }))
})
after(() => fixture[Symbol.dispose]())

describe('LimitRanger', () => {
  it('gives containers what they do not say, and notes it', async () => {
    const pod = aPod(
      'defaults',
      { limits: { cpu: '500m' }, requests: { cpu: '500m' } },
      { initContainers: [{ name: 'i' }] },
    )
    const { object } = await fixture.admit(plugin(), { resource: 'pods', object: pod })
    const { spec, metadata } = object as Pod
    assert.deepEqual(spec?.containers[0]?.resources, {
      requests: { cpu: '500m', memory: '1Gi' },
      limits: { cpu: '500m' },
    })
    assert.deepEqual(spec?.initContainers?.[0]?.resources, {
      requests: { cpu: '1', memory: '1Gi' },
      limits: { cpu: '2' },
    })
    assert.equal(
      metadata?.annotations?.['kubernetes.io/limit-ranger'],
      'LimitRanger plugin set: memory request for container c; cpu, memory request for init container i; cpu limit for init container i',
    )
  })

  const says = (text: string): string => `pods "p" is forbidden: ${text}`
  const rows: readonly [namespace: string, resources: Resources, says: string][] = [
    ['bounds', { requests: { cpu: '100m' }, limits: { cpu: '1', memory: '1Gi' } }, ''],
    [
      'bounds',
      { requests: { cpu: '50m' }, limits: { cpu: '1', memory: '1Gi' } },
      says('minimum cpu usage per Container is 100m, but request is 50m'),
    ],
    [
      'bounds',
      { limits: { cpu: '50m' } },
      says(
        '[minimum cpu usage per Container is 100m.  No request is specified, maximum memory usage per Container is 1Gi.  No limit is specified]',
      ),
    ],
    [
      'bounds',
      { requests: { cpu: '2', memory: '2Gi' }, limits: { cpu: '2', memory: '1Gi' } },
      says(
        '[maximum cpu usage per Container is 1, but limit is 2, maximum memory usage per Container is 1Gi, but request is 2Gi]',
      ),
    ],
    ['ratio', { requests: { cpu: '1' }, limits: { cpu: '1500m' } }, ''],
    [
      'ratio',
      { requests: { cpu: '1' }, limits: { cpu: '2' } },
      says('cpu max limit to request ratio per Container is 1500m, but provided ratio is 2.000000'),
    ],
    [
      'ratio',
      { limits: { cpu: '2' } },
      says('cpu max limit to request ratio per Container is 1500m, but no request is specified or request is 0'),
    ],
    [
      'ratio',
      { requests: { cpu: '2' } },
      says('cpu max limit to request ratio per Container is 1500m, but no limit is specified or limit is 0'),
    ],
    ['pods', { requests: { cpu: '1' }, limits: { cpu: '2' } }, says('maximum cpu usage per Pod is 1, but limit is 2')],
    ['pods', {}, says('maximum cpu usage per Pod is 1.  No limit is specified')],
    // The first range that objects is heard.
    ['two', { limits: { cpu: '3' } }, says('maximum cpu usage per Container is 1, but limit is 3')],
    ['none', {}, ''],
  ]
  for (const [namespace, resources, expected] of rows) {
    it(`bounds ${JSON.stringify(resources)} in ${namespace}`, async () => {
      assert.equal(await refusal({ resource: 'pods', object: aPod(namespace, resources) }), expected)
    })
  }

  it('does not count overhead, and counts what a Pod asks for as a whole', async () => {
    const pod = aPod('pods', { limits: { cpu: '1' } }, { overhead: { cpu: '1' } })
    assert.equal(await refusal({ resource: 'pods', object: pod }), '')
    const whole = aPod('pods', { limits: { cpu: '1' } }, { resources: { limits: { cpu: '3' } } })
    assert.equal(
      await refusal({ resource: 'pods', object: whole }),
      says('maximum cpu usage per Pod is 1, but limit is 3'),
    )
  })

  it('bounds resizes, and no other update of a Pod', async () => {
    const change = { object: aPod('pods', { limits: { cpu: '2' } }), oldObject: aPod('pods', { limits: { cpu: '1' } }) }
    assert.equal(await refusal({ operation: 'UPDATE', resource: 'pods', ...change }), '')
    assert.equal(await refusal({ operation: 'UPDATE', resource: 'pods/status', ...change }), '')
    assert.equal(
      await refusal({ operation: 'UPDATE', resource: 'pods/resize', ...change }),
      says('maximum cpu usage per Pod is 1, but limit is 2'),
    )
    const going = {
      ...change.oldObject,
      metadata: { ...change.oldObject.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
    }
    assert.equal(await refusal({ operation: 'UPDATE', resource: 'pods/resize', ...change, oldObject: going }), '')
  })

  it('bounds claims by what they request, when they change too', async () => {
    const claim = (requests: Record<string, string>): KubeObject =>
      ({ metadata: { name: 'c', namespace: 'claims' }, spec: { resources: { requests } } }) as KubeObject
    const resource = 'persistentvolumeclaims'
    assert.equal(await refusal({ resource, object: claim({ storage: '1Gi' }) }), '')
    assert.equal(
      await refusal({
        operation: 'UPDATE',
        resource,
        object: claim({ storage: '3Gi' }),
        oldObject: claim({ storage: '1Gi' }),
      }),
      'persistentvolumeclaims "c" is forbidden: maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi',
    )
    assert.equal(
      await refusal({ resource, object: claim({}) }),
      'persistentvolumeclaims "c" is forbidden: [minimum storage usage per PersistentVolumeClaim is 1Gi.  No request is specified, maximum storage usage per PersistentVolumeClaim is 2Gi.  No request is specified]',
    )
  })
})
