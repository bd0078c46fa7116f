import { matchesNodeSelector } from '../../api/core/node-affinity.ts'
import { deviceClasses, resourceClaims, resourceSlices } from '../../api/resources.ts'
import type { Pod, ResourceClaim, ResourceSlice } from '../../api/types.ts'
import { objectKey } from '../../client/cache/store.ts'
import { parseDuration } from '../../component-base/flags/duration.ts'
import type { QueueingHint } from '../framework/events.ts'
import type { Plugin, PluginFactory } from '../framework/plugin.ts'
import { defaultNormalize } from '../framework/scores.ts'
import { type Rejection, skip, unresolvable, unschedulable } from '../framework/status.ts'
import { type Allocation, allocationOf, preferenceOf } from './devices/allocation.ts'
import { allocateDevices, AllocationTimeout } from './devices/allocator.ts'
import { bindClaim, deallocateClaim, releaseClaim } from './devices/bind-claim.ts'
import { ClaimTracker } from './devices/claim-tracker.ts'
import { claimsOfPod, claimText, isReservedFor, uidOf } from './devices/pod-resource-claims.ts'
import { poolsFor, slicesByPool } from './devices/pools.ts'
import { type ClaimRequests, createSelectorCache, requestsOf } from './devices/requests.ts'

/** DynamicResourcesArgs. */
export interface DynamicResourcesArgs {
  /** How long the search for devices on one node may take, `10s` by default; 0 is without end. */
  readonly filterTimeout?: string
}

interface State {
  /** As the API server last had them; replaced by what PreBind writes. */
  readonly claims: ResourceClaim[]
  /** Those that are to be allocated. */
  readonly requests: readonly ClaimRequests[]
  readonly pools: ReadonlyMap<string, readonly ResourceSlice[]>
  /** What Filter found for each node: the allocations of `requests`. */
  readonly byNode: Map<string, ReadonlyMap<ResourceClaim, Allocation>>
  /** Allocated claims that cannot be used on some node. */
  readonly unavailable: Set<ResourceClaim>
  /** By uid of the claim: what Reserve took. */
  readonly reserved: Map<string, Allocation>
}

const unavailableHere = unresolvable('resourceclaim not available on the node')
const notEnough = unresolvable('cannot allocate all claims')
const timedOut = unresolvable('timed out trying to allocate devices')
const invalidPools = unresolvable('invalid resource pools were encountered')

/** Nothing else runs while devices are sought, not even the renewal of leadership: no timeout may be longer. */
const maxBlockedMs = 1_000

const isForThisPodAlone = (pod: Pod, { status }: ResourceClaim): boolean =>
  (status?.reservedFor ?? []).every(({ uid }) => uid === uidOf(pod))

/** Names of the DeviceClasses that a claim asks for, with the request that does. */
const classesOf = (claim: ResourceClaim): { readonly request: string; readonly className: string }[] =>
  (claim.spec?.devices?.requests ?? []).flatMap(({ name, exactly, firstAvailable = [] }) =>
    exactly === undefined
      ? firstAvailable.map((one) => ({ request: `${name}/${one.name}`, className: one.deviceClassName }))
      : [{ request: name, className: exactly.deviceClassName }],
  )

/**
 * Devices for the Pod's ResourceClaims: chosen from ResourceSlices in Filter, taken in Reserve, written into the claims,
 * which are reserved for the Pod, in PreBind.
 */
