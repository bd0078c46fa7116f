/** Makes the claims that Pods ask for with `ephemeral` volumes. Upstream: pkg/controller/volume/ephemeral. */
import { isControlledBy, newControllerRef } from '../../api/meta/owners.ts'
import { isReason } from '../../api/meta/status-error.ts'
import { persistentVolumeClaims, pods } from '../../api/resources.ts'
import type { PersistentVolumeClaim, Pod } from '../../api/types.ts'
import type { Controller } from '../context.ts'
import { messageOf } from '../errors.ts'
import { podInformer } from '../indexes.ts'
import { isDeleting, keyOf, nameOf, namespaceOf } from '../objects.ts'
import { enqueueSelf, queueOf, workersOf } from '../wiring.ts'

const claimIndex = 'ephemeralClaim'

type Volume = NonNullable<NonNullable<Pod['spec']>['volumes']>[number]

const ephemeralVolumesOf = (pod: Pod): readonly Volume[] =>
  (pod.spec?.volumes ?? []).filter(({ ephemeral }) => ephemeral !== undefined)

const claimNameOf = (pod: Pod, { name }: Volume): string => `${nameOf(pod)}-${name}`

/** The claim of a Pod's volume, which goes when the Pod goes. */
export const claimFor = (pod: Pod, volume: Volume): PersistentVolumeClaim => {
  const { metadata, spec } = volume.ephemeral?.volumeClaimTemplate ?? {}
  return {
    metadata: {
      name: claimNameOf(pod, volume),
      namespace: namespaceOf(pod),
      ownerReferences: [newControllerRef(pod, pods)],
      ...(metadata?.annotations === undefined ? {} : { annotations: metadata.annotations }),
      ...(metadata?.labels === undefined ? {} : { labels: metadata.labels }),
    },
    ...(spec === undefined ? {} : { spec }),
  }
}

export const ephemeralVolumeController: Controller = {
  name: 'ephemeral-volume-controller',
  eventSource: 'ephemeral_volume',
  serviceAccount: 'ephemeral-volume-controller',
  setup: (context) => {
    const { client, informers, events, config } = context
    const queue = queueOf(context)
    const podCache = podInformer(informers)
    const claims = informers.for(persistentVolumeClaims)
    const keysOf = (pod: Pod): string[] =>
      ephemeralVolumesOf(pod).map((volume) => `${namespaceOf(pod)}/${claimNameOf(pod, volume)}`)
    podCache.addIndexers({ [claimIndex]: keysOf })
    podCache.addHandler({
      onAdd: (pod) => {
        if (!isDeleting(pod) && ephemeralVolumesOf(pod).length > 0) enqueueSelf(queue)(pod)
      },
    })
    // Somebody has deleted what a Pod still needs.
    claims.addHandler({
      onDelete: (claim) => {
        for (const pod of podCache.lister.byIndex(claimIndex, keyOf(claim))) enqueueSelf(queue)(pod)
      },
    })

    const ensureClaim = async (pod: Pod, volume: Volume): Promise<void> => {
      const name = claimNameOf(pod, volume)
      const claim = claims.lister.get(`${namespaceOf(pod)}/${name}`)
      if (claim === undefined) {
        await client.create(persistentVolumeClaims, claimFor(pod, volume)).catch((error: unknown) => {
          throw new Error(`create PVC ${name}: ${messageOf(error)}`, { cause: error })
        })
      } else if (!isControlledBy(claim, pod)) {
        const [shownClaim, shownPod] = [keyOf(claim), keyOf(pod)]
        throw new Error(`PVC ${shownClaim} was not created for pod ${shownPod} (pod is not owner)`)
      }
    }

    const reconcile = async (key: string): Promise<undefined> => {
      const pod = podCache.lister.get(key)
      if (pod === undefined || isDeleting(pod)) return
      for (const volume of ephemeralVolumesOf(pod)) {
        try {
          await ensureClaim(pod, volume)
        } catch (error) {
          const cause = error instanceof Error ? error.cause : undefined
          // The cache is behind: the claim, ours or not, is looked at when it has come.
          if (isReason(cause, 'AlreadyExists')) throw error
          events.event(pod, 'Warning', 'FailedBinding', `ephemeral volume ${volume.name}: ${messageOf(error)}`)
          throw error
        }
      }
    }
    return workersOf(context, {
      name: 'ephemeral-volume-controller',
      queue,
      concurrency: config['concurrent-ephemeralvolume-syncs'],
      reconcile,
    })
  },
}
