import { storageClassOf } from '../../api/core/volume-matching.ts'
import {
  csiDrivers,
  csiNodes,
  csiStorageCapacities,
  nodes as nodesRef,
  persistentVolumeClaims,
  persistentVolumes,
  pods as podsRef,
  storageClasses,
} from '../../api/resources.ts'
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/types.ts'
import type { InformerFactory } from '../../client/cache/informer.ts'
import { objectKey } from '../../client/cache/store.ts'
import type { Plugin, PluginFactory } from '../framework/plugin.ts'
import { type Rejection, skip, unresolvable } from '../framework/status.ts'
import { AssumeCache } from './volumes/assume-cache.ts'
import { areVolumesBound, reserveVolume, type Seen, selectNode, writeVolumes } from './volumes/bind-volumes.ts'
import { type Condition, createCondition } from './volumes/condition.ts'
import { findVolumes, type PodVolumes, type SortedClaims, type VolumeSources } from './volumes/find-volumes.ts'
import { volumeBindingEvents } from './volumes/hints.ts'
import { foreignClaim, isFullyBound, missingClaim, podClaims } from './volumes/pod-claims.ts'

/** VolumeBindingArgs. */
export interface VolumeBindingArgs {
  /** How long a Pod may wait until its volumes are bound; 600 by default. */
  readonly bindTimeoutSeconds?: number
}

interface State {
  readonly claims: SortedClaims
  /** What Filter found, and later what Reserve assumed, by node. */
  readonly byNode: Map<string, PodVolumes>
  /** Nothing is left to do for PreBind. */
  allBound: boolean
}

const unboundImmediate = unresolvable('pod has unbound immediate PersistentVolumeClaims')
const classIndex = 'storageClass'

/** Why a claim cannot be used at all, by the API server's view of it. */
const problemOf = (
  pod: Pod,
  claim: PersistentVolumeClaim | undefined,
  { name, isEphemeral }: { name: string; isEphemeral: boolean },
): string | undefined => {
  if (claim === undefined) {
    return isEphemeral
      ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
      : missingClaim(name)
  }
  if (claim.status?.phase === 'Lost') {
    return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec?.volumeName ?? ''}"`
  }
  if (claim.metadata?.deletionTimestamp !== undefined) return `persistentvolumeclaim "${name}" is being deleted`
  return isEphemeral ? foreignClaim(pod, claim) : undefined
}

interface Storage {
  readonly volumes: AssumeCache<PersistentVolume>
  readonly claims: AssumeCache<PersistentVolumeClaim>
  readonly sources: VolumeSources
  readonly seen: Seen
}

/** All that is known of storage; whoever waits is told of changes. */
const openStorage = (informers: InformerFactory, changed: Condition): Storage => {
  const volumeInformer = informers.for(persistentVolumes, {
    indexers: { [classIndex]: (volume) => [storageClassOf(volume)] },
  })
  const claimInformer = informers.for(persistentVolumeClaims)
  const pods = informers.for(podsRef)
  const anyChange = { onAdd: changed.notify, onUpdate: changed.notify, onDelete: changed.notify }
  volumeInformer.addHandler(anyChange)
  claimInformer.addHandler(anyChange)
  pods.addHandler({ onDelete: changed.notify })
  const classes = informers.for(storageClasses).lister
  const csi = informers.for(csiNodes).lister
  const drivers = informers.for(csiDrivers).lister
  const capacities = informers.for(csiStorageCapacities).lister
  const volumes = new AssumeCache(volumeInformer.lister)
  return {
    volumes,
    claims: new AssumeCache(claimInformer.lister),
    sources: {
      volume: (name) => volumes.get(name),
      volumesOfClass: (name) => volumes.byIndex(classIndex, name),
      storageClass: classes.get,
      csiNode: csi.get,
      csiDriver: drivers.get,
      capacities: capacities.list,
    },
    seen: {
      pod: pods.lister.get,
      node: informers.for(nodesRef).lister.get,
      csiNode: csi.get,
      volume: volumeInformer.lister.get,
      claim: claimInformer.lister.get,
    },
  }
}

/**
 * Nodes from which all volumes of the Pod can be reached, now or once they are made. Claims that wait for their first
 * consumer are given a volume, or a node where one is to be made, in Reserve; PreBind writes that and waits until the
 * volumes are bound.
 */
