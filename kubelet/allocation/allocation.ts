/** What a node gave to a Pod's containers, beside what the Pod asks for: they differ while a resize waits. Pure. */
import { compareQuantities, parseQuantity } from '../../api/meta/quantity.ts'
import type { Container, ResourceRequirements } from '../../api/types.ts'
import type { BoundPod } from '../pod.ts'

export interface Allocation {
  /** metadata.generation of the spec that these are from. */
  readonly generation: number
  /** By container, for those that can be resized. */
  readonly containers: Readonly<Record<string, ResourceRequirements>>
  /** spec.resources. */
  readonly pod?: ResourceRequirements
}

/** An init container that ends is never resized. Upstream: IsResizableContainer. */
const resizable = ({ spec }: BoundPod): Container[] => [
  ...spec.containers,
  ...(spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'),
]

export const generationOf = ({ metadata }: BoundPod): number => metadata.generation ?? 0

export const allocationOf = (pod: BoundPod): Allocation => ({
  generation: generationOf(pod),
  containers: Object.fromEntries(resizable(pod).map(({ name, resources }) => [name, resources ?? {}])),
  ...(pod.spec.resources === undefined ? {} : { pod: pod.spec.resources }),
})

const sameAmounts = (
  a: Readonly<Record<string, string>> | undefined = {},
  b: Readonly<Record<string, string>> | undefined = {},
): boolean =>
  [...new Set([...Object.keys(a), ...Object.keys(b)])].every((name) => {
    const [left, right] = [a[name], b[name]]
    if (left === undefined || right === undefined) return false
    return compareQuantities(parseQuantity(left), parseQuantity(right)) === 0
  })

const sameResources = (a: ResourceRequirements | undefined, b: ResourceRequirements | undefined): boolean =>
  sameAmounts(a?.requests, b?.requests) && sameAmounts(a?.limits, b?.limits)

/** True when the Pod asks for what it was given. */
export const isAllocated = (pod: BoundPod, allocation: Allocation): boolean =>
  sameResources(pod.spec.resources, allocation.pod) &&
  resizable(pod).every(
    ({ name, resources }) => !(name in allocation.containers) || sameResources(resources, allocation.containers[name]),
  )

const withGiven = (container: Container, given: ResourceRequirements | undefined): Container =>
  given === undefined || sameResources(container.resources, given) ? container : { ...container, resources: given }

/** The Pod as the node runs it: with the resources that it was given. The same object where nothing differs. */
export const withAllocation = (pod: BoundPod, allocation: Allocation): BoundPod => {
  if (isAllocated(pod, allocation)) return pod
  const given = (container: Container): Container => withGiven(container, allocation.containers[container.name])
  const { resources: _asked, ...spec } = pod.spec
  return {
    ...pod,
    spec: {
      ...spec,
      ...(allocation.pod === undefined ? {} : { resources: allocation.pod }),
      containers: spec.containers.map(given),
      ...(spec.initContainers === undefined
        ? {}
        : {
            initContainers: spec.initContainers.map((container) =>
              container.restartPolicy === 'Always' ? given(container) : container,
            ),
          }),
    },
  }
}
