/** Owners and dependents, with the real garbage collector. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { configMaps, deployments, pods, replicaSets } from '../../../api/resources.ts'
import type { ConfigMap, OwnerReference, Stored } from '../../../api/types.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import { waitFor } from '../../harness/wait.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { createConfigMap, makeNamespace, refusal } from './fixtures.ts'

const ownedBy = ({ metadata }: Stored<ConfigMap>, blocking = false): { ownerReferences: OwnerReference[] } => ({
  ownerReferences: [
    { apiVersion: 'v1', kind: 'ConfigMap', name: metadata.name, uid: metadata.uid, blockOwnerDeletion: blocking },
  ],
})

export const describeGarbageCollection = (running: Running): void => {
  describe('garbage collection', () => {
    const namespace = 'garbage'
    let client: RestClient
    const exists = async (name: string): Promise<boolean> =>
      client.get(configMaps, name, namespace).then(
        () => true,
        () => false,
      )
    const whenGone = (name: string): Promise<boolean> =>
      waitFor(async () => !(await exists(name)), { what: `${name} to go` })

    before(async () => {
      client = running().client
      await makeNamespace(client, namespace)
    })

    it('removes dependents after their owner in the background, generation after generation', async () => {
      const owner = await createConfigMap(client, namespace, 'background')
      const child = await createConfigMap(client, namespace, 'background-child', ownedBy(owner))
      await createConfigMap(client, namespace, 'background-grandchild', ownedBy(child))
      await client.delete(configMaps, 'background', namespace, { propagationPolicy: 'Background' })
      assert.equal(await exists('background'), false)
      await whenGone('background-child')
      await whenGone('background-grandchild')
    })

    it('removes dependents before their owner in the foreground', async () => {
      const owner = await createConfigMap(client, namespace, 'foreground')
      await createConfigMap(client, namespace, 'foreground-child', {
        ...ownedBy(owner, true),
        finalizers: ['example.com/hold'],
      })
      await client.delete(configMaps, 'foreground', namespace, { propagationPolicy: 'Foreground' })
      const waiting = await client.get(configMaps, 'foreground', namespace)
      assert.deepEqual(waiting.metadata?.finalizers, ['foregroundDeletion'])
      await waitFor(
        async () =>
          (await client.get(configMaps, 'foreground-child', namespace)).metadata?.deletionTimestamp !== undefined,
        { what: 'the dependent to be deleted' },
      )
      assert.ok(await exists('foreground'))
      const metadata = { finalizers: null }
      await client.patch(configMaps, 'foreground-child', namespace, { metadata }, { type: 'merge' })
      await whenGone('foreground-child')
      await whenGone('foreground')
    })

    it('lets dependents live on as orphans', async () => {
      const owner = await createConfigMap(client, namespace, 'parent')
      await createConfigMap(client, namespace, 'orphan', ownedBy(owner))
      // The collector must know of the dependent before it can set it free.
      await waitFor(async () => (await exists('orphan')) === true, { what: 'the dependent' })
      await client.delete(configMaps, 'parent', namespace, { propagationPolicy: 'Orphan' })
      await whenGone('parent')
      const { metadata } = await client.get(configMaps, 'orphan', namespace)
      assert.equal(metadata?.ownerReferences, undefined)
      assert.equal(metadata?.deletionTimestamp, undefined)
    })

    it('keeps a dependent while one of its owners lives', async () => {
      const first = await createConfigMap(client, namespace, 'first')
      const second = await createConfigMap(client, namespace, 'second')
      const ownerReferences = [...ownedBy(first).ownerReferences, ...ownedBy(second).ownerReferences]
      await createConfigMap(client, namespace, 'shared', { ownerReferences })
      await client.delete(configMaps, 'first', namespace)
      await waitFor(
        async () => (await client.get(configMaps, 'shared', namespace)).metadata?.ownerReferences?.length === 1,
        { what: 'the reference to the owner that went to be taken out' },
      )
      await client.delete(configMaps, 'second', namespace)
      await whenGone('shared')
    })

    it('removes what claims an owner that never was, and what claims an owner of another uid', async () => {
      const owner = await createConfigMap(client, namespace, 'recreated')
      const reference = ownedBy(owner)
      await client.delete(configMaps, 'recreated', namespace)
      await createConfigMap(client, namespace, 'recreated')
      await createConfigMap(client, namespace, 'stale', reference)
      await whenGone('stale')
      assert.ok(await exists('recreated'))
    })

    it('takes a Deployment down to its Pods, in the foreground and in the background', async () => {
      for (const propagationPolicy of ['Foreground', 'Background'] as const) {
        const name = `web-${propagationPolicy.toLowerCase()}`
        await client.create(deployments, {
          metadata: { namespace, name },
          spec: {
            replicas: 2,
            selector: { matchLabels: { app: name } },
            template: {
              metadata: { labels: { app: name } },
              spec: { schedulerName: 'nobody', containers: [{ name: 'main', image: 'none:1' }] },
            },
          },
        })
        const labelSelector = `app=${name}`
        const count = async () => (await client.list(pods, { namespace, labelSelector })).items.length
        await waitFor(async () => (await count()) === 2, { what: 'two Pods' })
        await client.delete(deployments, name, namespace, { propagationPolicy })
        await waitFor(async () => (await count()) === 0, { what: 'the Pods to go' })
        await waitFor(async () => (await client.list(replicaSets, { namespace, labelSelector })).items.length === 0, {
          what: 'the ReplicaSet to go',
        })
        await waitFor(
          () =>
            client.get(deployments, name, namespace).then(
              () => false,
              (error: unknown) => refusal('NotFound')(error),
            ),
          { what: 'the Deployment to go' },
        )
      }
    })
  })
}