export const volumeBinding: PluginFactory = (args, { informers, client, clock }): Plugin<State> => {
  const { bindTimeoutSeconds = 600 } = (args ?? {}) as VolumeBindingArgs
  const changed = createCondition(clock)
  const { volumes, claims, sources, seen } = openStorage(informers, changed)

  const waitsForConsumer = (claim: PersistentVolumeClaim): boolean => {
    const name = storageClassOf(claim)
    const storageClass = name === '' ? undefined : sources.storageClass(name)
    if (storageClass === undefined) return false
    if (storageClass.volumeBindingMode === undefined) {
      throw new Error(`VolumeBindingMode not set for StorageClass "${name}"`)
    }
    return storageClass.volumeBindingMode === 'WaitForFirstConsumer'
  }

  const sortClaims = (pod: Pod): SortedClaims | Rejection => {
    const bound: PersistentVolumeClaim[] = []
    const delayed: PersistentVolumeClaim[] = []
    let isImmediateUnbound = false
    for (const { key, name, isEphemeral } of podClaims(pod)) {
      const problem = problemOf(pod, seen.claim(key), { name, isEphemeral })
      if (problem !== undefined) return unresolvable(problem)
      const claim = claims.get(key)
      if (claim === undefined) continue
      if (isFullyBound(claim)) bound.push(claim)
      else if (waitsForConsumer(claim) && (claim.spec?.volumeName ?? '') === '') delayed.push(claim)
      else isImmediateUnbound = true
    }
    return isImmediateUnbound ? unboundImmediate : { bound, delayed }
  }

  const restore = ({ bindings, provisions }: PodVolumes): void => {
    for (const { volume } of bindings) volumes.restore(objectKey(volume))
    for (const claim of provisions) claims.restore(objectKey(claim))
  }

  /** Nobody else gets these volumes. Throws where one has changed meanwhile; what was assumed so far is taken back. */
  const assume = ({ bindings, provisions }: PodVolumes, nodeName: string): PodVolumes => {
    const assumed = {
      bindings: bindings.map(({ claim, volume }) => ({ claim, volume: reserveVolume(volume, claim) })),
      provisions: provisions.map((claim) => selectNode(claim, nodeName)),
    }
    try {
      for (const [index, { volume }] of assumed.bindings.entries()) {
        if (volume !== bindings[index]?.volume) volumes.assume(volume)
      }
      for (const claim of assumed.provisions) claims.assume(claim)
    } catch (error) {
      restore(assumed)
      throw error
    }
    return assumed
  }

  return {
    name: 'VolumeBinding',
    eventsToRegister: volumeBindingEvents,
    preFilter: (pod) => {
      if (podClaims(pod).length === 0) return skip
      const sorted = sortClaims(pod)
      if ('code' in sorted) return sorted
      return { code: 'Success', state: { claims: sorted, byNode: new Map(), allBound: false } }
    },
    filter: (_pod, { node, name }, state) => {
      const found = findVolumes(state.claims, node, sources)
      if ('reasons' in found) return unresolvable(...found.reasons)
      state.byNode.set(name, found.volumes)
      return undefined
    },
    reserve: (_pod, nodeName, state) => {
      const found = state?.byNode.get(nodeName)
      if (state === undefined || found === undefined) return undefined
      if (found.bindings.length + found.provisions.length === 0) state.allBound = true
      else state.byNode.set(nodeName, assume(found, nodeName))
      return undefined
    },
    unreserve: (_pod, nodeName, state) => {
      const assumed = state?.byNode.get(nodeName)
      if (assumed !== undefined) restore(assumed)
    },
    preBindPreFlight: (_pod, _nodeName, state) => (state === undefined || state.allBound ? skip : { code: 'Parallel' }),
    preBind: async (pod, nodeName, { state, signal }) => {
      const assumed = state?.byNode.get(nodeName)
      if (state === undefined || assumed === undefined) throw new Error(`no pod volumes found for node "${nodeName}"`)
      const written = await writeVolumes(client, assumed)
      state.byNode.set(nodeName, written)
      const isDone = (): boolean => areVolumesBound(pod, written, { nodeName, seen })
      try {
        await changed.until(isDone, { timeoutMs: bindTimeoutSeconds * 1000, signal })
      } catch (error) {
        throw new Error(`binding volumes: ${(error as Error).message}`, { cause: error })
      }
      // The informers have all of it, and something newer: nobody might ever ask for these again.
      restore(written)
      return undefined
    },
  }
}
