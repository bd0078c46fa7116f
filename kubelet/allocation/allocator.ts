/**
 * Gives resources to Pods: when they are let in, and when a resize asks for others. What does not fit waits and is
 * tried again whenever something is freed. Upstream: pkg/kubelet/allocation.
 */
import type { Node } from '../../api/types.ts'
import { type BoundPod, containersOf } from '../pod.ts'
import type { EventRecorder } from '../recorder.ts'
import { allocationOf, generationOf, isAllocated, withAllocation } from './allocation.ts'
import type { AllocationStore } from './checkpoint.ts'
import { byUrgency, judgeResize, type Verdict, type Waiting } from './resize.ts'

/** What conditions PodResizePending and PodResizeInProgress tell. */
export interface ResizeState {
  readonly pending?: {
    readonly reason: 'Infeasible' | 'Deferred'
    readonly message: string
    readonly generation: number
  }
  /** `error` is why the containers do not have it yet, '' while that is only a matter of time. */
  readonly inProgress?: { readonly generation: number; readonly error: string }
}

export interface Allocator {
  /** The Pod with what it was given: how the node runs it. */
  given(pod: BoundPod): BoundPod
  /** A Pod that was let in gets what it asks for; one that has something already keeps it and waits for the rest. */
  admit(pod: BoundPod): BoundPod
  /** The spec has changed: gives what it asks for now, if that can be. */
  resize(pod: BoundPod): BoundPod
  /** Something was freed: tries again for all that wait. */
  retry(): void
  state(podUid: string): ResizeState
  /** All containers have what was given. */
  done(pod: BoundPod): void
  /** They have not; an error says why, and stays until another resize or the end. */
  notDone(pod: BoundPod, error?: string): void
  forget(podUid: string): void
  /** Forgets all Pods but these. */
  retain(podUids: ReadonlySet<string>): void
}

export interface AllocatorDeps {
  readonly store: AllocationStore
  readonly node: () => Node | undefined
  /** The Pods that hold resources of the node, with what they were given. */
  readonly active: () => readonly BoundPod[]
  readonly podOf: (podUid: string) => BoundPod | undefined
  /** A Pod that waited was given what it asks for, or is refused for another reason. */
  readonly onChange: (pod: BoundPod) => void
  readonly recorder: EventRecorder
  readonly now: () => number
}

interface Pending {
  readonly verdict: Extract<Verdict, { type: 'refused' }>
  readonly generation: number
  readonly since: number
}

/** Upstream's JSON of resources in the messages of resize events. */
const summary = (pod: BoundPod, generation: number, error: string): string => {
  const list = (types: readonly string[]): { name: string; resources: object }[] =>
    containersOf(pod)
      .filter(({ type }) => types.includes(type))
      .map(({ container: { name, resources } }) => ({ name, resources: resources ?? {} }))
  const sidecars = list(['sidecar'])
  return JSON.stringify({
    ...(sidecars.length === 0 ? {} : { initContainers: sidecars }),
    containers: list(['container']),
    generation,
    ...(error === '' ? {} : { error }),
  })
}

export const createAllocator = (deps: AllocatorDeps): Allocator => {
  const { store, recorder, now } = deps
  const pending = new Map<string, Pending>()
  const inProgress = new Map<string, { readonly generation: number; readonly error: string }>()

  const given = (pod: BoundPod): BoundPod => {
    const allocation = store.get(pod.metadata.uid)
    return allocation === undefined ? pod : withAllocation(pod, allocation)
  }

  const refuse = (pod: BoundPod, verdict: Pending['verdict']): void => {
    const { uid } = pod.metadata
    const before = pending.get(uid)
    const generation = generationOf(pod)
    const isNews = before?.verdict.reason !== verdict.reason || before.generation !== generation
    const since = before?.verdict.reason === verdict.reason ? before.since : now()
    pending.set(uid, { verdict, generation, since })
    if (!isNews) return
    const text = `Pod resize ${verdict.reason}: ${summary(pod, generation, verdict.message)}`
    recorder.event(pod, 'Warning', `Resize${verdict.reason}`, text)
  }

  /** Gives the Pod what it asks for, or notes why not. */
  const evaluate = (pod: BoundPod): void => {
    const { uid } = pod.metadata
    const allocation = store.get(uid)
    if (allocation === undefined || isAllocated(pod, allocation)) {
      pending.delete(uid)
      return
    }
    const others = deps.active().filter(({ metadata }) => metadata.uid !== uid)
    const verdict = judgeResize(pod, deps.node(), others)
    if (verdict.type === 'refused') return refuse(pod, verdict)
    store.set(uid, allocationOf(pod))
    pending.delete(uid)
    inProgress.set(uid, { generation: generationOf(pod), error: '' })
    recorder.event(pod, 'Normal', 'ResizeStarted', `Pod resize started: ${summary(pod, generationOf(pod), '')}`)
  }

  const waiting = (): Waiting[] =>
    [...pending].flatMap(([uid, { since }]) => {
      const pod = deps.podOf(uid)
      const { phase } = pod?.status ?? {}
      if (pod !== undefined && phase !== 'Succeeded' && phase !== 'Failed') return [{ pod, given: given(pod), since }]
      pending.delete(uid)
      return []
    })

  return {
    given,
    admit: (pod) => {
      if (store.get(pod.metadata.uid) === undefined) store.set(pod.metadata.uid, allocationOf(pod))
      else evaluate(pod)
      return given(pod)
    },
    resize: (pod) => {
      evaluate(pod)
      return given(pod)
    },
    retry: () => {
      for (const { pod } of waiting().toSorted(byUrgency)) {
        const before = pending.get(pod.metadata.uid)?.verdict
        evaluate(pod)
        const after = pending.get(pod.metadata.uid)?.verdict
        if (after?.reason !== before?.reason || after?.message !== before?.message) deps.onChange(pod)
      }
    },
    state: (podUid) => {
      const [waits, progress] = [pending.get(podUid), inProgress.get(podUid)]
      return {
        ...(waits === undefined
          ? {}
          : {
              pending: { reason: waits.verdict.reason, message: waits.verdict.message, generation: waits.generation },
            }),
        ...(progress === undefined ? {} : { inProgress: progress }),
      }
    },
    done: (pod) => {
      const before = inProgress.get(pod.metadata.uid)
      if (before === undefined) return
      inProgress.delete(pod.metadata.uid)
      recorder.event(pod, 'Normal', 'ResizeCompleted', `Pod resize completed: ${summary(pod, before.generation, '')}`)
    },
    notDone: (pod, error) => {
      const { uid } = pod.metadata
      const before = inProgress.get(uid)
      // Under way since before this kubelet was started, if it is not known.
      const generation = before?.generation ?? store.get(uid)?.generation ?? generationOf(pod)
      const known = before?.error ?? ''
      inProgress.set(uid, { generation, error: error ?? known })
      if (error === undefined || error === known) return
      recorder.event(pod, 'Warning', 'ResizeError', `Pod resize error: ${summary(pod, generation, error)}`)
    },
    forget: (podUid) => {
      store.delete(podUid)
      pending.delete(podUid)
      inProgress.delete(podUid)
    },
    retain: (podUids) => {
      for (const uid of store.uids()) if (!podUids.has(uid)) store.delete(uid)
    },
  }
}
