/** Finalizers, graceful deletion, preconditions, collections and namespaces. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { configMaps, namespaces, pods, resourceQuotas, serviceAccounts } from '../../../api/resources.ts'
import type { Namespace, Pod } from '../../../api/types.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import { createHttp, type Http, pkiCredentials } from '../../harness/http.ts'
import { waitFor } from '../../harness/wait.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { createConfigMap, makeNamespace, refusal } from './fixtures.ts'

export const describeDeletion = (running: Running): void => {
  describe('deletion', () => {
    const namespace = 'deletion'
    let client: RestClient
    let http: Http

    before(async () => {
      const cluster = running()
      client = cluster.client
      http = createHttp(cluster, pkiCredentials(cluster, 'admin'))
      await makeNamespace(client, namespace)
    })

    it('waits for finalizers, and takes no new ones meanwhile', async () => {
      await createConfigMap(client, namespace, 'held', { finalizers: ['example.com/one', 'example.com/two'] })
      await client.delete(configMaps, 'held', namespace)
      const held = await client.get(configMaps, 'held', namespace)
      assert.ok(held.metadata?.deletionTimestamp !== undefined)
      assert.equal(held.metadata.deletionGracePeriodSeconds, 0)
      const setFinalizers = (finalizers: string[] | null) =>
        client.patch(configMaps, 'held', namespace, { metadata: { finalizers } }, { type: 'merge' })
      await assert.rejects(
        setFinalizers(['example.com/one', 'example.com/two', 'example.com/three']),
        refusal(
          'Invalid',
          /metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers \[\]string\{"example.com\/three"\}/,
        ),
      )
      await setFinalizers(['example.com/two'])
      await client.delete(configMaps, 'held', namespace)
      await client.patch(configMaps, 'held', namespace, { metadata: { deletionTimestamp: null } }, { type: 'merge' })
      assert.ok((await client.get(configMaps, 'held', namespace)).metadata?.deletionTimestamp !== undefined)
      await setFinalizers(null)
      await assert.rejects(client.get(configMaps, 'held', namespace), refusal('NotFound'))
    })

    it('gives a Pod on a node its grace, which can be shortened but not extended', async () => {
      const pod: Pod = {
        metadata: { namespace, name: 'graceful' },
        spec: { nodeName: 'nowhere', terminationGracePeriodSeconds: 40, containers: [{ name: 'a', image: 'none:1' }] },
      }
      await client.create(pods, pod)
      await client.delete(pods, 'graceful', namespace)
      const graceOf = async () => (await client.get(pods, 'graceful', namespace)).metadata?.deletionGracePeriodSeconds
      assert.equal(await graceOf(), 40)
      await client.delete(pods, 'graceful', namespace, { gracePeriodSeconds: 60 })
      assert.equal(await graceOf(), 40)
      await client.delete(pods, 'graceful', namespace, { gracePeriodSeconds: 20 })
      assert.equal(await graceOf(), 20)
      await client.delete(pods, 'graceful', namespace, { gracePeriodSeconds: 0 })
      await assert.rejects(client.get(pods, 'graceful', namespace), refusal('NotFound'))
    })

    it('deletes a Pod that is on no node at once', async () => {
      const spec = { schedulerName: 'nobody', containers: [{ name: 'a', image: 'none:1' }] }
      await client.create(pods, { metadata: { namespace, name: 'unscheduled' }, spec })
      await client.delete(pods, 'unscheduled', namespace)
      await assert.rejects(client.get(pods, 'unscheduled', namespace), refusal('NotFound'))
    })

    it('checks the preconditions of uid and resourceVersion', async () => {
      const { metadata } = await createConfigMap(client, namespace, 'precise')
      const remove = (preconditions: object) => client.delete(configMaps, 'precise', namespace, { preconditions })
      await assert.rejects(
        remove({ uid: '00000000-0000-0000-0000-000000000000' }),
        refusal('Conflict', /the UID in the precondition \(00000000-[-0-9]+\) does not match the UID in record/),
      )
      await assert.rejects(
        remove({ resourceVersion: '1' }),
        refusal('Conflict', /ResourceVersion in (the )?precondition/),
      )
      await remove({ uid: metadata.uid, resourceVersion: metadata.resourceVersion })
      await assert.rejects(client.get(configMaps, 'precise', namespace), refusal('NotFound'))
    })

    it('deletes of a collection what the selectors match, and answers with what it was', async () => {
      for (const name of ['red-1', 'red-2', 'blue-1']) {
        await createConfigMap(client, namespace, name, { labels: { color: name.slice(0, -2) } })
      }
      const path = `/api/v1/namespaces/${namespace}/configmaps?labelSelector=color%3Dred`
      const answer = await http(path, { method: 'DELETE' })
      assert.equal(answer.code, 200)
      assert.equal(answer.json['kind'], 'ConfigMapList')
      assert.equal((answer.json['items'] as unknown[]).length, 2)
      const names = (await client.list(configMaps, { namespace })).items.map(({ metadata }) => metadata?.name)
      assert.ok(names.includes('blue-1'))
      assert.ok(!names.includes('red-1') && !names.includes('red-2'))
    })

    it('answers with a Status that names what went', async () => {
      const { metadata } = await createConfigMap(client, namespace, 'gone')
      const { json } = await http(`/api/v1/namespaces/${namespace}/configmaps/gone`, { method: 'DELETE' })
      assert.equal(json['kind'], 'Status')
      assert.equal(json['status'], 'Success')
      assert.deepEqual(json['details'], { name: 'gone', kind: 'configmaps', uid: metadata.uid })
    })

    it('empties a namespace, tells what still holds it, and lets nothing new in', async () => {
      const doomed = await makeNamespace(client, 'doomed')
      await waitFor(() => client.get(serviceAccounts, 'default', doomed), { what: 'the default ServiceAccount' })
      await createConfigMap(client, doomed, 'free')
      await createConfigMap(client, doomed, 'holding', { finalizers: ['example.com/hold'] })
      await client.delete(namespaces, doomed)
      const conditionOf = (object: Namespace, type: string) =>
        object.status?.conditions?.find((condition) => condition.type === type)
      const terminating = await waitFor(
        async () => {
          const object = await client.get(namespaces, doomed)
          return conditionOf(object, 'NamespaceFinalizersRemaining')?.status === 'True' ? object : undefined
        },
        { what: 'the namespace to tell of its finalizers' },
      )
      assert.equal(terminating.status?.phase, 'Terminating')
      assert.match(
        conditionOf(terminating, 'NamespaceFinalizersRemaining')?.message ?? '',
        /^Some content in the namespace has finalizers remaining: example\.com\/hold in 1 resource instances$/,
      )
      assert.match(
        conditionOf(terminating, 'NamespaceContentRemaining')?.message ?? '',
        /^Some resources are remaining: configmaps\. has 1 resource instances$/,
      )
      await assert.rejects(
        createConfigMap(client, doomed, 'late'),
        refusal(
          'Forbidden',
          /^configmaps "late" is forbidden: unable to create new content in namespace doomed because it is being terminated$/,
        ),
      )
      await client.patch(configMaps, 'holding', doomed, { metadata: { finalizers: null } }, { type: 'merge' })
      await waitFor(
        async () => (await client.list(namespaces)).items.every(({ metadata }) => metadata?.name !== doomed),
        { what: 'the namespace to go' },
      )
      assert.deepEqual((await client.list(configMaps, { namespace: doomed })).items, [])
      await assert.rejects(
        createConfigMap(client, doomed, 'later'),
        refusal('NotFound', /^namespaces "doomed" not found$/),
      )
    })

    it('refuses to delete the namespaces that the cluster lives in', async () => {
      await assert.rejects(
        client.delete(namespaces, 'kube-system'),
        refusal('Forbidden', /^namespaces "kube-system" is forbidden: this namespace may not be deleted$/),
      )
    })

    it('takes a ResourceQuota that limits nothing', async () => {
      await client.create(resourceQuotas, { metadata: { namespace, name: 'nothing' }, spec: {} })
      await createConfigMap(client, namespace, 'unlimited')
    })
  })
}
