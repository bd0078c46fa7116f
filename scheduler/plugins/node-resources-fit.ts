import { isExtendedResource } from '../../api/core/pod-spec/validate-resources.ts'
import type { Node, Pod } from '../../api/types.ts'
import type { QueueingHint } from '../framework/events.ts'
import type { NodeInfo } from '../framework/node-info.ts'
import type { Plugin, PluginFactory } from '../framework/plugin.ts'
import { allocatableOf, podResources, type PodResources, type Resources } from '../framework/resources.ts'
import { unresolvable, unschedulable } from '../framework/status.ts'
import { fillNodeAmounts, nodeAmounts, requestList } from './resource-amounts.ts'
import {
  defaultResources,
  leastAllocated,
  mostAllocated,
  requestedToCapacityRatio,
  type ResourceScorer,
  type ResourceSpec,
  type UtilizationShapePoint,
} from './resource-scoring.ts'

/** NodeResourcesFitArgs. */
export interface NodeResourcesFitArgs {
  /** Extended resources that somebody else looks after. */
  readonly ignoredResources?: readonly string[]
  /** The same by what is before the slash. */
  readonly ignoredResourceGroups?: readonly string[]
  readonly scoringStrategy?: {
    readonly type?: 'LeastAllocated' | 'MostAllocated' | 'RequestedToCapacityRatio'
    readonly resources?: readonly ResourceSpec[]
    readonly requestedToCapacityRatio?: { readonly shape?: readonly UtilizationShapePoint[] }
  }
}

type Wanted = PodResources['wanted']

const hasRoomForPod = (info: NodeInfo): boolean => info.pods.size < (info.allocatable.get('pods') ?? 0)

const freeOf = (info: NodeInfo, name: string): number =>
  (info.allocatable.get(name) ?? 0) - (info.requested.get(name) ?? 0)

/** The answer for almost every node of a big cluster: it allocates nothing. */
const hasRoom = (info: NodeInfo, wanted: Wanted): boolean => {
  if (!hasRoomForPod(info)) return false
  for (const { name, amount } of wanted) if (amount > freeOf(info, name)) return false
  return true
}

const insufficient = (info: NodeInfo, wanted: Wanted): { short: string[]; never: boolean } => {
  const short: string[] = []
  let never = false
  if (!hasRoomForPod(info)) short.push('Too many pods')
  for (const { name, amount } of wanted) {
    if (amount <= freeOf(info, name)) continue
    short.push(`Insufficient ${name}`)
    // More than the whole node has: no eviction will make room.
    if (amount > (info.allocatable.get(name) ?? 0)) never = true
  }
  return { short, never }
}

/** Whether the empty node would be big enough. */
const couldFit = (wanted: Wanted, allocatable: Resources): boolean =>
  (allocatable.get('pods') ?? 0) > 0 && wanted.every(({ name, amount }) => amount <= (allocatable.get(name) ?? 0))

/** Something that the Pod needs became more. */
const hasGrown = (wanted: Wanted, old: Resources, now: Resources): boolean =>
  ['pods', ...wanted.map(({ name }) => name)].some((name) => (now.get(name) ?? 0) > (old.get(name) ?? 0))

const afterPodEvent: QueueingHint = (pod, { old, current }) => {
  if (current === undefined || old === undefined) return 'Queue'
  if (current.metadata?.uid === pod.metadata?.uid) return 'Queue'
  const before = podResources(old as Pod).requests
  const after = podResources(current as Pod).requests
  const freed = podResources(pod).wanted.some(({ name }) => (after.get(name) ?? 0) < (before.get(name) ?? 0))
  return freed ? 'Queue' : 'Skip'
}

const afterNodeChange: QueueingHint = (pod, { old, current }) => {
  const { wanted } = podResources(pod)
  const now = allocatableOf(current as Node)
  if (!couldFit(wanted, now)) return 'Skip'
  return old === undefined || hasGrown(wanted, allocatableOf(old as Node), now) ? 'Queue' : 'Skip'
}

const scorerOf = (strategy: NonNullable<NodeResourcesFitArgs['scoringStrategy']>): ResourceScorer => {
  const { type = 'LeastAllocated', resources = defaultResources } = strategy
  switch (type) {
    case 'LeastAllocated':
      return leastAllocated(resources)
    case 'MostAllocated':
      return mostAllocated(resources)
    case 'RequestedToCapacityRatio':
      return requestedToCapacityRatio(resources, strategy.requestedToCapacityRatio?.shape ?? [])
    default:
      throw new Error(`scoring strategy ${String(type)} is not supported`)
  }
}

/** A node has room for what the Pod requests; how full it would be scores, by one of three strategies. */
export const nodeResourcesFit: PluginFactory = (args, { extenders }): Plugin<Wanted, readonly number[]> => {
  const {
    ignoredResources = [],
    ignoredResourceGroups = [],
    scoringStrategy = {},
  } = (args ?? {}) as NodeResourcesFitArgs
  const { resources = defaultResources } = scoringStrategy
  const score = scorerOf(scoringStrategy)
  const amounts = nodeAmounts(resources)
  const ignored = new Set(ignoredResources)
  for (const extender of extenders) for (const name of extender.ignoredResources) ignored.add(name)
  const ignoredGroups = new Set(ignoredResourceGroups)
  const isIgnored = (name: string): boolean =>
    isExtendedResource(name) && (ignored.has(name) || ignoredGroups.has(name.slice(0, name.indexOf('/'))))
  const wantedOf = (pod: Pod): Wanted => {
    const { wanted } = podResources(pod)
    return ignored.size + ignoredGroups.size === 0 ? wanted : wanted.filter(({ name }) => !isIgnored(name))
  }
  return {
    name: 'NodeResourcesFit',
    eventsToRegister: [
      { resource: 'AssignedPod', actions: ['Delete', 'UpdatePodScaleDown'], hint: afterPodEvent },
      { resource: 'TargetPod', actions: ['UpdatePodScaleDown'] },
      { resource: 'Node', actions: ['Add', 'UpdateNodeAllocatable'], hint: afterNodeChange },
    ],
    preFilter: (pod) => ({ code: 'Success', state: wantedOf(pod) }),
    filter: (_pod, info, wanted) => {
      if (hasRoom(info, wanted)) return undefined
      const { short, never } = insufficient(info, wanted)
      return never ? unresolvable(...short) : unschedulable(...short)
    },
    preScore: (pod) => requestList(pod, resources, true),
    score: (_pod, info, asked) => {
      fillNodeAmounts(amounts, info, { resources, asked, nonZero: true })
      return score(amounts.withPod, amounts.allocatable)
    },
  }
}
