/**
 * An out-of-tree plugin, as an example: keeps Pods of one label value off racks that have one already, and prefers racks
 * with few Pods. `config/plugin-modules.ts` says how a configuration names it.
 */
import type { Pod } from '../../api/types.ts'
import type { LiveNodeInfo } from '../framework/node-info.ts'
import type { Plugin, PluginFactory } from '../framework/plugin.ts'
import { defaultNormalize } from '../framework/scores.ts'
import { skip, unschedulable } from '../framework/status.ts'

interface RackSpreadArgs {
  /** The label of nodes that names their rack. */
  readonly rackLabel: string
  /** Pods with the same value of this label share no rack. */
  readonly groupLabel: string
}

const taken = unschedulable('node(s) were on a rack that has a pod of the group')

const rackSpread: PluginFactory = (given, { snapshot }) => {
  const { rackLabel, groupLabel } = given as RackSpreadArgs
  if (!rackLabel || !groupLabel) throw new Error('rackLabel and groupLabel are required')
  const rackOf = (info: LiveNodeInfo): string => info.node.metadata?.labels?.[rackLabel] ?? ''
  const groupOf = (pod: Pod): string | undefined => pod.metadata?.labels?.[groupLabel]
  const plugin: Plugin<ReadonlySet<string>, ReadonlyMap<string, number>> = {
    name: 'RackSpread',
    eventsToRegister: [
      {
        resource: 'AssignedPod',
        actions: ['Delete'],
        hint: (pod, { old }) => (groupOf(old as Pod) === groupOf(pod) ? 'Queue' : 'Skip'),
      },
      { resource: 'Node', actions: ['Add', 'UpdateNodeLabel'] },
    ],
    preFilter: (pod, nodes) => {
      const group = groupOf(pod)
      if (group === undefined) return skip
      const racks = nodes
        .filter((info) => [...info.pods.values()].some((other) => groupOf(other) === group))
        .map(rackOf)
      return { code: 'Success', state: new Set(racks) }
    },
    filter: (_pod, info, racks) => (racks.has(rackOf(info)) ? taken : undefined),
    preScore: () => {
      const pods = new Map<string, number>()
      for (const info of snapshot.nodes) pods.set(rackOf(info), (pods.get(rackOf(info)) ?? 0) + info.pods.size)
      return pods
    },
    score: (_pod, info, pods) => pods.get(rackOf(info)) ?? 0,
    normalizeScores: (scores) => defaultNormalize(scores, true),
  }
  return plugin
}

export default rackSpread
