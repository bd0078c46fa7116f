/** The kubelet's metrics, under upstream's names. */
import { Counter, Gauge, Histogram, type Registry } from '../component-base/metrics/prometheus.ts'

export interface KubeletMetrics {
  readonly registry: Registry
  /** Seconds from seeing a Pod to all its containers running. */
  readonly podStart: Histogram
  readonly evictions: Counter<'eviction_signal'>
  readonly preemptions: Counter<'preemption_signal'>
  readonly imagesCollected: Counter<'reason'>
  readonly devicePlugins: Counter<'resource_name'>
}

export const createKubeletMetrics = (
  registry: Registry,
  counts: {
    readonly pods: () => number
    readonly containers: () => number
    readonly nodeName: string
  },
): KubeletMetrics => {
  const registers = [registry]
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  }
  gauge('kubelet_running_pods', 'Number of pods that have a running pod sandbox', counts.pods)
  gauge('kubelet_running_containers', 'Number of containers currently running', counts.containers)
  new Gauge({
    name: 'kubelet_node_name',
    help: "The node's name. The count is always 1.",
    labelNames: ['node'],
    registers,
  })
    .labels(counts.nodeName)
    .set(1)
  const podStart = new Histogram({
    name: 'kubelet_pod_start_duration_seconds',
    help: 'Duration in seconds from kubelet seeing a pod for the first time to the pod starting to run',
    buckets: [0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 300],
    registers,
  })
  const evictions = new Counter({
    name: 'kubelet_evictions',
    help: 'Cumulative number of pod evictions by eviction signal',
    labelNames: ['eviction_signal'],
    registers,
  })
  const preemptions = new Counter({
    name: 'kubelet_preemptions',
    help: 'Cumulative number of pod preemptions by preemption resource',
    labelNames: ['preemption_signal'],
    registers,
  })
  const imagesCollected = new Counter({
    name: 'kubelet_image_garbage_collected_total',
    help: 'Total number of images garbage collected by the kubelet, whether through disk usage or image age.',
    labelNames: ['reason'],
    registers,
  })
  const devicePlugins = new Counter({
    name: 'kubelet_device_plugin_registration_total',
    help: 'Cumulative number of device plugin registrations. Broken down by resource name.',
    labelNames: ['resource_name'],
    registers,
  })
  return { registry, podStart, evictions, preemptions, imagesCollected, devicePlugins }
}
