/** An extender over HTTP has its say for the Pods that ask for its resource: filter, prioritize, bind, preempt. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { nodes as nodesRef, pods as podsRef } from '../../../api/resources.ts'
import type { Node, Pod } from '../../../api/types.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import { startExtender, type TestExtender } from '../../../scheduler/testing/extender-server.ts'
import { makeHollowNode } from '../../harness/hollow-nodes.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { makeNamespace } from '../api-machinery/fixtures.ts'
import { isBound, isUnschedulable, podOf, podWhen, unschedulableMessage } from './fixtures.ts'

const namespace = 'extenders'
/** What the extender looks after; the scheduler does not count it. */
export const extenderResource = 'example.com/extended'

const namesIn = (body: Record<string, unknown>): string[] =>
  ((body['Nodes'] as { items: Node[] }).items ?? []).map(({ metadata }) => metadata?.name ?? '')

/** Forbids nodes whose names end with `no`, and prefers those that end with `best`. */
export const startTestExtender = (): Promise<TestExtender> =>
  startExtender({
    filter: (body) => {
      const items = (body['Nodes'] as { items: Node[] }).items
      const isFine = ({ metadata }: Node): boolean => metadata?.name?.endsWith('no') !== true
      const failed = items
        .filter((node) => !isFine(node))
        .map(({ metadata }) => [metadata?.name, 'the extender says no'])
      return { Nodes: { items: items.filter(isFine) }, FailedNodes: Object.fromEntries(failed) }
    },
    prioritize: (body) => namesIn(body).map((name) => ({ Host: name, Score: name.endsWith('best') ? 10 : 0 })),
  })

export const describeExtenders = (running: Running, extender: TestExtender): void => {
  describe('an extender', () => {
    let client: RestClient
    before(async () => {
      client = running().client
      await makeNamespace(client, namespace)
    })
    const create = async (name: string, requests: Record<string, string>): Promise<void> => {
      await client.create(podsRef, podOf(name, namespace, { nodeSelector: { pool: 'extended' }, requests }))
    }

    it('forbids nodes and says why', async () => {
      await makeHollowNode(client, 'extended-no', { labels: { pool: 'extended' } })
      await create('refused', { [extenderResource]: '1' })
      const pod: Pod = await podWhen(client, { name: 'refused', namespace }, isUnschedulable)
      assert.match(unschedulableMessage(pod) ?? '', /1 the extender says no/)
    })

    it('is not asked about Pods that do not want its resource', async () => {
      const before = extender.calls.length
      await create('unrelated', { cpu: '1' })
      const pod = await podWhen(client, { name: 'unrelated', namespace }, isBound)
      assert.equal(pod.spec?.nodeName, 'extended-no')
      assert.equal(
        extender.calls.slice(before).filter(({ body }) => (body['Pod'] as Pod).metadata?.name === 'unrelated').length,
        0,
      )
    })

    it('is asked again when anything changes', async () => {
      await makeHollowNode(client, 'extended-good', { labels: { pool: 'extended' } })
      const pod = await podWhen(client, { name: 'refused', namespace }, isBound)
      assert.equal(pod.spec?.nodeName, 'extended-good', 'no node has any of the resource: nobody counts it')
    })

    it('prefers nodes', async () => {
      await makeHollowNode(client, 'extended-best', { labels: { pool: 'extended' }, allocatable: { cpu: '1' } })
      await create('preferring', { [extenderResource]: '1', cpu: '500m' })
      const pod = await podWhen(client, { name: 'preferring', namespace }, isBound)
      assert.equal(pod.spec?.nodeName, 'extended-best')
      for (const name of ['extended-no', 'extended-good', 'extended-best']) await client.delete(nodesRef, name)
    })
  })
}
