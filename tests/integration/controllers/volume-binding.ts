/** Claims and volumes that find each other, lose each other, and are made for each other; the test is the provisioner. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { events, persistentVolumeClaims, persistentVolumes, storageClasses } from '../../../api/resources.ts'
import type { PersistentVolume, PersistentVolumeClaim } from '../../../api/types.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { waitFor } from '../../harness/wait.ts'
import { makeNamespace } from '../api-machinery/fixtures.ts'

const namespace = 'binding'
const driver = 'disk.example.com'

export const describeVolumeBinding = (running: Running): void => {
  describe('claims and volumes', () => {
    let client: RestClient
    before(async () => {
      client = running().client
      await makeNamespace(client, namespace)
    })

    const createClaim = (name: string, spec: object = {}): Promise<PersistentVolumeClaim> =>
      client.create(persistentVolumeClaims, {
        metadata: { name, namespace },
        spec: {
          accessModes: ['ReadWriteOnce'],
          storageClassName: 'none',
          resources: { requests: { storage: '1Gi' } },
          ...spec,
        },
      })
    const createVolume = (name: string, spec: object = {}, annotations = {}): Promise<PersistentVolume> =>
      client.create(persistentVolumes, {
        metadata: { name, annotations },
        spec: {
          capacity: { storage: '1Gi' },
          accessModes: ['ReadWriteOnce'],
          storageClassName: 'none',
          csi: { driver, volumeHandle: name },
          ...spec,
        },
      })
    const claim = (name: string) => client.get(persistentVolumeClaims, name, namespace)
    const volume = (name: string) => client.get(persistentVolumes, name)
    const claimIs = (name: string, phase: string) =>
      waitFor(
        async () => {
          const found = await claim(name)
          return found.status?.phase === phase ? found : undefined
        },
        { what: `claim ${name} to be ${phase}` },
      )
    const volumeIs = (name: string, phase: string) =>
      waitFor(
        async () => {
          const found = await volume(name)
          return found.status?.phase === phase ? found : undefined
        },
        { what: `volume ${name} to be ${phase}` },
      )
    const eventOf = (reason: string, text = '') =>
      waitFor(
        async () =>
          (await client.list(events)).items.find((one) => one.reason === reason && one.message?.includes(text)),
        { what: `an event ${reason}` },
      )

    it('wait until one comes, and tell what they got', async () => {
      await createClaim('waits')
      await claimIs('waits', 'Pending')
      await eventOf('ProvisioningFailed', 'storageclass.storage.k8s.io "none" not found')
      await createVolume('comes', { capacity: { storage: '5Gi' } })
      const bound = await claimIs('waits', 'Bound')
      assert.equal(bound.spec?.volumeName, 'comes')
      assert.deepEqual(bound.status?.capacity, { storage: '5Gi' })
      assert.equal(bound.metadata?.annotations?.['pv.kubernetes.io/bind-completed'], 'yes')
      assert.equal((await volumeIs('comes', 'Bound')).spec?.claimRef?.uid, bound.metadata?.uid)
    })

    it('keep data that nobody claims any more, until a person says that it may be used again', async () => {
      await client.delete(persistentVolumeClaims, 'waits', namespace)
      await volumeIs('comes', 'Released')
      await createClaim('next')
      await claimIs('next', 'Pending')
      await client.patch(persistentVolumes, 'comes', undefined, { spec: { claimRef: null } }, { type: 'merge' })
      assert.equal((await claimIs('next', 'Bound')).spec?.volumeName, 'comes')
    })

    it('say Failed where nobody can reclaim as is asked', async () => {
      for (const [policy, reason] of [
        ['Delete', 'VolumeFailedDelete'],
        ['Recycle', 'VolumeFailedRecycle'],
      ] as const) {
        const name = `reclaim-${policy.toLowerCase()}`
        const source = { csi: undefined, hostPath: { path: '/srv/none' } }
        await createVolume(name, { storageClassName: name, persistentVolumeReclaimPolicy: policy, ...source })
        await createClaim(name, { storageClassName: name })
        await claimIs(name, 'Bound')
        await client.delete(persistentVolumeClaims, name, namespace)
        const failed = await volumeIs(name, 'Failed')
        assert.ok((failed.status?.message ?? '') !== '')
        await eventOf(reason)
      }
    })

    it('are lost when the volume is deleted under the claim', async () => {
      const { metadata } = await volume('comes')
      await client.delete(persistentVolumes, 'comes')
      // What protects it goes only by force.
      assert.ok(metadata?.finalizers?.includes('kubernetes.io/pv-protection'))
      await client.patch(persistentVolumes, 'comes', undefined, { metadata: { finalizers: null } }, { type: 'merge' })
      await claimIs('next', 'Lost')
      await eventOf('ClaimLost')
    })

    it('that name each other wrongly are told why', async () => {
      await createVolume('block', { volumeMode: 'Block', storageClassName: 'named' })
      await createClaim('file', { volumeName: 'block', storageClassName: 'named' })
      await eventOf('VolumeMismatch', 'Cannot bind to requested volume "block": incompatible volumeMode')
      await claimIs('file', 'Pending')
    })

    it('are made for each other by the provisioner of a class, after the first consumer has a Node', async () => {
      await client.create(storageClasses, {
        metadata: { name: 'lazy' },
        provisioner: driver,
        volumeBindingMode: 'WaitForFirstConsumer',
        reclaimPolicy: 'Delete',
      })
      await createClaim('dynamic', { storageClassName: 'lazy' })
      await eventOf('WaitForFirstConsumer')
      const annotations = { 'volume.kubernetes.io/selected-node': 'some-node' }
      const asMerge = { type: 'merge' } as const
      await client.patch(persistentVolumeClaims, 'dynamic', namespace, { metadata: { annotations } }, asMerge)
      const asked = await waitFor(
        async () => {
          const found = await claim('dynamic')
          return found.metadata?.annotations?.['volume.kubernetes.io/storage-provisioner'] === driver
            ? found
            : undefined
        },
        { what: 'the provisioner to be asked' },
      )
      const claimRef = {
        kind: 'PersistentVolumeClaim',
        apiVersion: 'v1',
        namespace,
        name: 'dynamic',
        uid: asked.metadata?.uid,
      }
      const spec = { storageClassName: 'lazy', persistentVolumeReclaimPolicy: 'Delete', claimRef }
      await createVolume('pvc-dynamic', spec, { 'pv.kubernetes.io/provisioned-by': driver })
      await claimIs('dynamic', 'Bound')
      // Whoever made it deletes it: here nobody does, and nothing is said to have failed.
      await client.delete(persistentVolumeClaims, 'dynamic', namespace)
      await volumeIs('pvc-dynamic', 'Released')
    })

    it('without a class get the default one, also when it comes later', async () => {
      await createClaim('late', { storageClassName: undefined })
      await claimIs('late', 'Pending')
      const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' }
      await client.create(storageClasses, { metadata: { name: 'default-one', annotations }, provisioner: driver })
      await waitFor(async () => (await claim('late')).spec?.storageClassName === 'default-one', { what: 'the class' })
      await client.delete(storageClasses, 'default-one')
    })

    it('that grow are left to an external resizer, which is told of', async () => {
      const annotations = {}
      await client.create(storageClasses, {
        metadata: { name: 'growing', annotations },
        provisioner: driver,
        allowVolumeExpansion: true,
      })
      await createVolume('grows', { storageClassName: 'growing' })
      await createClaim('grows', { storageClassName: 'growing' })
      await claimIs('grows', 'Bound')
      const body = { spec: { resources: { requests: { storage: '2Gi' } } } }
      await client.patch(persistentVolumeClaims, 'grows', namespace, body, { type: 'merge' })
      await eventOf('ExternalExpanding', 'waiting for an external controller to expand this PVC')
    })
  })
}
