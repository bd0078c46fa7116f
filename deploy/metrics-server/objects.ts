/** NodeMetrics and PodMetrics of metrics.k8s.io/v1beta1. */
import type { KubeObject, Node, Pod } from '../../api/types.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import type { ScrapedNode } from './scraper.ts'
import { podUsage, type Usage, usageBetween } from './samples.ts'

export const groupVersion = 'metrics.k8s.io/v1beta1'

const usageText = ({ nanocores, memoryBytes }: Usage): { cpu: string; memory: string } => ({
  cpu: `${nanocores}n`,
  memory: `${Math.round(memoryBytes / 1024)}Ki`,
})

/** As Go writes a duration, in milliseconds at most: `15.012s`, `1m2s`. */
const durationText = (ms: number): string => {
  const minutes = Math.floor(ms / 60_000)
  return `${minutes > 0 ? `${minutes}m` : ''}${(ms - minutes * 60_000) / 1000}s`
}

const head = (
  kind: string,
  { metadata }: KubeObject,
  { atMs, windowMs }: Usage,
  nowMs: number,
): Record<string, unknown> => ({
  kind,
  apiVersion: groupVersion,
  metadata: {
    name: metadata?.name,
    ...(metadata?.namespace === undefined ? {} : { namespace: metadata.namespace }),
    creationTimestamp: nowRfc3339(nowMs),
    ...(metadata?.labels === undefined ? {} : { labels: metadata.labels }),
  },
  timestamp: nowRfc3339(atMs),
  window: durationText(windowMs),
})

/** undefined where the node's use is not known. */
export const nodeMetrics = (node: Node, scraped: ScrapedNode | undefined, nowMs: number): object | undefined => {
  const usage = usageBetween(scraped?.before.node, scraped?.after.node)
  return usage === undefined ? undefined : { ...head('NodeMetrics', node, usage, nowMs), usage: usageText(usage) }
}

/** undefined where the Pod does not run or its use is not known yet. */
export const podMetrics = (pod: Pod, scraped: ScrapedNode | undefined, nowMs: number): object | undefined => {
  const key = `${pod.metadata?.namespace ?? ''}/${pod.metadata?.name ?? ''}`
  const usages = scraped === undefined ? undefined : podUsage(scraped.before, scraped.after, key)
  const [first] = usages?.values() ?? []
  if (usages === undefined || first === undefined) return undefined
  const containers = [...usages].map(([name, usage]) => ({ name, usage: usageText(usage) }))
  return { ...head('PodMetrics', pod, first, nowMs), containers }
}
