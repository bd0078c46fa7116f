/** A kubelet's identity reaches its own Node, its own Pods and what they use, and no further. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { leases, nodes, pods, secrets } from '../../../api/resources.ts'
import type { Pod } from '../../../api/types.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import { type Answer, createHttp, type Http, kubeletCredentials } from '../../harness/http.ts'
import { waitFor } from '../../harness/wait.ts'

export const describeNodeIdentity = (running: () => TestCluster): void => {
  describe('the identity of a node', () => {
    let own = ''
    let kubelet: Http
    let client: TestCluster['client']
    const secretPath = (name: string): string => `/api/v1/namespaces/default/secrets/${name}`
    const podOn = (name: string, nodeName: string, secretName: string): Pod => ({
      metadata: { namespace: 'default', name },
      spec: {
        nodeName,
        containers: [{ name: 'main', image: 'none:1', imagePullPolicy: 'Never' }],
        volumes: [{ name: 'secret', secret: { secretName } }],
      },
    })
    const refused = ({ code, status }: Answer, message: RegExp): void => {
      assert.equal(code, 403, status.message)
      assert.match(status.message ?? '', message)
    }

    before(async () => {
      const cluster = running()
      client = cluster.client
      own = cluster.nodes()[0]?.name ?? ''
      kubelet = createHttp(cluster, kubeletCredentials(cluster, own))
      await client.create(nodes, { metadata: { name: 'other' } })
      for (const name of ['mine', 'theirs', 'unused']) {
        await client.create(secrets, { metadata: { namespace: 'default', name }, stringData: { a: 'b' } })
      }
      await client.create(pods, podOn('mine', own, 'mine'))
      await client.create(pods, podOn('theirs', 'other', 'theirs'))
    })

    it('reads the Secrets of its own Pods, no others, and never all of them', async () => {
      await waitFor(async () => (await kubelet(secretPath('mine'))).code === 200, { what: 'the secret of its Pod' })
      for (const name of ['theirs', 'unused']) {
        refused(
          await kubelet(secretPath(name)),
          /User "system:node:.*" cannot get resource "secrets" in API group "" in the namespace "default": no relationship found between node '.*' and this object/,
        )
      }
      refused(
        await kubelet('/api/v1/namespaces/default/secrets'),
        /cannot list resource "secrets" in API group "" in the namespace "default": No Object name found$/,
      )
      await client.delete(pods, 'mine', 'default', { gracePeriodSeconds: 0 })
      await waitFor(async () => (await kubelet(secretPath('mine'))).code === 403, { what: 'the secret to close again' })
    })

    it('changes its own Node but not its restricted labels, and no other Node', async () => {
      const headers = { 'content-type': 'application/merge-patch+json' }
      const label = (node: string, labels: object): Promise<Answer> =>
        kubelet(`/api/v1/nodes/${node}`, { method: 'PATCH', headers, body: { metadata: { labels } } })
      assert.equal((await label(own, { 'example.com/mood': 'good' })).code, 200)
      refused(
        await label(own, { 'node-restriction.kubernetes.io/secure': 'true' }),
        /is not allowed to modify labels: node-restriction.kubernetes.io\/secure/,
      )
      refused(
        await label('other', { a: 'b' }),
        /^nodes "other" is forbidden: node "[^"]+" is not allowed to modify node "other"$/,
      )
      const status = { conditions: [{ type: 'Ready', status: 'False' }] }
      refused(
        await kubelet('/api/v1/nodes/other/status', { method: 'PATCH', headers, body: { status } }),
        /is not allowed to modify node "other"/,
      )
      const taints = [{ key: 'a', effect: 'NoSchedule' }]
      refused(
        await kubelet(`/api/v1/nodes/${own}`, { method: 'PATCH', headers, body: { spec: { taints } } }),
        /is not allowed to modify taints/,
      )
      const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name: 'gone', uid: 'a' }]
      refused(
        await kubelet(`/api/v1/nodes/${own}`, { method: 'PATCH', headers, body: { metadata: { ownerReferences } } }),
        /is not allowed to modify ownerReferences$/,
      )
      assert.equal((await kubelet('/api/v1/nodes/other', { method: 'DELETE' })).code, 403)
    })

    it('touches only its own Pods', async () => {
      const headers = { 'content-type': 'application/strategic-merge-patch+json' }
      refused(
        await kubelet('/api/v1/namespaces/default/pods/theirs/status', {
          method: 'PATCH',
          headers,
          body: { status: { phase: 'Failed' } },
        }),
        /can only update pod status for pods with spec.nodeName set to itself/,
      )
      refused(
        await kubelet('/api/v1/namespaces/default/pods/theirs', { method: 'DELETE' }),
        /can only delete pods with spec.nodeName set to itself/,
      )
      refused(
        await kubelet('/api/v1/namespaces/default/pods', {
          method: 'POST',
          body: { apiVersion: 'v1', kind: 'Pod', ...podOn('injected', own, 'unused') },
        }),
        /can only create mirror pods/,
      )
    })

    it('asks for tokens only of ServiceAccounts that its Pods use, for these Pods and audiences they name', async () => {
      const token = (account: string, spec: object): Promise<Answer> =>
        kubelet(`/api/v1/namespaces/${account}/token`, {
          method: 'POST',
          body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec },
        })
      assert.equal((await token('kube-system/serviceaccounts/generic-garbage-collector', {})).code, 403)

      const { metadata } = await client.create(pods, podOn('teller', own, 'mine'))
      const account = 'default/serviceaccounts/default'
      const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: 'teller', uid: metadata?.uid }
      await waitFor(async () => (await token(account, { boundObjectRef })).code === 201, {
        what: 'the token of its Pod',
      })
      refused(await token(account, {}), /node requested token not bound to a pod$/)
      refused(
        await token(account, { boundObjectRef, audiences: ['elsewhere'] }),
        /audience "elsewhere" not found in pod spec volume, system:node:\S+ is not authorized to request tokens for this audience$/,
      )
      await client.delete(pods, 'teller', 'default', { gracePeriodSeconds: 0 })
    })

    it('renews only its own Lease', async () => {
      await client.create(leases, { metadata: { namespace: 'kube-node-lease', name: 'other' }, spec: {} })
      const answer = await kubelet('/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/other', {
        method: 'PATCH',
        headers: { 'content-type': 'application/merge-patch+json' },
        body: { spec: { holderIdentity: own } },
      })
      assert.equal(answer.code, 403)
      const mine = await kubelet(`/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${own}`)
      assert.equal(mine.code, 200)
    })

    it('sees all Nodes and Services, but may not grant itself anything', async () => {
      assert.equal((await kubelet('/api/v1/services')).code, 200)
      assert.equal((await kubelet('/apis/rbac.authorization.k8s.io/v1/clusterroles')).code, 403)
      await client.delete(pods, 'theirs', 'default', { gracePeriodSeconds: 0 })
      await client.delete(nodes, 'other')
    })
  })
}
