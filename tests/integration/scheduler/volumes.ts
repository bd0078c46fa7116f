/** Pods and their volumes: found, made where the Pod goes, and kept for one Pod. The test is the provisioner. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { persistentVolumeClaims, persistentVolumes, pods as podsRef, storageClasses } from '../../../api/resources.ts'
import type { PersistentVolumeClaim, Pod } from '../../../api/types.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import { makeHollowNode } from '../../harness/hollow-nodes.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { waitFor } from '../../harness/wait.ts'
import { makeNamespace } from '../api-machinery/fixtures.ts'
import { isBound, isUnschedulable, podOf, podWhen, unschedulableMessage } from './fixtures.ts'

const namespace = 'volumes'
const hostname = 'kubernetes.io/hostname'
const selectedNode = 'volume.kubernetes.io/selected-node'

const onlyOn = (name: string) => ({
  required: { nodeSelectorTerms: [{ matchExpressions: [{ key: hostname, operator: 'In', values: [name] }] }] },
})

export const describeVolumes = (running: Running): void => {
  describe('a Pod with volumes', () => {
    let client: RestClient
    before(async () => {
      client = running().client
      await makeNamespace(client, namespace)
      for (const name of ['vol-a', 'vol-b']) await makeHollowNode(client, name, { allocatable: { cpu: '2' } })
      const makeClass = (name: string, provisioner: string) =>
        client.create(storageClasses, {
          metadata: { name },
          provisioner,
          volumeBindingMode: 'WaitForFirstConsumer',
        })
      await makeClass('local', 'kubernetes.io/no-provisioner')
      await makeClass('made', 'disk.example.com')
    })
    const makeClaim = (name: string, spec: object = {}): Promise<PersistentVolumeClaim> =>
      client.create(persistentVolumeClaims, {
        metadata: { name, namespace },
        spec: {
          accessModes: ['ReadWriteOnce'],
          storageClassName: 'local',
          resources: { requests: { storage: '1Gi' } },
          ...spec,
        },
      })
    const makeVolume = (name: string, node: string, spec: object = {}) =>
      client.create(persistentVolumes, {
        metadata: { name },
        spec: {
          capacity: { storage: '1Gi' },
          accessModes: ['ReadWriteOnce'],
          storageClassName: 'local',
          local: { path: '/mnt' },
          nodeAffinity: onlyOn(node),
          ...spec,
        },
      })
    const mounting = (name: string, claimName: string): Pod =>
      podOf(name, namespace, {
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }],
      })
    const bound = (name: string) => podWhen(client, { name, namespace }, isBound)
    const claimOf = (name: string) => client.get(persistentVolumeClaims, name, namespace)

    it('goes to the node that has a volume for it, and the claim is bound', async () => {
      await makeClaim('data')
      await client.create(podsRef, mounting('first', 'data'))
      const waiting = await podWhen(client, { name: 'first', namespace }, isUnschedulable)
      assert.match(unschedulableMessage(waiting) ?? '', /node\(s\) didn't find available persistent volumes to bind/)
      await makeVolume('disk-b', 'vol-b')
      assert.equal((await bound('first')).spec?.nodeName, 'vol-b')
      const claim = await claimOf('data')
      assert.equal(claim.spec?.volumeName, 'disk-b')
      assert.equal(claim.metadata?.annotations?.[selectedNode], undefined)
    })

    it('has its volume made on the node that it was given', async () => {
      await makeClaim('fresh', { storageClassName: 'made' })
      const pod = mounting('second', 'fresh')
      await client.create(podsRef, {
        ...pod,
        spec: { containers: [], ...pod.spec, nodeSelector: { [hostname]: 'vol-a' } },
      })
      const claim = await waitFor(
        async () => {
          const found = await claimOf('fresh')
          return found.metadata?.annotations?.[selectedNode] === undefined ? undefined : found
        },
        { what: 'the node of the claim' },
      )
      assert.equal(claim.metadata?.annotations?.[selectedNode], 'vol-a')
      const pending = await client.get(podsRef, 'second', namespace)
      assert.equal(pending.spec?.nodeName, undefined, 'it waits for the volume')
      const claimRef = { name: 'fresh', namespace, uid: claim.metadata?.uid ?? '' }
      await makeVolume('made-a', 'vol-a', { storageClassName: 'made', claimRef })
      assert.equal((await bound('second')).spec?.nodeName, 'vol-a')
    })

    it('is tried elsewhere when the provisioner gives up', async () => {
      await makeClaim('retry', { storageClassName: 'made' })
      await client.create(podsRef, mounting('third', 'retry'))
      const chosen = await waitFor(async () => (await claimOf('retry')).metadata?.annotations?.[selectedNode], {
        what: 'the node of the claim',
      })
      const { metadata } = await claimOf('retry')
      const body = { metadata: { annotations: { [selectedNode]: null, tried: chosen }, uid: metadata?.uid } }
      await client.patch(persistentVolumeClaims, 'retry', namespace, body, { type: 'merge' })
      const again = await waitFor(
        async () => {
          const claim = await claimOf('retry')
          return claim.metadata?.annotations?.[selectedNode] === undefined ? undefined : claim
        },
        { what: 'another node for the claim' },
      )
      const node = again.metadata?.annotations?.[selectedNode] ?? ''
      const claimRef = { name: 'retry', namespace, uid: again.metadata?.uid ?? '' }
      await makeVolume('made-again', node, { storageClassName: 'made', claimRef })
      assert.equal((await bound('third')).spec?.nodeName, node)
    })

    it('has a ReadWriteOncePod claim for itself', async () => {
      await makeClaim('mine', { accessModes: ['ReadWriteOncePod'] })
      await makeVolume('disk-mine', 'vol-a', { accessModes: ['ReadWriteOncePod'] })
      await client.create(podsRef, mounting('owner', 'mine'))
      await bound('owner')
      await client.create(podsRef, mounting('other', 'mine'))
      const waiting = await podWhen(client, { name: 'other', namespace }, isUnschedulable)
      assert.match(unschedulableMessage(waiting) ?? '', /node has pod using PersistentVolumeClaim with the same name/)
      await client.delete(podsRef, 'owner', namespace)
      await bound('other')
    })
  })
}
