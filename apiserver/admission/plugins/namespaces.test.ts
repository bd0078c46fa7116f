/** NamespaceLifecycle, NamespaceAutoProvision and NamespaceExists. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { StatusError } from '../../../api/meta/status-error.ts'
import { realClock } from '../../../component-base/clock.ts'
import type { Resource } from '../../registry/resource.ts'
import { type AdmissionFixture, createAdmissionFixture } from '../admission-fixture.ts'
import { namespaceAutoProvision } from './namespace-auto-provision.ts'
import { namespaceExists } from './namespace-exists.ts'
import { namespaceLifecycle } from './namespace-lifecycle.ts'

let fixture: AdmissionFixture
const inNamespace = (namespace: string) => ({ metadata: { name: 'c', namespace } })

before(async () => {
  fixture = await createAdmissionFixture()
  await fixture.put('namespaces', { metadata: { name: 'lives' }, status: { phase: 'Active' } })
  await fixture.put('namespaces', { metadata: { name: 'goes' }, status: { phase: 'Terminating' } })
})
after(() => fixture[Symbol.dispose]())

describe('NamespaceLifecycle', () => {
  const plugin = () => namespaceLifecycle(fixture.resource('namespaces'), realClock)
  const refusal = (request: Parameters<AdmissionFixture['refusal']>[1]) => fixture.refusal(plugin(), request)

  it('lets things be created in namespaces that live', async () => {
    assert.equal(await refusal({ resource: 'configmaps', object: inNamespace('lives') }), '')
    assert.equal(
      await refusal({ resource: 'configmaps', object: inNamespace('nowhere') }),
      'namespaces "nowhere" not found',
    )
    const error = await fixture
      .admit(plugin(), { resource: 'configmaps', object: inNamespace('goes') })
      .catch((caught) => caught)
    assert.ok(error instanceof StatusError)
    assert.equal(
      error.message,
      'configmaps "c" is forbidden: unable to create new content in namespace goes because it is being terminated',
    )
    assert.deepEqual(error.details?.causes, [
      { reason: 'NamespaceTerminating', message: 'namespace goes is being terminated', field: 'metadata.namespace' },
    ])
  })

  it('lets things be changed and deleted anywhere, and access be reviewed', async () => {
    const object = inNamespace('goes')
    assert.equal(await refusal({ operation: 'UPDATE', resource: 'configmaps', object, oldObject: object }), '')
    assert.equal(await refusal({ operation: 'DELETE', resource: 'configmaps', oldObject: object }), '')
    const review = { resource: 'localsubjectaccessreviews.authorization.k8s.io', object: inNamespace('nowhere') }
    assert.equal(await refusal(review), '')
  })

  it('does not believe its cache that a namespace lives whose deletion was asked for here', async () => {
    let now = 0
    const phases = { cached: 'Active', live: 'Terminating' }
    const entry = (phase: string) => Promise.resolve({ object: { metadata: { name: 'n' }, status: { phase } } })
    const store = { getCached: () => entry(phases.cached), getLive: () => entry(phases.live) }
    const stale = { store, groupResource: { group: '', resource: 'namespaces' } } as unknown as Resource
    const lagging = namespaceLifecycle(stale, { ...realClock, now: () => now })
    const create = () => fixture.refusal(lagging, { resource: 'configmaps', object: inNamespace('n') })
    assert.equal(await create(), '')
    await fixture.admit(lagging, {
      operation: 'DELETE',
      resource: 'namespaces',
      oldObject: { metadata: { name: 'n' } },
    })
    assert.match(await create(), /because it is being terminated$/)
    phases.live = 'Active'
    assert.equal(await create(), '')
    phases.live = 'Terminating'
    now += 30_000
    assert.equal(await create(), '')
  })

  it('keeps the namespaces of the system', async () => {
    const remove = (name: string) =>
      refusal({ operation: 'DELETE', resource: 'namespaces', oldObject: { metadata: { name } } })
    for (const name of ['default', 'kube-system', 'kube-public'])
      assert.equal(await remove(name), `namespaces "${name}" is forbidden: this namespace may not be deleted`)
    assert.equal(await remove('kube-node-lease'), '')
  })
})

describe('NamespaceAutoProvision', () => {
  it('makes the namespace, but not in a dry run', async () => {
    const plugin = namespaceAutoProvision(fixture.resource('namespaces'))
    const { store } = fixture.resource('namespaces')
    await fixture.admit(plugin, { resource: 'configmaps', object: inNamespace('dry'), dryRun: true })
    assert.equal(await store.getLive('dry'), undefined)
    await fixture.admit(plugin, { resource: 'configmaps', object: inNamespace('fresh') })
    await fixture.admit(plugin, { resource: 'configmaps', object: inNamespace('fresh') })
    const made = (await store.getLive('fresh'))?.object
    assert.deepEqual(made?.metadata?.labels, { 'kubernetes.io/metadata.name': 'fresh' })
    assert.deepEqual(made?.['spec'], { finalizers: ['kubernetes'] })
    await fixture.admit(plugin, { resource: 'namespaces', object: { metadata: { name: 'itself' } } })
    assert.equal(await store.getLive('itself'), undefined)
  })
})

describe('NamespaceExists', () => {
  it('demands the namespace for every operation', async () => {
    const plugin = namespaceExists(fixture.resource('namespaces'))
    for (const operation of ['CREATE', 'UPDATE', 'DELETE'] as const) {
      const requests = (namespace: string) => ({ operation, resource: 'configmaps', object: inNamespace(namespace) })
      assert.equal(await fixture.refusal(plugin, requests('nowhere')), 'namespaces "nowhere" not found')
      assert.equal(await fixture.refusal(plugin, requests('lives')), '')
    }
    assert.equal(await fixture.refusal(plugin, { resource: 'namespaces', object: { metadata: { name: 'x' } } }), '')
  })
})
