/** Conformance: where Pods may not go, and where they must. Upstream: test/e2e/scheduling/predicates.go */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { pods as podsRef } from '../../../api/resources.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import { makeHollowNode } from '../../harness/hollow-nodes.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { makeNamespace } from '../api-machinery/fixtures.ts'
import { eventWhen, isBound, isUnschedulable, podOf, podWhen, unschedulableMessage } from './fixtures.ts'

const namespace = 'predicates'
const node = 'pred-a'
const here = { nodeSelector: { 'kubernetes.io/hostname': node } }

export const describePredicates = (running: Running): void => {
  describe('predicates', () => {
    let client: RestClient
    before(async () => {
      client = running().client
      await makeNamespace(client, namespace)
      await makeHollowNode(client, node, { labels: { k: 'v' }, allocatable: { cpu: '10' } })
    })
    const create = (name: string, spec: Parameters<typeof podOf>[2]) =>
      client.create(podsRef, podOf(name, namespace, spec))
    const binds = async (name: string): Promise<void> => {
      assert.equal((await podWhen(client, { name, namespace }, isBound)).spec?.nodeName, node)
    }
    const waits = async (name: string): Promise<string> =>
      unschedulableMessage(await podWhen(client, { name, namespace }, isUnschedulable)) ?? ''

    it('NodeSelector is respected if matching', async () => {
      await create('with-labels', { nodeSelector: { k: 'v' } })
      await binds('with-labels')
    })

    it('NodeSelector is respected if not matching', async () => {
      await create('restricted', { nodeSelector: { label: 'nonempty' } })
      assert.match(await waits('restricted'), /node\(s\) didn't match Pod's node affinity\/selector/)
      const told = await eventWhen(client, { name: 'restricted', namespace }, 'FailedScheduling')
      assert.equal(told.type, 'Warning')
      assert.match(told.message ?? '', /^0\/\d+ nodes are available: /)
    })

    it('resource limits of Pods are counted: a node filled to 70 % takes no Pod of half of its size', async () => {
      await create('filler', { ...here, requests: { cpu: '7' } })
      await binds('filler')
      await create('additional', { ...here, requests: { cpu: '5' } })
      assert.match(await waits('additional'), /1 Insufficient cpu/)
      await create('rest', { ...here, requests: { cpu: '3' } })
      await binds('rest')
    })

    const onPort = (hostIP: string, protocol = 'TCP') => ({
      ...here,
      containers: [{ name: 'c', image: 'none', ports: [{ containerPort: 8080, hostPort: 54321, hostIP, protocol }] }],
    })

    it('the same hostPort does not conflict with another hostIP or protocol', async () => {
      await create('port-1', onPort('127.0.0.1'))
      await binds('port-1')
      await create('port-2', onPort('10.0.0.7'))
      await binds('port-2')
      await create('port-3', onPort('10.0.0.7', 'UDP'))
      await binds('port-3')
    })

    it('the same hostPort and protocol conflict where one of the two is 0.0.0.0', async () => {
      await create('port-all', onPort('0.0.0.0'))
      assert.match(await waits('port-all'), /1 node\(s\) didn't have free ports for the requested pod ports/)
      for (const name of ['port-1', 'port-2']) await client.delete(podsRef, name, namespace)
      await binds('port-all')
    })
  })
}
