/** What a check of the Pod Security Standards is, and the words that checks have in common. */
import type { Container, ObjectMeta, PodSpec } from '../../../../api/types.ts'

/** A Pod, or the template of one. */
export interface PodFacts {
  readonly metadata: ObjectMeta
  readonly spec: PodSpec
}

export interface Violation {
  /** A few words, the same for every Pod. */
  readonly reason: string
  /** What it is in this Pod. */
  readonly detail: string
}

export type CheckPod = (pod: PodFacts) => Violation | undefined

export interface Check {
  readonly id: string
  readonly level: 'baseline' | 'restricted'
  /** Ascending; the last one that is not younger than the policy's version holds. */
  readonly versions: readonly {
    /** Minor version that this form of the check came with. */
    readonly since: number
    readonly check: CheckPod
    /** Ids of baseline checks that this one includes. */
    readonly overrides?: readonly string[]
  }[]
}

/** All containers of a Pod: init containers first, ephemeral ones last. */
export const containersOf = ({ spec }: PodFacts): readonly Container[] => [
  ...(spec.initContainers ?? []),
  ...(spec.containers ?? []),
  ...((spec.ephemeralContainers ?? []) as Container[]),
]

/** `"a", "b"` */
export const quoted = (items: readonly string[]): string => items.map((item) => `"${item}"`).join(', ')

export const plural = (count: number, one: string, many = `${one}s`): string => (count === 1 ? one : many)

/** `container "a"`, `containers "a", "b"` */
export const containersText = (names: readonly string[]): string =>
  `${plural(names.length, 'container')} ${quoted(names)}`

/** Distinct and sorted. */
export const distinct = (values: Iterable<string>): string[] => [...new Set(values)].toSorted()

/** Names of the containers that `isBad` is true of. */
export const badContainers = (pod: PodFacts, isBad: (container: Container) => boolean): string[] =>
  containersOf(pod)
    .filter(isBad)
    .map(({ name }) => name)

/** `pod and containers "a", "b"`: who sets a field, with the Pod's own securityContext first. */
export const settersText = (byPod: boolean, names: readonly string[]): string =>
  [...(byPod ? ['pod'] : []), ...(names.length > 0 ? [containersText(names)] : [])].join(' and ')

/** Fields that Windows does not have need not be set there. */
export const unlessWindows =
  (check: CheckPod): CheckPod =>
  (pod) =>
    pod.spec.os?.name === 'windows' ? undefined : check(pod)

/** In a user namespace of its own a Pod's root is nobody outside of it. */
export const unlessUserNamespace =
  (check: CheckPod): CheckPod =>
  (pod) =>
    pod.spec.hostUsers === false ? undefined : check(pod)
