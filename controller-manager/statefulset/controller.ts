/** Runs Pods with stable names and claims, in order. Upstream: pkg/controller/statefulset. */
import { matcherFromLabelSelector } from '../../api/meta/labels.ts'
import { isPodReady } from '../../api/meta/pods.ts'
import { isReason } from '../../api/meta/status-error.ts'
import { controllerRevisions, persistentVolumeClaims, pods as podsRef, statefulSets } from '../../api/resources.ts'
import type { ControllerRevision, Pod, PodTemplateSpec, StatefulSet } from '../../api/types.ts'
import { ControllerExpectations } from '../../client/controller/expectations.ts'
import { byRevision } from '../controller-revisions.ts'
import type { Controller } from '../context.ts'
import { isNamespaceTerminating, messageOf } from '../errors.ts'
import { controllerIndexers, ownedBy, podInformer } from '../indexes.ts'
import { isDeleting, keyOf, labelsOf, nameOf, namespaceOf, uidOf } from '../objects.ts'
import { watchOwnedPods } from '../owned-pods.ts'
import { OwnWrites } from '../own-writes.ts'
import { claimPods } from '../pod-claims.ts'
import { nextAvailabilityMs } from '../pod-availability.ts'
import { createPodControl } from '../pod-control.ts'
import { syncRevision, trimHistory } from '../revision-history.ts'
import { sameStatus } from '../semantic-equal.ts'
import { all } from '../slow-start.ts'
import { enqueueSelf, onAnyChange, queueOf, workersOf } from '../wiring.ts'
import { claimObstacle, planClaimRetention } from './claim-retention.ts'
import { planStatefulSet, type StatefulInput } from './plan.ts'
import { buildClaims, buildStatefulPod, missingIdentity, ordinalOf, revisionLabel, revisionOf } from './pod.ts'
import { planStatefulStatus } from './status.ts'

const type = { group: 'apps', version: 'v1', kind: 'StatefulSet', hashLabel: revisionLabel }

/** The template that a revision holds. */
const templateIn = (revision: ControllerRevision | undefined): PodTemplateSpec | undefined => {
  const data = revision?.data as { spec?: { template?: PodTemplateSpec & { $patch?: string } } } | undefined
  if (data?.spec?.template === undefined) return undefined
  const { $patch: _patch, ...template } = data.spec.template
  return template
}

