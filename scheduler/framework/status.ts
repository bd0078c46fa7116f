/**
 * What an extension point answers. Undefined is success, as upstream's nil Status; a thrown error is upstream's status
 * Error: the Pod is tried again after its back-off.
 */

/**
 * The Pod cannot go there, or nowhere.
 * - `Unschedulable`: removing Pods might help, so preemption looks at the node.
 * - `UnschedulableAndUnresolvable`: no preemption will help.
 * - `Pending`: the Pod waits for something outside the scheduler; it skips its back-off when that comes.
 */
export interface Rejection {
  readonly code: 'Unschedulable' | 'UnschedulableAndUnresolvable' | 'Pending'
  readonly reasons: readonly string[]
  /** Who rejected. Written by the framework: a plugin may give the same object for every node and need not set it. */
  plugin?: string
}

/** The plugin has nothing to do with this Pod: its later extension points are left out. */
export interface Skip {
  readonly code: 'Skip'
}

/** A Permit plugin lets the Pod wait; it is rejected when nobody allows it in this time. */
export interface Wait {
  readonly code: 'Wait'
  readonly timeoutMs: number
}

export const skip: Skip = { code: 'Skip' }

export const unschedulable = (...reasons: readonly string[]): Rejection => ({ code: 'Unschedulable', reasons })

export const unresolvable = (...reasons: readonly string[]): Rejection => ({
  code: 'UnschedulableAndUnresolvable',
  reasons,
})

export const pending = (...reasons: readonly string[]): Rejection => ({ code: 'Pending', reasons })

/** Upstream: Status.Message. */
export const messageOf = (rejection: Rejection): string => rejection.reasons.join(', ')
