/** Classes of volume attributes stay while claims name them. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { persistentVolumeClaims, volumeAttributesClasses } from '../../../api/resources.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { waitFor } from '../../harness/wait.ts'
import { makeNamespace } from '../api-machinery/fixtures.ts'

const namespace = 'attributes'

export const describeVolumeAttributesClasses = (running: Running): void => {
  describe('a VolumeAttributesClass', () => {
    let client: RestClient
    before(async () => {
      client = running().client
      await makeNamespace(client, namespace)
    })
    const whenGone = (name: string): Promise<unknown> =>
      waitFor(
        () =>
          client.get(volumeAttributesClasses, name).then(
            () => undefined,
            () => true,
          ),
        {
          what: `${name} to go`,
        },
      )
    const create = (name: string) =>
      client.create(volumeAttributesClasses, {
        metadata: { name },
        driverName: 'csi.example.com',
        parameters: { iops: '100' },
      })

    it('that nobody names goes at once', async () => {
      const { metadata } = await create('unused')
      assert.deepEqual(metadata?.finalizers, ['kubernetes.io/vac-protection'])
      await client.delete(volumeAttributesClasses, 'unused')
      await whenGone('unused')
    })

    it('that a claim names stays until the claim is gone', async () => {
      await create('used')
      await client.create(persistentVolumeClaims, {
        metadata: { name: 'claim', namespace },
        spec: {
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage: '1Gi' } },
          storageClassName: 'none',
          volumeAttributesClassName: 'used',
        },
      })
      await create('witness')
      await client.delete(volumeAttributesClasses, 'used')
      await client.delete(volumeAttributesClasses, 'witness')
      // Classes are looked at in order: when the later one is gone, the earlier one was looked at.
      await whenGone('witness')
      const held = await client.get(volumeAttributesClasses, 'used')
      assert.ok(held.metadata?.deletionTimestamp !== undefined)
      await client.delete(persistentVolumeClaims, 'claim', namespace)
      await whenGone('used')
    })
  })
}