export const dynamicResources: PluginFactory = (args, handle): Plugin<State, State> => {
  const { filterTimeout = '10s' } = (args ?? {}) as DynamicResourcesArgs
  const timeoutMs = Math.min(parseDuration(filterTimeout) || Infinity, maxBlockedMs)
  const { informers, client, clock, log, random } = handle
  const claimInformer = informers.for(resourceClaims)
  const slices = informers.for(resourceSlices).lister
  const classes = informers.for(deviceClasses).lister
  const tracker = new ClaimTracker(claimInformer)
  const selector = createSelectorCache()
  const getClaim = claimInformer.lister.get

  /** A Pod that waits for its claims is not even queued. */
  const preEnqueue = (pod: Pod): Rejection | undefined => {
    if (pod.spec?.resourceClaims === undefined) return undefined
    const claims = claimsOfPod(pod, getClaim)
    return 'reason' in claims ? unresolvable(claims.reason) : undefined
  }

  const afterClaimChange: QueueingHint = (pod, change) => {
    const [old, current] = [change.old as ResourceClaim | undefined, change.current as ResourceClaim]
    const claims = claimsOfPod(pod, getClaim)
    if ('reason' in claims) return 'Skip'
    // Devices are free again, whosever they were.
    if (old?.status?.allocation !== undefined && current.status?.allocation === undefined) return 'Queue'
    if (!claims.some((claim) => uidOf(claim) === uidOf(current))) return 'Skip'
    return JSON.stringify(old?.status) === JSON.stringify(current.status) && old !== undefined ? 'Skip' : 'Queue'
  }

  /** Why a claim that is to be allocated cannot be on any node. */
  const problemOf = (claim: ResourceClaim): Rejection | undefined => {
    if (tracker.isPending(claim)) {
      return unresolvable(`resource claim ${claimText(claim)} is in the process of being allocated`)
    }
    const missing = classesOf(claim).find(({ className }) => classes.get(className) === undefined)
    if (missing === undefined) return undefined
    return unresolvable(`request ${missing.request}: device class ${missing.className} does not exist`)
  }

  const release = (pod: Pod, claim: ResourceClaim): void => {
    void releaseClaim(client, claim, pod).catch((err: unknown) =>
      log.warn({ err, claim: claimText(claim) }, 'reservation not taken back'),
    )
  }

  return {
    name: 'DynamicResources',
    eventsToRegister: [
      { resource: 'Node', actions: ['Add', 'UpdateNodeLabel'] },
      { resource: 'resource.k8s.io/ResourceClaim', actions: ['Add', 'Update'], hint: afterClaimChange },
      {
        resource: 'TargetPod',
        actions: ['UpdatePodGeneratedResourceClaim'],
        hint: (_pod, { current }) => (preEnqueue(current as Pod) === undefined ? 'Queue' : 'Skip'),
      },
      { resource: 'resource.k8s.io/DeviceClass', actions: ['Add', 'Update'] },
      { resource: 'resource.k8s.io/ResourceSlice', actions: ['Add', 'Update'] },
    ],
    preEnqueue,

    preFilter: (pod) => {
      if ((pod.spec?.resourceClaims ?? []).length === 0) return skip
      const claims = claimsOfPod(pod, getClaim)
      if ('reason' in claims) return unresolvable(claims.reason)
      if (claims.length === 0) return skip
      const wanted = claims.filter(({ status }) => status?.allocation === undefined)
      for (const claim of wanted) {
        const problem = problemOf(claim)
        if (problem !== undefined) return problem
      }
      const state: State = {
        claims: [...claims],
        requests: wanted.map((claim) => requestsOf(claim, { deviceClass: classes.get, selector })),
        pools: wanted.length === 0 ? new Map() : slicesByPool(slices.list()),
        byNode: new Map(),
        unavailable: new Set(),
        reserved: new Map(),
      }
      return { code: 'Success', state }
    },

    filter: (_pod, { node, name }, state) => {
      const unreachable = state.claims.filter(
        ({ status }) => !matchesNodeSelector(status?.allocation?.nodeSelector, node),
      )
      if (state.requests.length > 0) {
        const pools = poolsFor(state.pools, node)
        const end = clock.now() + timeoutMs
        const { isAllocated } = tracker
        let found: ReturnType<typeof allocateDevices>
        try {
          found = allocateDevices(state.requests, { pools, isAllocated, isOver: () => clock.now() > end })
        } catch (error) {
          if (error instanceof AllocationTimeout) return timedOut
          throw error
        }
        if (found === undefined) return pools.some((pool) => pool.state === 'invalid') ? invalidPools : notEnough
        if (unreachable.length === 0)
          state.byNode.set(name, new Map(found.map(({ claim, chosen }) => [claim, allocationOf(claim, chosen)])))
      }
      for (const claim of unreachable) state.unavailable.add(claim)
      return unreachable.length === 0 ? undefined : unavailableHere
    },

    /** A claim that has its devices in the wrong place gives them back, if nobody else needs it. */
    postFilter: async (pod, _diagnosis, cycle) => {
      const state = cycle.read('DynamicResources') as State | undefined
      if (state === undefined) return { rejection: unschedulable('no new claims to deallocate') }
      const movable = [...state.unavailable].filter((claim) => isForThisPodAlone(pod, claim))
      const claim = movable[Math.floor(random() * movable.length)]
      if (claim === undefined) return { rejection: unschedulable('still not schedulable') }
      await deallocateClaim(client, claim)
      return { rejection: unschedulable('deallocation of ResourceClaim completed') }
    },

    preScore: (_pod, _feasible, state) => (state === undefined || state.requests.length === 0 ? undefined : state),
    score: (_pod, { name }, { byNode }) => {
      let sum = 0
      for (const [claim, allocation] of byNode.get(name) ?? []) sum += preferenceOf(claim, allocation)
      return sum
    },
    normalizeScores: (scores) => defaultNormalize(scores, false),

    reserve: (_pod, nodeName, state) => {
      if (state === undefined || state.requests.length === 0) return undefined
      const allocations = state.byNode.get(nodeName)
      if (allocations === undefined) throw new Error('claim allocation not found for node')
      for (const [claim, allocation] of allocations) {
        tracker.begin(claim, allocation)
        state.reserved.set(uidOf(claim), allocation)
      }
      return undefined
    },

    unreserve: (pod, _nodeName, state) => {
      for (const claim of state?.claims ?? []) {
        // What is written already stays taken until the informer tells otherwise.
        if (claim.status?.allocation === undefined) tracker.forget(claim)
        else if (isReservedFor(pod, claim)) release(pod, claim)
      }
    },

    preBindPreFlight: (_pod, _nodeName, state) => (state === undefined ? skip : { code: 'Parallel' }),
    preBind: async (pod, _nodeName, { state }) => {
      for (const [index, claim] of (state?.claims ?? []).entries()) {
        if (state === undefined || isReservedFor(pod, claim)) continue
        const bound = await bindClaim(client, claim, { pod, allocation: state.reserved.get(uidOf(claim)) })
        // Unreserve works on what is written.
        state.claims[index] = bound
        tracker.settle(bound, getClaim(objectKey(bound)))
      }
      return undefined
    },
  }
}
