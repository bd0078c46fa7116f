/** Metrics of the process, under upstream's names. Upstream: controller-manager/pkg/controllermanager metrics. */
import { createQueueMetrics, type QueueMetrics } from '../client/workqueue/queue-metrics.ts'
import { registerNumbers } from '../component-base/metrics/histogram-family.ts'
import type { Registry } from '../component-base/metrics/prometheus.ts'
import type { RunController } from './context.ts'

const manager = 'kube-controller-manager'

/** What upstream's controllers call their queue, where that is not their own name without its end. */
const queueNames: Readonly<Record<string, string>> = {
  'replicationcontroller-controller': 'replicationmanager',
  'endpoints-controller': 'endpoint',
  'endpointslice-controller': 'endpoint_slice',
  'endpointslice-mirroring-controller': 'endpoint_slice_mirroring',
  'garbage-collector-controller': 'garbage_collector_attempt_to_delete',
  'horizontal-pod-autoscaler-controller': 'horizontalpodautoscaler',
  'resourcequota-controller': 'resourcequota_primary',
  'resourceclaim-controller': 'resource_claim',
  'ttl-after-finished-controller': 'ttl_jobs_to_delete',
  'ttl-controller': 'ttlcontroller',
  'persistentvolumeclaim-protection-controller': 'pvcprotection',
  'persistentvolume-protection-controller': 'pvprotection',
  'persistentvolume-expander-controller': 'volume_expand',
  'ephemeral-volume-controller': 'ephemeral_volume',
  'root-ca-certificate-publisher-controller': 'root_ca_cert_publisher',
  'clusterrole-aggregation-controller': 'ClusterRoleAggregator',
  'node-lifecycle-controller': 'node_lifecycle_controller',
}

/** The label `name` of a controller's queues. */
export const queueName = (controller: string): string =>
  Object.hasOwn(queueNames, controller)
    ? (queueNames[controller] ?? controller)
    : controller.replace(/-controller$/, '').replaceAll('-', '_')

export interface ManagerMetrics {
  readonly queues: QueueMetrics
  /** Shows the controller as running as long as it does. */
  readonly whileRunning: (controller: string, run: RunController) => RunController
  readonly setLeader: (lease: string, leads: boolean) => void
}

export const createManagerMetrics = (registry: Registry): ManagerMetrics => {
  const running = new Map<string, number>()
  const leading = new Map<string, number>()
  const gauge = (name: string, help: string, values: ReadonlyMap<string, number>, labels: object): void =>
    registerNumbers(registry, {
      name,
      help,
      type: 'gauge',
      samples: () => [...values].map(([key, value]) => ({ labels: { ...labels, name: key }, value })),
    })
  gauge('running_managed_controllers', 'Controllers that run in this process.', running, { manager })
  gauge('leader_election_master_status', '1 for the leader of the lease, 0 for who waits to be it.', leading, {})
  return {
    queues: createQueueMetrics(registry),
    whileRunning: (controller, run) => async () => {
      running.set(controller, 1)
      try {
        return await run()
      } finally {
        running.set(controller, 0)
      }
    },
    setLeader: (lease, leads) => void leading.set(lease, leads ? 1 : 0),
  }
}
