/** What wakes a waiting Pod, and what the scheduler counts. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { nodes as nodesRef, pods as podsRef } from '../../../api/resources.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import { makeHollowNode } from '../../harness/hollow-nodes.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { waitFor } from '../../harness/wait.ts'
import { makeNamespace } from '../api-machinery/fixtures.ts'
import { isBound, isUnschedulable, podOf, podWhen, unschedulableMessage } from './fixtures.ts'
import { getFromScheduler } from './secure-port.ts'

const namespace = 'queues'

export const describeQueues = (running: Running): void => {
  describe('a waiting Pod', () => {
    let client: RestClient
    before(async () => {
      client = running().client
      await makeNamespace(client, namespace)
      await makeHollowNode(client, 'queues', { allocatable: { cpu: '2' } })
    })
    const here = { nodeSelector: { 'kubernetes.io/hostname': 'queues' } }
    const waits = async (name: string, spec: object): Promise<void> => {
      await client.create(podsRef, podOf(name, namespace, spec))
      await podWhen(client, { name, namespace }, isUnschedulable)
    }
    const binds = (name: string) => podWhen(client, { name, namespace }, isBound)
    const patchNode = (spec: object) => client.patch(nodesRef, 'queues', undefined, spec, { type: 'merge' })

    it('is bound once another Pod leaves room', async () => {
      await client.create(podsRef, podOf('big', namespace, { ...here, requests: { cpu: '2' } }))
      await binds('big')
      await waits('next', { ...here, requests: { cpu: '1' } })
      const pod = await client.get(podsRef, 'next', namespace)
      assert.match(
        unschedulableMessage(pod) ?? '',
        /^0\/\d+ nodes are available: 1 Insufficient cpu, \d+ node\(s\) didn't match Pod's node affinity\/selector\. no new claims to deallocate, preemption: 0\/\d+ nodes are available: 1 No preemption victims found for incoming pod, \d+ Preemption is not helpful for scheduling\.$/,
      )
      await client.delete(podsRef, 'big', namespace)
      await binds('next')
    })

    it('is bound once a taint is gone', async () => {
      await patchNode({ spec: { taints: [{ key: 'example.com/closed', effect: 'NoSchedule' }] } })
      await waits('tainted', here)
      await patchNode({ spec: { taints: null } })
      await binds('tainted')
    })

    it('is bound once a node has the label that it wants', async () => {
      await waits('picky', { nodeSelector: { 'example.com/disk': 'ssd' } })
      await patchNode({ metadata: { labels: { 'example.com/disk': 'ssd' } } })
      await binds('picky')
    })

    it('is bound once it tolerates what keeps it off', async () => {
      await patchNode({ spec: { unschedulable: true } })
      await waits('tolerant', here)
      const toleration = { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' }
      const pod = await client.get(podsRef, 'tolerant', namespace)
      const tolerations = [...(pod.spec?.tolerations ?? []), toleration]
      await client.patch(podsRef, 'tolerant', namespace, { spec: { tolerations } }, { type: 'merge' })
      await binds('tolerant')
      await patchNode({ spec: { unschedulable: null } })
    })

    it('is not looked at while it is gated', async () => {
      const gated = podOf('gated', namespace, { ...here, schedulingGates: [{ name: 'example.com/wait' }] })
      const created = await client.create(podsRef, gated)
      const condition = created.status?.conditions?.find(({ type }) => type === 'PodScheduled')
      assert.equal(condition?.reason, 'SchedulingGated')
      await waitFor(
        async () =>
          (await getFromScheduler(running(), '/metrics')).text.includes('scheduler_pending_pods{queue="gated"} 1'),
        { what: 'a gated Pod in the metrics' },
      )
      await client.patch(podsRef, 'gated', namespace, { spec: { schedulingGates: null } }, { type: 'merge' })
      await binds('gated')
    })

    it("is counted under upstream's names", async () => {
      const { text } = await getFromScheduler(running(), '/metrics')
      for (const sample of [
        'scheduler_schedule_attempts_total{result="scheduled",profile="default-scheduler"}',
        'scheduler_schedule_attempts_total{result="unschedulable",profile="default-scheduler"}',
        'scheduler_scheduling_attempt_duration_seconds_count{result="scheduled",profile="default-scheduler"}',
        'scheduler_scheduling_algorithm_duration_seconds_count',
        'scheduler_framework_extension_point_duration_seconds_count{extension_point="Filter",status="Success",profile="default-scheduler"}',
        'scheduler_framework_extension_point_duration_seconds_count{extension_point="Bind",status="Success",profile="default-scheduler"}',
        'scheduler_plugin_execution_duration_seconds_count{plugin="NodeResourcesFit",extension_point="PreFilter",status="Success"}',
        'scheduler_queue_incoming_pods_total{queue="active",event="PodAdd"}',
        'scheduler_pod_scheduling_attempts_count',
        'scheduler_pod_scheduling_sli_duration_seconds_count{attempts="1"}',
        'scheduler_scheduler_cache_size{type="nodes"}',
        'scheduler_pending_pods{queue="unschedulable"}',
      ]) {
        assert.ok(text.includes(sample), sample)
      }
    })
  })
}
