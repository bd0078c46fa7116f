/** The default plugins: upstream's names, order and weights. */
import type { PluginFactory } from '../framework/plugin.ts'
import { defaultBinder } from './default-binder.ts'
import { defaultPreemption } from './default-preemption.ts'
import { imageLocality } from './image-locality.ts'
import { dynamicResources } from './dynamic-resources.ts'
import { interPodAffinity } from './inter-pod-affinity.ts'
import { nodeAffinity } from './node-affinity.ts'
import { nodeName } from './node-name.ts'
import { nodePorts } from './node-ports.ts'
import { nodeResourcesBalancedAllocation } from './node-resources-balanced-allocation.ts'
import { nodeResourcesFit } from './node-resources-fit.ts'
import { nodeUnschedulable } from './node-unschedulable.ts'
import { nodeVolumeLimits } from './node-volume-limits.ts'
import { podTopologySpread } from './pod-topology-spread.ts'
import { prioritySort } from './priority-sort.ts'
import { schedulingGates } from './scheduling-gates.ts'
import { taintToleration } from './taint-toleration.ts'
import { volumeBinding } from './volume-binding.ts'
import { volumeRestrictions } from './volume-restrictions.ts'
import { volumeZone } from './volume-zone.ts'

/** A plugin that a profile has without being told. */
export interface DefaultPlugin {
  readonly name: string
  readonly factory: PluginFactory
  /** Of its scores; 1 by default. */
  readonly weight?: number
}

/** In the order in which they run at every extension point that they have. */
export const defaultPlugins: readonly DefaultPlugin[] = [
  { name: 'SchedulingGates', factory: schedulingGates },
  { name: 'PrioritySort', factory: prioritySort },
  { name: 'NodeUnschedulable', factory: nodeUnschedulable },
  { name: 'NodeName', factory: nodeName },
  { name: 'TaintToleration', factory: taintToleration, weight: 3 },
  { name: 'NodeAffinity', factory: nodeAffinity, weight: 2 },
  { name: 'NodePorts', factory: nodePorts },
  { name: 'NodeResourcesFit', factory: nodeResourcesFit },
  { name: 'VolumeRestrictions', factory: volumeRestrictions },
  { name: 'NodeVolumeLimits', factory: nodeVolumeLimits },
  { name: 'VolumeBinding', factory: volumeBinding },
  { name: 'VolumeZone', factory: volumeZone },
  { name: 'PodTopologySpread', factory: podTopologySpread, weight: 2 },
  { name: 'InterPodAffinity', factory: interPodAffinity, weight: 2 },
  { name: 'DynamicResources', factory: dynamicResources, weight: 2 },
  { name: 'DefaultPreemption', factory: defaultPreemption },
  { name: 'NodeResourcesBalancedAllocation', factory: nodeResourcesBalancedAllocation },
  { name: 'ImageLocality', factory: imageLocality },
  { name: 'DefaultBinder', factory: defaultBinder },
]
