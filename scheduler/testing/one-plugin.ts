/** One plugin alone in a small cluster, for its table of cases. */
import type { Node, Pod } from '../../api/types.ts'
import { CycleState } from '../framework/cycle-state.ts'
import type { ChangedObject, ClusterEvent } from '../framework/events.ts'
import { registrationMatches } from '../framework/events.ts'
import type { PluginFactory } from '../framework/plugin.ts'
import { messageOf } from '../framework/status.ts'
import { defaultBinder } from '../plugins/default-binder.ts'
import { prioritySort } from '../plugins/priority-sort.ts'
import { aScheduler, type TestScheduler, type TestSchedulerOptions } from './fixtures.ts'

export interface OnePlugin extends TestScheduler {
  /** Why the plugin keeps the Pod off the node: `code: reasons`; undefined: it does not. */
  readonly rejection: (pod: Pod, nodeName: string) => string | undefined
  /** Scores of all nodes by name, normalized. */
  readonly scores: (pod: Pod) => Record<string, number>
  /** What its hints say of a change; undefined: it does not listen to such events. */
  readonly hint: (pod: Pod, event: ClusterEvent, change: Partial<ChangedObject>) => 'Queue' | 'Skip' | undefined
}

export interface OnePluginOptions extends Omit<TestSchedulerOptions, 'plugins'> {
  readonly args?: unknown
  /** Pods by the name of the node on which they are. */
  readonly running?: Readonly<Record<string, readonly Pod[]>>
}

export const onePlugin = (factory: PluginFactory, options: OnePluginOptions = {}): OnePlugin => {
  const plugins = [
    { name: 'PrioritySort', factory: prioritySort, args: undefined, weight: 1 },
    { name: 'Tested', factory, args: options.args, weight: 1 },
    { name: 'DefaultBinder', factory: defaultBinder, args: undefined, weight: 1 },
  ]
  const scheduler = aScheduler({ ...options, plugins })
  const { cache, framework } = scheduler
  for (const [nodeName, pods] of Object.entries(options.running ?? {})) {
    for (const pod of pods) cache.assume(pod, nodeName)
  }
  const tested = framework.plugins.all[1]
  return {
    ...scheduler,
    rejection: (pod, nodeName) => {
      const cycle = new CycleState()
      const outcome = framework.preFilter(cycle, pod, cache.nodes)
      const info = cache.get(nodeName)
      if (info === undefined) throw new Error(`there is no node ${nodeName}`)
      const isLeftOut = outcome.nodeNames !== undefined && !outcome.nodeNames.has(nodeName)
      const rejection = outcome.rejection ?? framework.filter(cycle, pod, info)
      if (rejection !== undefined) return `${rejection.code}: ${messageOf(rejection)}`
      return isLeftOut ? 'left out by PreFilter' : undefined
    },
    scores: (pod) => {
      const cycle = new CycleState()
      framework.preFilter(cycle, pod, cache.nodes)
      for (const info of cache.nodes) framework.filter(cycle, pod, info)
      const scores = framework.score(cycle, pod, cache.nodes)
      return Object.fromEntries(cache.nodes.map((info, index) => [info.name, scores[index] ?? NaN]))
    },
    hint: (pod, event, { old, current }) => {
      const registered = (tested?.eventsToRegister ?? []).filter((one) => registrationMatches(one, event))
      if (registered.length === 0) return undefined
      const queues = registered.some(({ hint }) => hint === undefined || hint(pod, { old, current }) === 'Queue')
      return queues ? 'Queue' : 'Skip'
    },
  }
}

/** A node with labels. */
export const labelled = (name: string, labels: Record<string, string>, spec: Node['spec'] = {}): Node => ({
  metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
  spec,
  status: { allocatable: { cpu: '4', memory: '8Gi', pods: '20' } },
})
