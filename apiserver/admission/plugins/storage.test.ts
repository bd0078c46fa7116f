/** DefaultStorageClass, DefaultIngressClass, StorageObjectInUseProtection and PersistentVolumeClaimResize. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Ingress, KubeObject, PersistentVolumeClaim } from '../../../api/types.ts'
import { type AdmissionFixture, createAdmissionFixture } from '../admission-fixture.ts'
import { defaultIngressClass } from './default-ingress-class.ts'
import { defaultStorageClass } from './default-storage-class.ts'
import { persistentVolumeClaimResize } from './persistent-volume-claim-resize.ts'
import { storageObjectInUseProtection } from './storage-object-in-use-protection.ts'

let fixture: AdmissionFixture
before(async () => {
  fixture = await createAdmissionFixture()
})
after(() => fixture[Symbol.dispose]())

const aClaim = (spec: object = {}, metadata: object = {}, status: object = {}): KubeObject => ({
  metadata: { name: 'c', namespace: 'ns', ...metadata },
  spec,
  status,
})

describe('DefaultStorageClass and DefaultIngressClass', () => {
  const marked = (name: string, mark: string, creationTimestamp: string): KubeObject => ({
    metadata: { name, creationTimestamp, annotations: { [mark]: 'true' } },
  })

  it('choose the newest that is marked, of equals the first by name, where nothing is chosen', async () => {
    const storage = 'storageclasses.storage.k8s.io'
    const choose = async (spec: object, annotations: Record<string, string> = {}) => {
      const plugin = defaultStorageClass(fixture.resource(storage))
      const { object } = await fixture.admit(plugin, {
        resource: 'persistentvolumeclaims',
        object: aClaim(spec, { annotations }),
      })
      return (object as PersistentVolumeClaim).spec?.storageClassName
    }
    assert.equal(await choose({}), undefined)
    await fixture.put(storage, marked('old', 'storageclass.kubernetes.io/is-default-class', '2026-01-01T00:00:00Z'))
    await fixture.put(storage, marked('z', 'storageclass.kubernetes.io/is-default-class', '2026-01-02T00:00:00Z'))
    await fixture.put(storage, marked('b', 'storageclass.beta.kubernetes.io/is-default-class', '2026-01-02T00:00:00Z'))
    await fixture.put(storage, { metadata: { name: 'a', creationTimestamp: '2026-01-03T00:00:00Z' } })
    assert.equal(await choose({}), 'b')
    assert.equal(await choose({ storageClassName: '' }), '')
    assert.equal(await choose({}, { 'volume.beta.kubernetes.io/storage-class': 'x' }), undefined)
  })

  it('do so for Ingresses', async () => {
    const classes = 'ingressclasses.networking.k8s.io'
    const choose = async (spec: object, annotations: Record<string, string> = {}) => {
      const plugin = defaultIngressClass(fixture.resource(classes))
      const ingress = { metadata: { name: 'i', namespace: 'ns', annotations }, spec }
      const { object } = await fixture.admit(plugin, { resource: 'ingresses.networking.k8s.io', object: ingress })
      return (object as Ingress).spec?.ingressClassName
    }
    assert.equal(await choose({}), undefined)
    await fixture.put(classes, marked('one', 'ingressclass.kubernetes.io/is-default-class', '2026-01-01T00:00:00Z'))
    await fixture.put(classes, marked('two', 'ingressclass.kubernetes.io/is-default-class', '2026-01-02T00:00:00Z'))
    assert.equal(await choose({}), 'two')
    assert.equal(await choose({ ingressClassName: 'mine' }), 'mine')
    assert.equal(await choose({}, { 'kubernetes.io/ingress.class': 'nginx' }), undefined)
  })
})

describe('StorageObjectInUseProtection', () => {
  it('adds the finalizers once', async () => {
    const finalizers = async (resource: string, given: string[] = []) =>
      (await fixture.admit(storageObjectInUseProtection, { resource, object: aClaim({}, { finalizers: given }) }))
        .object?.metadata?.finalizers
    assert.deepEqual(await finalizers('persistentvolumeclaims', ['a']), ['a', 'kubernetes.io/pvc-protection'])
    assert.deepEqual(await finalizers('persistentvolumes', ['kubernetes.io/pv-protection']), [
      'kubernetes.io/pv-protection',
    ])
    assert.deepEqual(await finalizers('configmaps'), [])
  })
})

describe('PersistentVolumeClaimResize', () => {
  it('lets bound claims grow whose class allows it', async () => {
    const classes = 'storageclasses.storage.k8s.io'
    await fixture.put(classes, { metadata: { name: 'grows' }, allowVolumeExpansion: true })
    await fixture.put(classes, { metadata: { name: 'fixed' } })
    const refusal = (
      from: string,
      to: string,
      storageClassName: string | undefined,
      phase = 'Bound',
      newClass = storageClassName,
    ) => {
      const claim = (storage: string, name: string | undefined) =>
        aClaim(
          { resources: { requests: { storage } }, ...(name === undefined ? {} : { storageClassName: name }) },
          {},
          { phase },
        )
      return fixture.refusal(persistentVolumeClaimResize(fixture.resource(classes)), {
        operation: 'UPDATE',
        resource: 'persistentvolumeclaims',
        object: claim(to, newClass),
        oldObject: claim(from, storageClassName),
      })
    }
    const says = (text: string) => `persistentvolumeclaims "c" is forbidden: ${text}`
    const cannot = says(
      'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
    )
    assert.equal(await refusal('1Gi', '2Gi', 'grows'), '')
    assert.equal(await refusal('1Gi', '1024Mi', 'fixed'), '')
    assert.equal(await refusal('2Gi', '1Gi', 'fixed'), '')
    assert.equal(await refusal('1Gi', '2Gi', 'fixed'), cannot)
    assert.equal(await refusal('1Gi', '2Gi', 'gone'), cannot)
    assert.equal(await refusal('1Gi', '2Gi', undefined), cannot)
    assert.equal(await refusal('1Gi', '2Gi', 'grows', 'Bound', 'other'), cannot)
    assert.equal(
      await refusal('1Gi', '2Gi', 'grows', 'Pending'),
      says('Only bound persistent volume claims can be expanded'),
    )
  })
})
