/** Runs one Pod of each DaemonSet on each Node that it fits. Upstream: pkg/controller/daemon. */
import { matcherFromLabelSelector } from '../../api/meta/labels.ts'
import { isPodReady } from '../../api/meta/pods.ts'
import { isReason } from '../../api/meta/status-error.ts'
import { controllerRevisions, daemonSets, nodes } from '../../api/resources.ts'
import type { ControllerRevision, DaemonSet, Node, Pod } from '../../api/types.ts'
import { ControllerExpectations } from '../../client/controller/expectations.ts'
import type { Controller } from '../context.ts'
import { isNamespaceTerminating } from '../errors.ts'
import { controllerIndexers, ownedBy, podInformer } from '../indexes.ts'
import { isDeleting, keyOf, labelsOf, nameOf, namespaceOf, uidOf } from '../objects.ts'
import { watchOwnedPods } from '../owned-pods.ts'
import { OwnWrites } from '../own-writes.ts'
import { claimPods } from '../pod-claims.ts'
import { createPodControl } from '../pod-control.ts'
import { nextAvailabilityMs } from '../pod-availability.ts'
import { hashOf, syncRevision, trimHistory } from '../revision-history.ts'
import { sameStatus, semanticEqual } from '../semantic-equal.ts'
import { all, slowStart } from '../slow-start.ts'
import { enqueueSelf, onAnyChange, ownerKey, queueOf, workersOf } from '../wiring.ts'
import { fitOf } from './nodes.ts'
import { type DaemonInput, planDaemonPods, planDaemonStatus, planRollingUpdate } from './plan.ts'
import { buildDaemonPod, revisionHashLabel } from './pod.ts'

const type = { group: 'apps', version: 'v1', kind: 'DaemonSet', hashLabel: revisionHashLabel }
/** Ended Pods of one Node are replaced after this, doubling while they keep ending. */
const endedBackoff = { initialMs: 1_000, maxMs: 900_000 }

interface Backoff {
  readonly delayMs: number
  readonly untilMs: number
}

