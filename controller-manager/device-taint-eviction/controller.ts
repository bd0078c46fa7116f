/**
 * Deletes Pods whose claims have devices with NoExecute taints that they do not tolerate. Taints come from
 * ResourceSlices; DeviceTaintRules are no API of v1.36 that is on by default.
 * Upstream: pkg/controller/devicetainteviction.
 */
import { isReason } from '../../api/meta/status-error.ts'
import { pods, resourceClaims, resourceSlices } from '../../api/resources.ts'
import type { Pod, ResourceClaim, ResourceSlice } from '../../api/types.ts'
import type { Controller } from '../context.ts'
import { markDisrupted } from '../disruption-target.ts'
import { podInformer } from '../indexes.ts'
import { isDeleting, keyOf, nameOf, namespaceOf, uidOf } from '../objects.ts'
import { semanticEqual } from '../semantic-equal.ts'
import { onAnyChange, queueOf, workersOf } from '../wiring.ts'
import { deviceKey, type EvictingTaint, evictingTaints, podEvictionMs, poolKey } from './plan.ts'

const name = 'device-taint-eviction-controller'
const poolIndex = 'pool'
const deviceIndex = 'allocatedDevice'

const devicesOf = ({ status }: ResourceClaim): string[] =>
  (status?.allocation?.devices?.results ?? []).map(({ driver, pool, device }) => deviceKey(driver, pool, device))

export const deviceTaintEvictionController: Controller = {
  name,
  serviceAccount: name,
  setup: (context) => {
    const { client, informers, events, clock, config } = context
    const queue = queueOf(context)
    const podCache = podInformer(informers)
    const claims = informers.for(resourceClaims)
    const slices = informers.for(resourceSlices)
    claims.addIndexers({ [deviceIndex]: devicesOf })
    slices.addIndexers({ [poolIndex]: (slice) => [poolKey(slice)] })
    /** By pool, then by device. */
    const taints = new Map<string, ReadonlyMap<string, readonly EvictingTaint[]>>()
    const taintsOf = (device: string): readonly EvictingTaint[] =>
      taints.get(device.slice(0, device.lastIndexOf('/')))?.get(device) ?? []
    /** Pods whose eviction has been planned: told if it is called off. */
    const scheduled = new Set<string>()

    const enqueueConsumers = (claim: ResourceClaim): void => {
      for (const consumer of claim.status?.reservedFor ?? []) {
        if (consumer.resource === 'pods') queue.add(`${namespaceOf(claim)}/${consumer.name}`)
      }
    }
    onAnyChange(slices, (slice: ResourceSlice) => {
      const pool = poolKey(slice)
      const before = taints.get(pool)
      const after = evictingTaints(slices.lister.byIndex(poolIndex, pool))
      if (after.size > 0) taints.set(pool, after)
      else taints.delete(pool)
      for (const device of new Set([...(before?.keys() ?? []), ...after.keys()])) {
        if (semanticEqual(before?.get(device), after.get(device))) continue
        for (const claim of claims.lister.byIndex(deviceIndex, device)) enqueueConsumers(claim)
      }
    })
    claims.addHandler({
      onAdd: (claim) => {
        if (devicesOf(claim).some((device) => taintsOf(device).length > 0)) enqueueConsumers(claim)
      },
      onUpdate: (old, claim) => {
        if (semanticEqual(old.status, claim.status)) return
        if ([...devicesOf(old), ...devicesOf(claim)].some((device) => taintsOf(device).length > 0)) {
          enqueueConsumers(old)
          enqueueConsumers(claim)
        }
      },
      onDelete: enqueueConsumers,
    })
    const enqueuePod = (pod: Pod): void => {
      if (taints.size > 0 && (pod.spec?.resourceClaims ?? []).length > 0) queue.add(keyOf(pod))
    }
    podCache.addHandler({
      onAdd: enqueuePod,
      onUpdate: (old, pod) => {
        const same = old.spec?.nodeName === pod.spec?.nodeName
        if (!same || !semanticEqual(old.status?.resourceClaimStatuses, pod.status?.resourceClaimStatuses))
          enqueuePod(pod)
      },
      onDelete: (pod) => void scheduled.delete(keyOf(pod)),
    })

    const evict = async (pod: Pod): Promise<void> => {
      events.event(pod, 'Normal', 'DeviceTaintManagerEviction', 'Marking for deletion')
      try {
        await markDisrupted(client, pod, {
          reason: 'DeletionByDeviceTaintManager',
          message: 'Device Taint manager: deleting due to NoExecute taint',
          nowMs: clock.now(),
        })
        await client.delete(pods, nameOf(pod), namespaceOf(pod), { preconditions: { uid: uidOf(pod) } })
      } catch (error) {
        // Conflict: another Pod has the name by now.
        if (!isReason(error, 'NotFound', 'Conflict')) throw error
      }
    }

    const reconcile = async (key: string): Promise<{ requeueAfterMs: number } | undefined> => {
      const pod = podCache.lister.get(key)
      if (pod === undefined || isDeleting(pod)) return undefined
      const claimOf = (claim: string): ResourceClaim | undefined => claims.lister.get(`${namespaceOf(pod)}/${claim}`)
      const atMs = podEvictionMs(pod, claimOf, taintsOf)
      if (atMs === undefined) {
        if (scheduled.delete(key)) events.event(pod, 'Normal', 'DeviceTaintManagerEviction', 'Cancelling deletion')
        return undefined
      }
      if (atMs > clock.now()) {
        scheduled.add(key)
        return { requeueAfterMs: atMs - clock.now() }
      }
      await evict(pod)
      scheduled.delete(key)
      return undefined
    }
    const concurrency = config['concurrent-device-taint-eviction-syncs']
    return workersOf(context, { name, queue, concurrency, reconcile })
  },
}
