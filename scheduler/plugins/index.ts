/** The default plugins, in upstream's order. */
import type { FilterPlugin, ScorePlugin } from '../framework/plugin.ts'
import { interPodAffinity, interPodAffinityScore } from './inter-pod-affinity.ts'
import { nodeAffinity, nodeAffinityScore } from './node-affinity.ts'
import { nodeName } from './node-name.ts'
import { nodePorts } from './node-ports.ts'
import { balancedAllocation, leastAllocated, nodeResourcesFit } from './node-resources-fit.ts'
import { nodeUnschedulable } from './node-unschedulable.ts'
import { podTopologySpread, podTopologySpreadScore } from './pod-topology-spread.ts'
import { taintToleration, taintTolerationScore } from './taint-toleration.ts'

/** A plugin's state type is its own affair: the framework hands back what `preFilter` or `preScore` returned. */
export const filterPlugins = [
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResourcesFit,
  podTopologySpread,
  interPodAffinity,
] as readonly FilterPlugin[]

export const scorePlugins = [
  taintTolerationScore,
  nodeAffinityScore,
  leastAllocated,
  podTopologySpreadScore,
  interPodAffinityScore,
  balancedAllocation,
] as readonly ScorePlugin[]
