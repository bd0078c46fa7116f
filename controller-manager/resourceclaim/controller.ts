/**
 * Makes the claims that Pods ask for by template, and takes claims and their devices back from Pods that have ended.
 * Upstream: pkg/controller/resourceclaim.
 */
import { isReason } from '../../api/meta/status-error.ts'
import { pods, resourceClaims, resourceClaimTemplates } from '../../api/resources.ts'
import type { Pod, ResourceClaim } from '../../api/types.ts'
import type { Controller } from '../context.ts'
import { messageOf } from '../errors.ts'
import { podInformer } from '../indexes.ts'
import { annotationsOf, isDeleting, keyOf, nameOf, namespaceOf, splitKey, uidOf } from '../objects.ts'
import { OwnWrites } from '../own-writes.ts'
import { queueOf, workersOf } from '../wiring.ts'
import {
  claimFinalizer,
  claimFromTemplate,
  claimKeysOf,
  claimNameOf,
  type Consumer,
  isPodDone,
  needsReservation,
  owningPod,
  planClaim,
  type PodClaim,
  podClaimAnnotation,
} from './plan.ts'

const name = 'resourceclaim-controller'
const fieldManager = 'ResourceClaimController'
const podIndex = 'resourceClaim'
const ownerIndex = 'owningPod'

