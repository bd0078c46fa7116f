/** The horizontal pod autoscaler. Custom resources stand in for the metrics APIs: the paths and fields are the same. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import {
  customResourceDefinitions,
  deployments,
  events,
  horizontalPodAutoscalers,
  pods,
  resourceRef,
} from '../../../api/resources.ts'
import type { HorizontalPodAutoscaler, KubeObject } from '../../../api/types.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { waitFor } from '../../harness/wait.ts'
import { makeNamespace } from '../api-machinery/fixtures.ts'

const namespace = 'autoscaling'

const metricsApi = (group: string, plural: string, kind: string) =>
  resourceRef<KubeObject>({ group, version: 'v1beta1', resource: plural, kind, namespaced: true })
const podMetrics = metricsApi('metrics.k8s.io', 'pods', 'PodMetrics')
const queueLength = metricsApi('external.metrics.k8s.io', 'queuelength', 'QueueLength')

const define = async (client: RestClient, { group, resource, kind }: typeof podMetrics): Promise<void> => {
  await client.create(customResourceDefinitions, {
    metadata: {
      name: `${resource}.${group}`,
      annotations: { 'api-approved.kubernetes.io': 'unapproved, for a test' },
    },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural: resource, singular: kind.toLowerCase(), kind, listKind: `${kind}List` },
      versions: [
        {
          name: 'v1beta1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        },
      ],
    },
  })
}

type Spec = NonNullable<HorizontalPodAutoscaler['spec']>

export const describeAutoscaling = (running: Running): void => {
  describe('the horizontal pod autoscaler', () => {
    let client: RestClient

    before(async () => {
      client = running().client
      await makeNamespace(client, namespace)
      await define(client, podMetrics)
      await define(client, queueLength)
    })

    const makeDeployment = async (name: string, replicas: number): Promise<void> => {
      const labels = { app: name }
      await client.create(deployments, {
        metadata: { name, namespace },
        spec: {
          replicas,
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: {
              containers: [{ name: 'c', image: 'none:1', resources: { requests: { cpu: '100m' } } }],
              schedulerName: 'nobody',
            },
          },
        },
      })
    }
    /** No node runs them: what a kubelet would tell is told here. */
    const runPods = async (app: string, count: number): Promise<string[]> => {
      const items = await waitFor(
        async () => {
          const list = await client.list(pods, { namespace, labelSelector: `app=${app}` })
          return list.items.length === count ? list.items : undefined
        },
        { what: `${count} Pods of ${app}` },
      )
      const startTime = new Date(Date.now() - 3_600_000).toISOString().replace(/\.\d+/, '')
      const status = {
        phase: 'Running',
        startTime,
        conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: startTime }],
      }
      const names = items.map(({ metadata }) => metadata?.name ?? '')
      for (const name of names) {
        await client.patch(pods, name, namespace, { status }, { type: 'merge', subresource: 'status' })
      }
      return names
    }
    const tellUse = async (app: string, names: readonly string[], cpu: string): Promise<void> => {
      const timestamp = new Date().toISOString().replace(/\.\d+/, '')
      for (const name of names) {
        await client.create(podMetrics, {
          metadata: { name, namespace, labels: { app } },
          timestamp,
          window: '30s',
          containers: [{ name: 'c', usage: { cpu, memory: '1Mi' } }],
        })
      }
    }
    const autoscale = (name: string, spec: Partial<Spec>): Promise<unknown> =>
      client.create(horizontalPodAutoscalers, {
        metadata: { name, namespace },
        spec: {
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
          minReplicas: 1,
          maxReplicas: 10,
          ...spec,
        },
      })
    const replicasOf = async (name: string): Promise<number | undefined> =>
      (await client.get(deployments, name, namespace)).spec?.replicas
    const untilReplicas = (name: string, count: number): Promise<unknown> =>
      waitFor(async () => (await replicasOf(name)) === count, { what: `${count} replicas of ${name}` })
    const untilCondition = (name: string, type: string, status: string, reason: string) =>
      waitFor(
        async () => {
          const { status: now } = await client.get(horizontalPodAutoscalers, name, namespace)
          return (now?.conditions ?? []).find(
            (condition) => condition.type === type && condition.status === status && condition.reason === reason,
          )
        },
        { what: `${type}=${status} ${reason} of ${name}` },
      )

    it('grows a Deployment by what its Pods use, and tells how', async () => {
      await makeDeployment('busy', 2)
      await tellUse('busy', await runPods('busy', 2), '150m')
      await autoscale('busy', {
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
        ],
      })
      // 150 % of 50 % by two Pods would be six; four is as many as there may be at once.
      await untilReplicas('busy', 4)
      await untilCondition('busy', 'ScalingActive', 'True', 'ValidMetricFound')
      const limited = await untilCondition('busy', 'ScalingLimited', 'True', 'ScaleUpLimit')
      assert.equal(limited.message, 'the desired replica count is increasing faster than the maximum scale rate')
      const { status } = await client.get(horizontalPodAutoscalers, 'busy', namespace)
      const [metric] = status?.currentMetrics ?? []
      assert.deepEqual(metric?.resource, { name: 'cpu', current: { averageUtilization: 150, averageValue: '150m' } })
      assert.ok(status?.lastScaleTime !== undefined)
      const told = await waitFor(
        async () => {
          const { items } = await client.list(events, { namespace, fieldSelector: 'reason=SuccessfulRescale' })
          return items.find(({ involvedObject }) => involvedObject.name === 'busy')
        },
        { what: 'the event' },
      )
      assert.equal(told.message, 'New size: 4; reason: cpu resource utilization (percentage of request) above target')
    })

    it('shrinks a Deployment at the rate of its behavior', async () => {
      await makeDeployment('idle', 4)
      await tellUse('idle', await runPods('idle', 4), '1m')
      await autoscale('idle', {
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'AverageValue', averageValue: '50m' } } },
        ],
        behavior: {
          scaleDown: { stabilizationWindowSeconds: 0, policies: [{ type: 'Pods', value: 1, periodSeconds: 600 }] },
        },
      })
      await untilReplicas('idle', 3)
      await untilCondition('idle', 'ScalingLimited', 'True', 'ScaleDownLimit')
      assert.equal(await replicasOf('idle'), 3)
    })

    it('follows a metric from outside', async () => {
      await makeDeployment('worker', 1)
      await runPods('worker', 1)
      for (const [name, value] of [
        ['a', '20'],
        ['b', '10'],
      ] as const) {
        const labels = { queue: 'jobs' }
        await client.create(queueLength, { metadata: { name, namespace, labels }, metricName: 'queuelength', value })
      }
      await client.create(queueLength, { metadata: { name: 'other', namespace, labels: { queue: 'x' } }, value: '900' })
      const metric = { name: 'queuelength', selector: { matchLabels: { queue: 'jobs' } } }
      await autoscale('worker', {
        metrics: [{ type: 'External', external: { metric, target: { type: 'AverageValue', averageValue: '10' } } }],
      })
      await untilReplicas('worker', 3)
    })

    it('keeps to its range whatever metrics say', async () => {
      await makeDeployment('many', 5)
      await autoscale('many', { maxReplicas: 3 })
      await untilReplicas('many', 3)
      await makeDeployment('few', 1)
      await autoscale('few', { minReplicas: 2 })
      await untilReplicas('few', 2)
    })

    it('leaves alone what is switched off, and what it cannot measure', async () => {
      await makeDeployment('off', 0)
      await autoscale('off', {})
      await untilCondition('off', 'ScalingActive', 'False', 'ScalingDisabled')
      await makeDeployment('silent', 2)
      await runPods('silent', 2)
      await autoscale('silent', {})
      const { message } = await untilCondition('silent', 'ScalingActive', 'False', 'FailedGetResourceMetric')
      assert.match(
        message ?? '',
        /^the HPA was unable to compute the replica count: failed to get cpu resource metric value: failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API$/,
      )
      assert.equal(await replicasOf('silent'), 2)
    })

    it('says that its target is not there', async () => {
      await autoscale('gone', {})
      const { message } = await untilCondition('gone', 'AbleToScale', 'False', 'FailedGetScale')
      assert.match(message ?? '', /unable to get the target's current scale: deployments.apps "gone" not found$/)
    })

    it('does nothing where two claim the same Pods', async () => {
      await makeDeployment('shared', 1)
      await runPods('shared', 1)
      await autoscale('shared', {})
      await client.create(horizontalPodAutoscalers, {
        metadata: { name: 'shared-too', namespace },
        spec: {
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'shared' },
          minReplicas: 1,
          maxReplicas: 10,
        },
      })
      await untilCondition('shared', 'ScalingActive', 'False', 'AmbiguousSelector')
      await untilCondition('shared-too', 'ScalingActive', 'False', 'AmbiguousSelector')
    })
  })
}
