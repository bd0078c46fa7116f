/** More important Pods take the place of less important ones. The cases follow the conformance tests of preemption. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { pods as podsRef, priorityClasses, replicaSets } from '../../../api/resources.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import { makeHollowNode } from '../../harness/hollow-nodes.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { waitFor } from '../../harness/wait.ts'
import { makeNamespace } from '../api-machinery/fixtures.ts'
import { eventWhen, isBound, isUnschedulable, podOf, podWhen, unschedulableMessage } from './fixtures.ts'

const namespace = 'preemption'
const resource = 'example.com/fakecpu'

export const describePreemption = (running: Running): void => {
  describe('preemption', () => {
    let client: RestClient
    before(async () => {
      client = running().client
      await makeNamespace(client, namespace)
      await Promise.all(
        Object.entries({ low: 1, medium: 100, high: 1_000, highest: 10_000 }).map(([name, value]) =>
          client.create(priorityClasses, { metadata: { name }, value, globalDefault: false }),
        ),
      )
    })
    const on = (node: string, priorityClassName: string, amount: string, more = {}) => ({
      nodeSelector: { 'kubernetes.io/hostname': node },
      priorityClassName,
      requests: { [resource]: amount },
      ...more,
    })
    const create = (name: string, spec: object) => client.create(podsRef, podOf(name, namespace, spec))
    const bound = async (name: string, spec: object): Promise<void> => {
      await create(name, spec)
      await podWhen(client, { name, namespace }, isBound)
    }
    const whenGone = (name: string) =>
      waitFor(
        () =>
          client.get(podsRef, name, namespace).then(
            () => undefined,
            () => true,
          ),
        { what: `${name} to go` },
      )

    it('removes the least important Pod, says so, and gives its place to the other', async () => {
      await makeHollowNode(client, 'basic', { allocatable: { [resource]: '2' } })
      await bound('basic-low', on('basic', 'low', '1'))
      await bound('basic-medium', on('basic', 'medium', '1'))
      await create('basic-high', on('basic', 'high', '1'))
      const pod = await podWhen(client, { name: 'basic-high', namespace }, isBound)
      assert.equal(pod.status?.nominatedNodeName ?? '', '', 'it is no promise any longer')
      await whenGone('basic-low')
      await client.get(podsRef, 'basic-medium', namespace)
      const event = await eventWhen(client, { name: 'basic-low', namespace }, 'Preempted')
      assert.equal(event.message, `Preempted by pod ${pod.metadata?.uid} on node basic`)
    })

    it('marks a victim before it goes, and promises its node to the other', async () => {
      await makeHollowNode(client, 'held', { allocatable: { [resource]: '1' } })
      const victim = podOf('held-low', namespace, on('held', 'low', '1'))
      await client.create(podsRef, { ...victim, metadata: { ...victim.metadata, finalizers: ['example.com/held'] } })
      await podWhen(client, { name: 'held-low', namespace }, isBound)
      await create('held-high', on('held', 'high', '1'))
      const marked = await podWhen(
        client,
        { name: 'held-low', namespace },
        { what: 'to be told to go', is: ({ metadata }) => metadata?.deletionTimestamp !== undefined },
      )
      const condition = marked.status?.conditions?.find(({ type }) => type === 'DisruptionTarget')
      assert.equal(condition?.reason, 'PreemptionByScheduler')
      assert.equal(condition?.message, 'default-scheduler: preempting to accommodate a higher priority pod')
      await podWhen(
        client,
        { name: 'held-high', namespace },
        { what: 'to be promised the node', is: ({ status }) => status?.nominatedNodeName === 'held' },
      )
      await client.patch(podsRef, 'held-low', namespace, { metadata: { finalizers: null } }, { type: 'merge' })
      await podWhen(client, { name: 'held-high', namespace }, isBound)
    })

    it('makes room for a critical Pod', async () => {
      await makeHollowNode(client, 'critical', { allocatable: { [resource]: '1' } })
      await bound('critical-victim', on('critical', 'highest', '1'))
      const spec = on('critical', 'system-cluster-critical', '1')
      await client.create(podsRef, podOf('critical-pod', 'kube-system', spec))
      await podWhen(client, { name: 'critical-pod', namespace: 'kube-system' }, isBound)
      await client.delete(podsRef, 'critical-pod', 'kube-system')
    })

    it('leaves others alone for a Pod that does not preempt, and says so', async () => {
      await client.create(priorityClasses, {
        metadata: { name: 'polite' },
        value: 5_000,
        preemptionPolicy: 'Never',
        globalDefault: false,
      })
      await makeHollowNode(client, 'polite', { allocatable: { [resource]: '1' } })
      await bound('polite-low', on('polite', 'low', '1'))
      await create('polite-pod', on('polite', 'polite', '1'))
      const pod = await podWhen(client, { name: 'polite-pod', namespace }, isUnschedulable)
      assert.match(
        unschedulableMessage(pod) ?? '',
        /^0\/\d+ nodes are available: 1 Insufficient example.com\/fakecpu, .* preemption: not eligible due to preemptionPolicy=Never\.$/,
      )
      await client.get(podsRef, 'polite-low', namespace)
      await client.delete(podsRef, 'polite-pod', namespace)
    })

    it('works down a path of ReplicaSets of four priorities', async () => {
      await makeHollowNode(client, 'path', { allocatable: { [resource]: '1000' } })
      const makeSet = async (name: string, replicas: number, priorityClassName: string, amount: string) => {
        const { spec } = podOf(name, namespace, on('path', priorityClassName, amount))
        await client.create(replicaSets, {
          metadata: { name, namespace },
          spec: {
            replicas,
            selector: { matchLabels: { set: name } },
            template: { metadata: { labels: { set: name } }, ...(spec === undefined ? {} : { spec }) },
          },
        })
      }
      const running = async (name: string): Promise<number> => {
        const { items } = await client.list(podsRef, { namespace, labelSelector: `set=${name}` })
        return items.filter(isBound.is).length
      }
      const whenRunning = (name: string, count: number) =>
        waitFor(async () => (await running(name)) === count, { what: `${count} Pods of ${name}` })
      // As upstream's test: the first fills the node, each next one takes from the least important.
      await makeSet('rs1', 5, 'low', '40')
      await whenRunning('rs1', 5)
      await makeSet('rs2', 4, 'medium', '50')
      await whenRunning('rs2', 4)
      await makeSet('rs3', 4, 'high', '95')
      await whenRunning('rs3', 4)
      await makeSet('rs4', 1, 'highest', '400')
      await whenRunning('rs4', 1)
      await waitFor(async () => (await running('rs1')) === 0 && (await running('rs2')) === 4, {
        what: 'the least important alone to be gone',
      })
      assert.equal(await running('rs3'), 4)
      for (const name of ['rs1', 'rs2', 'rs3', 'rs4']) await client.delete(replicaSets, name, namespace)
    })
  })
}
