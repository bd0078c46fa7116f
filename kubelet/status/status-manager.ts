/**
 * Holds the status of every Pod and brings it to the API server. Upstream: pkg/kubelet/status/status_manager.go.
 *
 * One writer per Pod: a change that comes while a patch is under way is sent after it, and only the latest one.
 * When a Pod that is being deleted has ended and its resources are free, its object is deleted for good.
 */
import { isDeepStrictEqual } from 'node:util'
import { isReason } from '../../api/meta/status-error.ts'
import { pods as podsRef } from '../../api/resources.ts'
import type { Pod, PodStatus } from '../../api/types.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import { sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { BoundPod } from '../pod.ts'
import { statusPatch } from './status-patch.ts'

export interface StatusManager {
  get(podUid: string): PodStatus | undefined
  set(pod: BoundPod, status: PodStatus): void
  /** The Pod has ended and everything it held is free. */
  finished(pod: BoundPod): void
  /** The API's copy as last seen: who changed our part of it gets it back. */
  observe(pod: BoundPod): void
  forget(podUid: string): void
}

/** Which object in the API carries a Pod's status: itself, or the mirror of a static Pod. */
export type ApiObjectOf = (pod: BoundPod) => Pod | undefined

interface Entry {
  pod: BoundPod
  status: PodStatus
  finished: boolean
  /** The API's copy: what patches are made against. */
  api: PodStatus | undefined
  apiVersion: string
  sending: boolean
  dirty: boolean
}

const retryInitialMs = 500
const retryMaxMs = 10_000

const isTerminal = ({ phase }: PodStatus): boolean => phase === 'Succeeded' || phase === 'Failed'

const isNewer = (version: string, than: string): boolean =>
  than === '' || BigInt(version === '' ? '0' : version) >= BigInt(than)

export interface StatusManagerDeps {
  /** Undefined in a kubelet without an API server. */
  readonly client: RestClient | undefined
  readonly apiObjectOf: ApiObjectOf
  readonly log: Logger
  readonly signal: AbortSignal
}

export const createStatusManager = ({ client, apiObjectOf, log, signal }: StatusManagerDeps): StatusManager => {
  const entries = new Map<string, Entry>()

  const send = async (entry: Entry, api: RestClient): Promise<void> => {
    const target = apiObjectOf(entry.pod)
    const { name, namespace, uid } = target?.metadata ?? {}
    if (target === undefined || name === undefined || namespace === undefined || uid === undefined) return
    const version = target.metadata?.resourceVersion ?? ''
    if (entry.api === undefined || (version !== entry.apiVersion && isNewer(version, entry.apiVersion))) {
      entry.api = target.status ?? {}
      entry.apiVersion = version
    }
    const patch = statusPatch(entry.api, entry.status)
    if (patch !== undefined) {
      const answer = await api.patch(
        podsRef,
        name,
        namespace,
        { metadata: { uid }, status: patch },
        { type: 'strategic', subresource: 'status' },
      )
      entry.api = answer.status ?? {}
      entry.apiVersion = answer.metadata?.resourceVersion ?? ''
    }
    if (entry.finished && !entry.dirty && target.metadata?.deletionTimestamp !== undefined) {
      await api.delete(podsRef, name, namespace, { gracePeriodSeconds: 0, preconditions: { uid } })
    }
  }

  const flush = async (entry: Entry, api: RestClient): Promise<void> => {
    let delayMs = retryInitialMs
    entry.sending = true
    try {
      while (entry.dirty && entries.get(entry.pod.metadata.uid) === entry && !signal.aborted) {
        entry.dirty = false
        try {
          await send(entry, api)
          delayMs = retryInitialMs
        } catch (error) {
          // Gone, or another Pod of that name by now: its deletion is on the way to us.
          if (isReason(error, 'NotFound', 'Conflict')) return
          log.warn(
            { err: error, pod: entry.pod.metadata.name, namespace: entry.pod.metadata.namespace },
            'cannot write a pod status',
          )
          entry.dirty = true
          await sleep(delayMs, signal)
          delayMs = Math.min(delayMs * 2, retryMaxMs)
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      entry.sending = false
    }
  }

  const changed = (entry: Entry): void => {
    entry.dirty = true
    if (client !== undefined && !entry.sending) {
      flush(entry, client).catch((error: unknown) => log.error({ err: error }, 'status writer failed'))
    }
  }

  return {
    get: (podUid) => entries.get(podUid)?.status,
    set: (pod, status) => {
      const { uid } = pod.metadata
      const old = entries.get(uid)
      if (old === undefined) {
        const entry: Entry = {
          pod,
          status,
          finished: false,
          api: undefined,
          apiVersion: '',
          sending: false,
          dirty: true,
        }
        entries.set(uid, entry)
        changed(entry)
        return
      }
      old.pod = pod
      // An end is an end.
      if (isTerminal(old.status) && !isTerminal(status)) return
      if (isDeepStrictEqual(old.status, status)) return
      old.status = status
      changed(old)
    },
    finished: (pod) => {
      const entry = entries.get(pod.metadata.uid)
      if (entry === undefined) return
      entry.pod = pod
      entry.finished = true
      changed(entry)
    },
    observe: (pod) => {
      const entry = entries.get(pod.metadata.uid)
      if (entry === undefined) return
      const wasDeleting = entry.pod.metadata.deletionTimestamp !== undefined
      entry.pod = pod
      const deletes = entry.finished && !wasDeleting && pod.metadata.deletionTimestamp !== undefined
      const version = pod.metadata.resourceVersion ?? ''
      const foreignChange =
        isNewer(version, entry.apiVersion) && statusPatch(pod.status ?? {}, entry.status) !== undefined
      if (deletes || (foreignChange && !entry.sending)) changed(entry)
    },
    forget: (podUid) => {
      entries.delete(podUid)
    },
  }
}