export const daemonSetController: Controller = {
  name: 'daemonset-controller',
  serviceAccount: 'daemon-set-controller',
  setup: (context) => {
    const { client, informers, clock, events, config } = context
    const queue = queueOf(context)
    const sets = informers.for(daemonSets, { indexers: controllerIndexers })
    const nodeCache = informers.for(nodes)
    const revisions = informers.for(controllerRevisions, { indexers: controllerIndexers })
    const podCache = podInformer(informers)
    const creations = new ControllerExpectations(clock)
    const deletions = new ControllerExpectations(clock)
    const written = new OwnWrites(clock)
    const control = createPodControl(client, events)
    const backoffs = new Map<string, Backoff>()

    onAnyChange(sets, enqueueSelf(queue))
    watchOwnedPods({
      pods: podCache,
      owners: sets.lister,
      kind: 'DaemonSet',
      queue,
      couldAdopt: (set, pod) => matcherFromLabelSelector(set.spec?.selector)(labelsOf(pod)),
      creations,
      deletions,
      onUpdate: (key, old, pod) => {
        const minReadySeconds = sets.lister.get(key)?.spec?.minReadySeconds ?? 0
        if (minReadySeconds > 0 && !isPodReady(old) && isPodReady(pod)) {
          queue.addAfter(key, minReadySeconds * 1000 + 1000)
        }
      },
    })
    onAnyChange(revisions, (revision) => {
      const key = ownerKey(revision, 'DaemonSet')
      if (key !== undefined) queue.add(key)
    })
    revisions.addHandler({ onDelete: (revision) => written.gone(revision) })
    const enqueueAll = (): void => {
      for (const set of sets.lister.list()) queue.add(keyOf(set))
    }
    nodeCache.addHandler({
      onAdd: enqueueAll,
      onDelete: enqueueAll,
      onUpdate: (old: Node, node: Node) => {
        const same =
          semanticEqual(labelsOf(old), labelsOf(node), 'labels') && semanticEqual(old.spec?.taints, node.spec?.taints)
        if (same) return
        for (const set of sets.lister.list()) {
          if (!semanticEqual(fitOf(set, old), fitOf(set, node))) queue.add(keyOf(set))
        }
      },
    })

    /** Deletes ended Pods whose back-off has run out; gives the time until the next one may go. */
    const replaceEnded = async (set: DaemonSet, ended: readonly Pod[]): Promise<number | undefined> => {
      let waitMs: number | undefined
      await all(ended, async (pod) => {
        const id = `${uidOf(set)}/${set.metadata?.generation}/${pod.spec?.nodeName}`
        const now = clock.now()
        const backoff = backoffs.get(id)
        if (backoff !== undefined && backoff.untilMs > now) {
          waitMs = Math.min(waitMs ?? Number.POSITIVE_INFINITY, backoff.untilMs - now)
          return
        }
        const expired = backoff === undefined || now - backoff.untilMs > 2 * endedBackoff.maxMs
        const delayMs = expired ? endedBackoff.initialMs : Math.min(backoff.delayMs * 2, endedBackoff.maxMs)
        backoffs.set(id, { delayMs, untilMs: now + delayMs })
        const failed = pod.status?.phase === 'Failed'
        const what = `${namespaceOf(pod)}/${nameOf(pod)} on node ${pod.spec?.nodeName}, will try to ${failed ? 'kill' : 'delete'} it`
        if (failed) events.event(set, 'Warning', 'FailedDaemonPod', `Found failed daemon pod ${what}`)
        else events.event(set, 'Normal', 'SucceededDaemonPod', `Found succeeded daemon pod ${what}`)
        await control.delete(set, pod)
      })
      return waitMs
    }

    const manage = async (input: DaemonInput): Promise<number | undefined> => {
      const { daemonSet } = input
      const key = keyOf(daemonSet)
      const base = planDaemonPods(input)
      // A Pod that the fit of nodes asks for comes before any update of the others.
      const update = base.create.length + base.delete.length > 0 ? { create: [], delete: [] } : planRollingUpdate(input)
      const targets = [...base.create, ...update.create]
      const doomed = [...base.delete, ...update.delete]
      if (targets.length > 0) creations.expectCreations(key, targets.length)
      if (doomed.length > 0) deletions.expectDeletions(key, doomed.map(uidOf))
      const created = await slowStart(targets.length, async (index) => {
        await control.create(daemonSet, buildDaemonPod(daemonSet, targets[index] ?? '', input.hash))
      })
      creations.creationsFailed(key, targets.length - created.succeeded)
      await all(doomed, async (pod) => {
        try {
          await control.delete(daemonSet, pod)
        } catch (error) {
          deletions.deletionObserved(key, uidOf(pod))
          throw error
        }
      })
      if (created.error !== undefined && !isNamespaceTerminating(created.error)) throw created.error
      return replaceEnded(daemonSet, base.ended)
    }

    const ownedRevisions = (set: DaemonSet): ControllerRevision[] => ownedBy(revisions.lister, uidOf(set))

    const updateStatus = async (input: DaemonInput, collisionCount: number | undefined): Promise<void> => {
      const { daemonSet } = input
      const status = {
        ...planDaemonStatus(input),
        ...(collisionCount === undefined ? {} : { collisionCount }),
      }
      if (sameStatus(daemonSet.status, status)) return
      await client.update(daemonSets, { ...daemonSet, status }, { subresource: 'status' })
    }

    const reconcile = async (key: string): Promise<{ requeueAfterMs: number } | undefined> => {
      const set = sets.lister.get(key)
      if (set === undefined) {
        creations.delete(key)
        deletions.delete(key)
        written.forget(key)
        return undefined
      }
      const { selector } = set.spec ?? {}
      if (Object.keys(selector?.matchLabels ?? {}).length === 0 && (selector?.matchExpressions ?? []).length === 0) {
        const message = 'This daemon set is selecting all pods. A non-empty selector is required.'
        events.event(set, 'Warning', 'SelectingAll', message)
        return undefined
      }
      if (isDeleting(set) || written.isStale(key, (child) => revisions.lister.get(child))) return undefined
      const history = ownedRevisions(set)
      const { revision, collisionCount } = await syncRevision(client, set, type, history, set.status?.collisionCount)
      written.wrote(key, revision)
      const pods = await claimPods(set, matcherFromLabelSelector(selector), {
        client,
        control,
        pods: podCache.lister,
        ref: daemonSets,
      })
      const input: DaemonInput = {
        daemonSet: set,
        nodes: nodeCache.lister.list(),
        pods,
        hash: hashOf(revision, type),
        nowMs: clock.now(),
      }
      const settled = creations.satisfied(key) && deletions.satisfied(key)
      let wait: number | undefined
      try {
        if (settled) wait = await manage(input)
      } finally {
        await updateStatus(input, collisionCount).catch((error: unknown) => {
          if (!isReason(error, 'NotFound')) throw error
        })
      }
      const used = new Set(pods.map((pod) => labelsOf(pod)[revisionHashLabel]))
      await trimHistory(client, history, set.spec?.revisionHistoryLimit ?? 10, (item) => {
        return nameOf(item) === nameOf(revision) || used.has(hashOf(item, type))
      })
      const available = nextAvailabilityMs(pods, set.spec?.minReadySeconds ?? 0, clock.now())
      const waits = [wait, available].filter((ms) => ms !== undefined)
      return waits.length === 0 ? undefined : { requeueAfterMs: Math.min(...waits) }
    }
    return workersOf(context, {
      name: 'daemonset-controller',
      queue,
      concurrency: config['concurrent-daemonset-syncs'],
      reconcile,
    })
  },
}