export const resourceClaimController: Controller = {
  name,
  eventSource: 'resource_claim',
  serviceAccount: 'resource-claim-controller',
  setup: (context) => {
    const { client, informers, events, clock, config } = context
    const podQueue = queueOf(context)
    const claimQueue = queueOf(context)
    const podCache = podInformer(informers)
    const claims = informers.for(resourceClaims)
    const templates = informers.for(resourceClaimTemplates)
    const written = new OwnWrites(clock)
    podCache.addIndexers({ [podIndex]: claimKeysOf })
    claims.addIndexers({ [ownerIndex]: (claim) => [owningPod(claim)?.uid ?? ''] })

    const enqueueClaims = (pod: Pod): void => {
      for (const key of claimKeysOf(pod)) claimQueue.add(key)
      for (const claim of claims.lister.byIndex(ownerIndex, uidOf(pod))) claimQueue.add(keyOf(claim))
    }
    const enqueuePod = (pod: Pod): void => {
      if ((pod.spec?.resourceClaims ?? []).length === 0) return
      if (isPodDone(pod)) enqueueClaims(pod)
      else podQueue.add(keyOf(pod))
    }
    podCache.addHandler({
      onAdd: enqueuePod,
      onUpdate: (_old, pod) => enqueuePod(pod),
      onDelete: (pod) => {
        written.forget(keyOf(pod))
        if ((pod.spec?.resourceClaims ?? []).length > 0) enqueueClaims(pod)
      },
    })
    const enqueueUsers = (claim: ResourceClaim): void => {
      for (const pod of podCache.lister.byIndex(podIndex, keyOf(claim))) podQueue.add(keyOf(pod))
    }
    claims.addHandler({
      onAdd: (claim) => {
        claimQueue.add(keyOf(claim))
        enqueueUsers(claim)
      },
      onUpdate: (old, claim) => {
        claimQueue.add(keyOf(claim))
        if (old.status?.allocation === undefined && claim.status?.allocation !== undefined) enqueueUsers(claim)
      },
      // Somebody has deleted what a Pod still needs.
      onDelete: (claim) => {
        written.gone(claim)
        enqueueUsers(claim)
      },
    })

    /** The claim of one entry, made if need be; undefined if the entry has, or needs, no generated one. */
    const ensureGenerated = async (pod: Pod, entry: PodClaim): Promise<string | undefined> => {
      const found = claimNameOf(pod, entry)
      if (found.type === 'notNeeded' || !entry.resourceClaimTemplateName) return undefined
      const isMine = (claim: ResourceClaim): boolean => owningPod(claim)?.uid === uidOf(pod)
      if (found.type === 'named') {
        const known = claims.lister.get(`${namespaceOf(pod)}/${found.name}`)
        if (known !== undefined && isMine(known)) return undefined
      }
      // Made by an earlier run that ended before it could tell the Pod.
      const orphan = claims.lister
        .byIndex(ownerIndex, uidOf(pod))
        .find((claim) => annotationsOf(claim)[podClaimAnnotation] === entry.name && !isDeleting(claim))
      if (orphan !== undefined) return nameOf(orphan)
      const template = templates.lister.get(`${namespaceOf(pod)}/${entry.resourceClaimTemplateName}`)
      if (template === undefined) {
        const shown = `"${entry.resourceClaimTemplateName}"`
        throw new Error(`resource claim template ${shown}: resourceclaimtemplate.resource.k8s.io ${shown} not found`)
      }
      const created = await client.create(resourceClaims, claimFromTemplate(pod, entry, template))
      written.wrote(keyOf(pod), created)
      return nameOf(created)
    }

    const generateClaims = async (pod: Pod): Promise<void> => {
      const fresh: { name: string; resourceClaimName: string }[] = []
      for (const entry of pod.spec?.resourceClaims ?? []) {
        try {
          const claimName = await ensureGenerated(pod, entry)
          if (claimName !== undefined) fresh.push({ name: entry.name, resourceClaimName: claimName })
        } catch (error) {
          const message = `PodResourceClaim ${entry.name}: ${messageOf(error)}`
          events.event(pod, 'Warning', 'FailedResourceClaimCreation', message)
          throw error
        }
      }
      if (fresh.length === 0) return
      // An apply owns what it says: what was told before has to be said again.
      const told = (pod.status?.resourceClaimStatuses ?? []).filter(
        (entry) => !fresh.some((one) => one.name === entry.name),
      )
      const body = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: nameOf(pod), namespace: namespaceOf(pod), uid: uidOf(pod) },
        status: { resourceClaimStatuses: [...told, ...fresh] },
      }
      const options = { type: 'apply', force: true, fieldManager, subresource: 'status' } as const
      await client.patch(pods, nameOf(pod), namespaceOf(pod), body, options)
    }

    const reconcilePod = async (key: string): Promise<{ requeueAfterMs: number } | undefined> => {
      const pod = podCache.lister.get(key)
      if (pod === undefined || isDeleting(pod)) return undefined
      if (written.isStale(key, (claim) => claims.lister.get(claim))) return { requeueAfterMs: 50 }
      await generateClaims(pod)
      // Reservations are the scheduler's, but for Pods that came to their Node without it.
      if (!pod.spec?.nodeName) return undefined
      for (const claimKey of claimKeysOf(pod)) {
        const claim = claims.lister.get(claimKey)
        if (claim === undefined || !needsReservation(pod, claim)) continue
        const consumer = { resource: 'pods', name: nameOf(pod), uid: uidOf(pod) }
        const status = { ...claim.status, reservedFor: [...(claim.status?.reservedFor ?? []), consumer] }
        await client.update(resourceClaims, { ...claim, status }, { subresource: 'status' })
      }
      return undefined
    }

    /** The cache may not show a Pod that is just being scheduled: only the API server can say that it is gone. */
    const isInUse = async (namespace: string, consumer: Consumer): Promise<boolean> => {
      if ((consumer.apiGroup ?? '') !== '' || consumer.resource !== 'pods') {
        throw new Error(`unsupported ReservedFor entry: ${JSON.stringify(consumer)}`)
      }
      const cached = podCache.lister.get(`${namespace}/${consumer.name}`)
      if (cached !== undefined) return uidOf(cached) === consumer.uid && !isPodDone(cached)
      try {
        return uidOf(await client.get(pods, consumer.name, namespace)) === consumer.uid
      } catch (error) {
        if (isReason(error, 'NotFound')) return false
        throw error
      }
    }

    const reconcileClaim = async (key: string): Promise<undefined> => {
      const claim = claims.lister.get(key)
      if (claim === undefined) return
      const { namespace } = splitKey(key)
      const consumers: Consumer[] = []
      for (const consumer of claim.status?.reservedFor ?? []) {
        if (await isInUse(namespace, consumer)) consumers.push(consumer)
      }
      const { status, dropFinalizer } = planClaim(claim, consumers)
      let latest = claim
      // No patch: the update has to fail if anything has changed meanwhile.
      if (status !== undefined) {
        latest = await client.update(resourceClaims, { ...claim, status }, { subresource: 'status' })
      }
      if (dropFinalizer) {
        const finalizers = (latest.metadata?.finalizers ?? []).filter((finalizer) => finalizer !== claimFinalizer)
        await client.update(resourceClaims, { ...latest, metadata: { ...latest.metadata, finalizers } })
      }
      if (consumers.length > 0 || isDeleting(claim)) return
      // The garbage collector would take it with the Pod, but that may stay for long.
      const owner = owningPod(claim)
      const pod = owner && podCache.lister.get(`${namespace}/${owner.name}`)
      if (pod === undefined || (uidOf(pod) === owner?.uid && !isPodDone(pod))) return
      await client.delete(resourceClaims, nameOf(claim), namespace).catch((error: unknown) => {
        if (!isReason(error, 'NotFound')) throw error
      })
    }
    const concurrency = config['concurrent-resource-claim-syncs']
    const runPods = workersOf(context, { name, queue: podQueue, concurrency, reconcile: reconcilePod })
    const runClaims = workersOf(context, { name, queue: claimQueue, concurrency, reconcile: reconcileClaim })
    return () => Promise.all([runPods(), runClaims()])
  },
}