export const statefulSetController: Controller = {
  name: 'statefulset-controller',
  serviceAccount: 'statefulset-controller',
  setup: (context) => {
    const { client, informers, clock, events, config } = context
    const queue = queueOf(context)
    const sets = informers.for(statefulSets, { indexers: controllerIndexers })
    const revisions = informers.for(controllerRevisions, { indexers: controllerIndexers })
    const claims = informers.for(persistentVolumeClaims)
    const podCache = podInformer(informers)
    const written = new OwnWrites(clock)
    const unused = new ControllerExpectations(clock)
    const control = createPodControl(client, events)

    onAnyChange(sets, enqueueSelf(queue))
    revisions.addHandler({ onDelete: (revision) => written.gone(revision) })
    watchOwnedPods({
      pods: podCache,
      owners: sets.lister,
      kind: 'StatefulSet',
      queue,
      couldAdopt: (set, pod) => matcherFromLabelSelector(set.spec?.selector)(labelsOf(pod)),
      creations: unused,
      deletions: unused,
      onUpdate: (key, old, pod) => {
        const minReadySeconds = sets.lister.get(key)?.spec?.minReadySeconds ?? 0
        if (minReadySeconds > 0 && !isPodReady(old) && isPodReady(pod)) {
          queue.addAfter(key, minReadySeconds * 1000 + 1000)
        }
      },
    })
    podCache.addHandler({ onDelete: (pod) => written.gone(pod) })

    const ensureClaims = async (set: StatefulSet, ordinal: number): Promise<void> => {
      for (const claim of buildClaims(set, ordinal)) {
        const known = claims.lister.get(keyOf(claim))
        const pod = `${nameOf(set)}-${ordinal}`
        const obstacle = claimObstacle(known, pod, podCache.lister.get(`${namespaceOf(set)}/${pod}`))
        // It goes in a moment, and the next try makes another.
        if (obstacle !== undefined) throw new Error(obstacle)
        if (known !== undefined) continue
        const subject = `create Claim ${nameOf(claim)} Pod ${nameOf(set)}-${ordinal} in StatefulSet ${nameOf(set)}`
        try {
          await client.create(persistentVolumeClaims, claim)
          events.event(set, 'Normal', 'SuccessfulCreate', `${subject} success`)
        } catch (error) {
          if (isReason(error, 'AlreadyExists')) continue
          events.event(set, 'Warning', 'FailedCreate', `${subject} failed error: ${messageOf(error)}`)
          throw error
        }
      }
    }

    const createPod = async (set: StatefulSet, pod: Pod, ordinal: number): Promise<void> => {
      await ensureClaims(set, ordinal)
      const subject = `create Pod ${nameOf(pod)} in StatefulSet ${nameOf(set)}`
      try {
        const created = await client.create(podsRef, pod)
        written.wrote(keyOf(set), created)
        events.event(set, 'Normal', 'SuccessfulCreate', `${subject} successful`)
      } catch (error) {
        // The cache is behind: the event that shows the Pod brings us back.
        if (isReason(error, 'AlreadyExists') || isNamespaceTerminating(error)) return
        events.event(set, 'Warning', 'FailedCreate', `${subject} failed error: ${messageOf(error)}`)
        throw error
      }
    }

    const deletePod = async (set: StatefulSet, pod: Pod): Promise<void> => {
      try {
        await client.delete(podsRef, nameOf(pod), namespaceOf(pod), { preconditions: { uid: uidOf(pod) } })
      } catch (error) {
        if (isReason(error, 'NotFound', 'Conflict')) return
        throw error
      }
      const message = `delete Pod ${nameOf(pod)} in StatefulSet ${nameOf(set)} successful`
      events.event(set, 'Normal', 'SuccessfulDelete', message)
    }

    const execute = async (input: StatefulInput, history: readonly ControllerRevision[]): Promise<void> => {
      const { set } = input
      const plan = planStatefulSet(input)
      for (const pod of plan.replace) {
        const what = pod.status?.phase === 'Failed' ? 'RecreatingFailedPod' : 'RecreatingTerminatedPod'
        const state = pod.status?.phase === 'Failed' ? 'failed' : 'terminated'
        const message = `StatefulSet ${namespaceOf(set)}/${nameOf(set)} is recreating ${state} Pod ${nameOf(pod)}`
        events.event(set, state === 'failed' ? 'Warning' : 'Normal', what, message)
      }
      await all(plan.create, async ({ ordinal, revision }) => {
        const template = templateIn(history.find((item) => nameOf(item) === revision)) ?? set.spec?.template
        await createPod(set, buildStatefulPod(set, template, ordinal, revision), ordinal)
      })
      await all([...plan.replace, ...plan.delete], (pod) => deletePod(set, pod))
    }

    const retainClaims = async (set: StatefulSet, pods: readonly Pod[]): Promise<void> => {
      const mine = claims.lister.byNamespace(namespaceOf(set))
      await all(planClaimRetention(set, pods, mine), async (claim) => {
        await client.update(persistentVolumeClaims, claim)
      })
    }

    const reconcile = async (key: string): Promise<{ requeueAfterMs: number } | undefined> => {
      const set = sets.lister.get(key)
      if (set === undefined) {
        written.forget(key)
        return undefined
      }
      const cached = (child: string) => podCache.lister.get(child) ?? revisions.lister.get(child)
      if (written.isStale(key, cached)) return undefined
      const history = ownedBy(revisions.lister, uidOf(set)).sort(byRevision)
      const pods = await claimPods(set, matcherFromLabelSelector(set.spec?.selector), {
        client,
        control,
        pods: podCache.lister,
        ref: statefulSets,
        canAdopt: (pod) => ordinalOf(set, pod) >= 0,
      })
      const synced = isDeleting(set)
        ? { revision: history.at(-1), collisionCount: set.status?.collisionCount }
        : await syncRevision(client, set, type, history, set.status?.collisionCount)
      if (synced.revision === undefined) return undefined
      const updateRevision = nameOf(synced.revision)
      const known = [...history.filter((item) => nameOf(item) !== updateRevision), synced.revision]
      const stored = set.status?.currentRevision ?? ''
      const currentRevision = known.some((item) => nameOf(item) === stored) ? stored : updateRevision
      const input: StatefulInput = { set, pods, currentRevision, updateRevision, nowMs: clock.now() }
      try {
        await all(pods, async (pod) => {
          const labels = isDeleting(pod) ? undefined : missingIdentity(set, pod)
          if (labels === undefined) return
          const body = { metadata: { uid: uidOf(pod), labels } }
          written.wrote(key, await client.patch(podsRef, nameOf(pod), namespaceOf(pod), body, { type: 'merge' }))
        })
        await execute(input, known)
        await retainClaims(set, pods)
      } finally {
        const status = planStatefulStatus(input, synced.collisionCount)
        if (!sameStatus(set.status, status)) {
          await client.update(statefulSets, { ...set, status }, { subresource: 'status' }).catch((error: unknown) => {
            if (!isReason(error, 'NotFound')) throw error
          })
        }
      }
      const used = new Set([currentRevision, updateRevision, ...pods.map(revisionOf)])
      await trimHistory(client, history, set.spec?.revisionHistoryLimit ?? 10, (item) => used.has(nameOf(item)))
      const wait = nextAvailabilityMs(pods, set.spec?.minReadySeconds ?? 0, clock.now())
      return wait === undefined ? undefined : { requeueAfterMs: wait }
    }
    return workersOf(context, {
      name: 'statefulset-controller',
      queue,
      concurrency: config['concurrent-statefulset-syncs'],
      reconcile,
    })
  },
}
