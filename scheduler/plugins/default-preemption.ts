import { podDisruptionBudgets, pods as podsRef } from '../../api/resources.ts'
import type { Pod } from '../../api/types.ts'
import { objectKey } from '../../client/cache/store.ts'
import type { CycleState } from '../framework/cycle-state.ts'
import { fitErrorMessage, newDiagnosis } from '../framework/diagnosis.ts'
import type { Extender, Victims } from '../framework/extender.ts'
import type { Handle } from '../framework/handle.ts'
import type { Diagnosis, Plugin, PostFilterResult } from '../framework/plugin.ts'
import { type Rejection, unresolvable, unschedulable } from '../framework/status.ts'
import { dryRun } from '../preemption/dry-run.ts'
import { Evictor } from '../preemption/evictor.ts'
import { type Candidate, pickCandidate } from '../preemption/pick-node.ts'
import { priorityOf } from '../preemption/pod-importance.ts'

/** How many nodes are tried: a share of those in question, but not less than so many. */
export interface DefaultPreemptionArgs {
  readonly minCandidateNodesPercentage: number
  readonly minCandidateNodesAbsolute: number
}

export const defaultPreemptionDefaults: DefaultPreemptionArgs = {
  minCandidateNodesPercentage: 10,
  minCandidateNodesAbsolute: 100,
}

const name = 'DefaultPreemption'

const notHelpful = unresolvable('Preemption is not helpful for scheduling')
const stillRunning = unresolvable('waiting for the preemption for this pod to be finished')

/** Upstream: calculateNumCandidates. */
export const candidatesWanted = (nodes: number, args: DefaultPreemptionArgs): number =>
  Math.min(
    nodes,
    Math.max(args.minCandidateNodesAbsolute, Math.floor((nodes * args.minCandidateNodesPercentage) / 100)),
  )

const isTerminatingByPreemption = (pod: Pod): boolean =>
  pod.metadata?.deletionTimestamp !== undefined &&
  (pod.status?.conditions ?? []).some(
    ({ type, status, reason }) =>
      type === 'DisruptionTarget' && status === 'True' && reason === 'PreemptionByScheduler',
  )

const statusOf = ({ nodeToStatus, absentNodesStatus }: Diagnosis, nodeName: string): Rejection =>
  nodeToStatus.get(nodeName) ?? absentNodesStatus

/** Why the Pod may not preempt others now; undefined: it may. Upstream: PodEligibleToPreemptOthers. */
const ineligible = (pod: Pod, diagnosis: Diagnosis, { snapshot }: Handle): string | undefined => {
  if (pod.spec?.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.'
  const nominated = pod.status?.nominatedNodeName ?? ''
  if (nominated === '' || statusOf(diagnosis, nominated).code === 'UnschedulableAndUnresolvable') return undefined
  // It has preempted once; while its victims go there, no others should.
  const leaving = [...(snapshot.get(nominated)?.pods.values() ?? [])].some(
    (other) => priorityOf(other) < priorityOf(pod) && isTerminatingByPreemption(other),
  )
  return leaving ? 'not eligible due to a terminating pod on the nominated node.' : undefined
}

/** Extenders may strike out nodes, and change victims, one after the other. */
const askExtenders = async (
  pod: Pod,
  candidates: readonly Candidate[],
  extenders: readonly Extender[],
): Promise<readonly Candidate[]> => {
  let victims: ReadonlyMap<string, Victims> = new Map(candidates.map((candidate) => [candidate.nodeName, candidate]))
  for (const extender of extenders) {
    if (extender.preempt === undefined || victims.size === 0) continue
    try {
      const answer = new Map(await extender.preempt(pod, victims))
      for (const [nodeName, { pods }] of answer) {
        if (pods.length > 0) continue
        if (!extender.ignorable) throw new Error(`expected at least one victim pod on node "${nodeName}"`)
        answer.delete(nodeName)
      }
      victims = answer
    } catch (error) {
      if (!extender.ignorable) throw error
    }
  }
  return [...victims].map(([nodeName, { pods, pdbViolations }]) => ({ nodeName, pods, pdbViolations }))
}

const withPrefix = (result: PostFilterResult): PostFilterResult =>
  result.rejection === undefined
    ? result
    : {
        ...result,
        rejection: unschedulable(...result.rejection.reasons.map((reason) => `preemption: ${reason}`)),
      }

/** Makes room for a Pod by removing less important ones from the node where that does the least harm. */
export const defaultPreemption = (given: unknown, handle: Handle): Plugin => {
  const args = { ...defaultPreemptionDefaults, ...(given as Partial<DefaultPreemptionArgs> | undefined) }
  const { informers, snapshot, clock, random, metrics, extenders } = handle
  const budgets = informers.for(podDisruptionBudgets).lister
  const pods = informers.for(podsRef).lister
  const evictor = new Evictor(handle, name)

  const choose = (pod: Pod, candidates: readonly Candidate[]): PostFilterResult => {
    const best = pickCandidate(candidates, clock.now())
    if (best === undefined) return { rejection: unschedulable('no candidate node for preemption') }
    evictor.evict(pod, best)
    return { nominatedNodeName: best.nodeName }
  }

  const preempt = (pod: Pod, diagnosis: Diagnosis, cycle: CycleState): PostFilterResult | Promise<PostFilterResult> => {
    const reason = ineligible(pod, diagnosis, handle)
    if (reason !== undefined) return { rejection: unschedulable(reason) }
    const potential = snapshot.nodes.filter((info) => statusOf(diagnosis, info.name).code === 'Unschedulable')
    const { candidates, nodeToStatus } = dryRun(pod, potential, {
      runner: handle.runner,
      cycle,
      pdbs: budgets.list(),
      nowMs: clock.now(),
      offset: Math.floor(random() * potential.length),
      wanted: candidatesWanted(potential.length, args),
    })
    if (candidates.length === 0) {
      const found = { ...newDiagnosis(), nodeToStatus, absentNodesStatus: notHelpful }
      return { nominatedNodeName: '', rejection: unschedulable(fitErrorMessage(found, snapshot.nodes.length)) }
    }
    const asked = extenders.filter((extender) => extender.preempt !== undefined && extender.isInterested(pod))
    if (asked.length === 0) return choose(pod, candidates)
    return askExtenders(pod, candidates, asked).then((left) => choose(pod, left))
  }

  return {
    name,
    // What wakes the Pod is the business of the plugins that rejected it.
    eventsToRegister: [{ resource: 'AssignedPod', actions: ['Delete'], hint: () => 'Skip' }],
    preEnqueue: (pod) => (evictor.isRunning(pod) ? stillRunning : undefined),
    postFilter: (pod, diagnosis, cycle) => {
      metrics.preemptionAttempts.inc()
      const latest = pods.get(objectKey(pod))
      if (latest === undefined) throw new Error(`pod "${pod.metadata?.name}" not found`)
      const result = preempt(latest, diagnosis, cycle)
      return result instanceof Promise ? result.then(withPrefix) : withPrefix(result)
    },
  }
}
