/** What the API server sets and keeps on Pods. Upstream: pkg/registry/core/pod/strategy.go. */
import { isPodTerminal, qosClass } from '../../meta/pods.ts'
import { keepField } from '../../strategy.ts'
import type { LabelSelector, ObjectMeta, Pod, PodSpec, PodStatus } from '../../types.ts'

type AffinityTerm = NonNullable<
  NonNullable<NonNullable<PodSpec['affinity']>['podAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']
>[number]

interface LabelKeyHolder {
  labelSelector?: LabelSelector
}

/** matchLabelKeys become requirements of the selector, with this Pod's own values. */
const mergeLabelKeys = (
  term: LabelKeyHolder,
  keys: readonly string[] | undefined,
  operator: 'In' | 'NotIn',
  metadata: ObjectMeta | undefined,
): void => {
  if (term.labelSelector === undefined) return
  for (const name of keys ?? []) {
    const value = metadata?.labels?.[name]
    if (value === undefined) continue
    term.labelSelector.matchExpressions = [
      ...(term.labelSelector.matchExpressions ?? []),
      { key: name, operator, values: [value] },
    ]
  }
}

const mergeTerm = (term: AffinityTerm, metadata: ObjectMeta | undefined): void => {
  mergeLabelKeys(term, term.matchLabelKeys, 'In', metadata)
  mergeLabelKeys(term, term.mismatchLabelKeys, 'NotIn', metadata)
}

const mergeMatchLabelKeys = (pod: Pod): void => {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {}
  for (const affinity of [podAffinity, podAntiAffinity]) {
    for (const term of affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) mergeTerm(term, pod.metadata)
    for (const { podAffinityTerm } of affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []) {
      mergeTerm(podAffinityTerm, pod.metadata)
    }
  }
  for (const constraint of pod.spec?.topologySpreadConstraints ?? []) {
    mergeLabelKeys(constraint, constraint.matchLabelKeys, 'In', pod.metadata)
  }
}

/** A new Pod is Pending, with its quality of service fixed; one with scheduling gates says so. */
export const prepareForCreate = (pod: Pod): void => {
  const status: PodStatus = { phase: 'Pending', qosClass: qosClass(pod) }
  if ((pod.spec?.schedulingGates ?? []).length > 0) {
    status.conditions = [
      {
        type: 'PodScheduled',
        status: 'False',
        reason: 'SchedulingGated',
        message: 'Scheduling is blocked due to non-empty scheduling gates',
        lastTransitionTime: pod.metadata?.creationTimestamp ?? '',
      },
    ]
    if (status.conditions[0]?.lastTransitionTime === '') delete status.conditions[0].lastTransitionTime
  }
  pod.status = status
  mergeMatchLabelKeys(pod)
}

export const prepareForUpdate = (pod: Pod, old: Pod): void => keepField(pod, old, 'status')

const keepObservedGenerations = (status: PodStatus, old: PodStatus | undefined): void => {
  if ((status.observedGeneration ?? 0) === 0 && old?.observedGeneration !== undefined) {
    status.observedGeneration = old.observedGeneration
  }
  for (const condition of status.conditions ?? []) {
    if ((condition.observedGeneration ?? 0) !== 0) continue
    const before = old?.conditions?.find(({ type }) => type === condition.type)?.observedGeneration
    if (before !== undefined) condition.observedGeneration = before
  }
}

/** The kubelet writes status; spec, owners and deletion stay, and so does the quality of service if left out. */
export const prepareForStatusUpdate = (pod: Pod, old: Pod): void => {
  keepField(pod, old, 'spec')
  const metadata = (pod.metadata ??= {})
  keepField(metadata, old.metadata ?? {}, 'deletionTimestamp')
  keepField(metadata, old.metadata ?? {}, 'ownerReferences')
  const status = (pod.status ??= {})
  if ((status.qosClass ?? '') === '') {
    const before = old.status?.qosClass
    if (before !== undefined) status.qosClass = before
  }
  keepObservedGenerations(status, old.status)
}

/**
 * Seconds between the deletion mark and removal: the request's, else the Pod's own; none for a Pod that no
 * kubelet runs (unscheduled or finished). A negative request means one second.
 */
export const gracefulDeletion = (pod: Pod, requested: number | undefined): number => {
  if ((pod.spec?.nodeName ?? '') === '' || isPodTerminal(pod)) return 0
  const period = requested ?? pod.spec?.terminationGracePeriodSeconds ?? 0
  return period < 0 ? 1 : period
}
