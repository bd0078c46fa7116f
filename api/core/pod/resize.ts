/** What pods/resize may do: new amounts of CPU and memory, in the same quality of service. Upstream: ValidatePodResize. */
import { semanticEqual } from '../../meta/equal.ts'
import { child, type FieldError, forbiddenField, invalid } from '../../meta/field-error.ts'
import { isRestartableInitContainer, qosClass } from '../../meta/pods.ts'
import type { Container, Pod, ResourceRequirements } from '../../types.ts'
import { isMirrorPod, validatePod } from './validation.ts'

type Amounts = Readonly<Record<string, string>> | undefined

/** The old containers in the order of the new ones, with the resources of those. Unknown ones stay, for validation to see. */
export const resizedContainers = (
  next: readonly Container[] | undefined,
  old: readonly Container[] | undefined,
): Container[] | undefined =>
  next?.map((container) => {
    const before = old?.find(({ name }) => name === container.name)
    if (before === undefined) return container
    const resized = { ...before }
    for (const field of ['resources', 'resizePolicy'] as const) {
      delete resized[field]
      if (container[field] !== undefined) Object.assign(resized, { [field]: container[field] })
    }
    return resized
  })

/** A running container reports its resources where the node can change them. */
const nodeCanResize = ({ status }: Pod): boolean => {
  const running = status?.containerStatuses?.find(({ state }) => state?.running !== undefined)
  return running === undefined || running.resources !== undefined
}

const lists = ['containers', 'initContainers'] as const

const validateOrder = (pod: Pod, old: Pod): FieldError[] =>
  lists.flatMap((list) => {
    const path = child('spec', list)
    const [next, before] = [pod.spec?.[list] ?? [], old.spec?.[list] ?? []]
    if (next.length !== before.length) return [forbiddenField(path, `${list} may not be added or removed on resize`)]
    return before.flatMap(({ name }, index) =>
      next[index]?.name === name
        ? []
        : [forbiddenField(child(path, index, 'name'), `${list} may not be renamed or reordered on resize`)],
    )
  })

const removesAny = (next: Amounts, old: Amounts): boolean =>
  Object.keys(old ?? {}).some((name) => next?.[name] === undefined)

const validateRemoval = (
  next: ResourceRequirements | undefined,
  old: ResourceRequirements | undefined,
  path: string,
): FieldError[] =>
  (['requests', 'limits'] as const)
    .filter((which) => removesAny(next?.[which], old?.[which]))
    .map((which) => forbiddenField(child(path, which), `resource ${which} cannot be removed`))

const fixedAmounts = (amounts: Amounts): Amounts => {
  const { cpu: _cpu, memory: _memory, ...rest } = amounts ?? {}
  return rest
}

/** The container without what a resize may change. */
const fixedPart = ({ resources, ...rest }: Container): object => ({
  ...rest,
  resources: { ...resources, limits: fixedAmounts(resources?.limits), requests: fixedAmounts(resources?.requests) },
})

const restartsOnResize = ({ resizePolicy }: Container): boolean =>
  (resizePolicy ?? []).some(({ restartPolicy }) => restartPolicy === 'RestartContainer')

const validateContainerResize = (next: Container, old: Container): FieldError[] =>
  semanticEqual(fixedPart(next), fixedPart(old))
    ? []
    : [forbiddenField('spec', 'only cpu and memory resources are mutable')]

const validateInitContainerResize = (next: Container, old: Container, path: string): FieldError[] => {
  if (!semanticEqual(fixedPart(next), fixedPart(old))) {
    return [forbiddenField(path, 'only cpu and memory resources for init or sidecar containers are mutable')]
  }
  return !isRestartableInitContainer(next) && restartsOnResize(next) && !semanticEqual(next, old)
    ? [forbiddenField(path, 'non-sidecar init containers with a resize policy of RestartContainer cannot be resized')]
    : []
}

const each = (
  pod: Pod,
  old: Pod,
  list: (typeof lists)[number],
  check: (next: Container, before: Container, path: string) => FieldError[],
): FieldError[] =>
  (old.spec?.[list] ?? []).flatMap((before, index) => {
    const next = pod.spec?.[list]?.[index]
    return next === undefined ? [] : check(next, before, child('spec', list, index))
  })

export const validatePodResize = (pod: Pod, old: Pod): FieldError[] => {
  if (isMirrorPod(old)) return [forbiddenField('', 'static pods cannot be resized')]
  if (old.spec?.os?.name === 'windows') return [forbiddenField('', 'windows pods cannot be resized')]
  const errors = validatePod(pod)
  if (qosClass(pod) !== (old.status?.qosClass || qosClass(old))) {
    errors.push(invalid('spec', pod.status?.qosClass ?? '', 'Pod QOS Class may not change as a result of resizing'))
  }
  if (!nodeCanResize(old)) errors.push(forbiddenField('spec', 'Pod running on node without support for resize'))
  const order = validateOrder(pod, old)
  if (order.length > 0) return [...errors, ...order]
  const removal = (next: Container, before: Container, path: string): FieldError[] =>
    validateRemoval(next.resources, before.resources, child(path, 'resources'))
  return [
    ...errors,
    ...each(pod, old, 'initContainers', removal),
    ...each(pod, old, 'containers', removal),
    ...each(pod, old, 'containers', validateContainerResize),
    ...each(pod, old, 'initContainers', validateInitContainerResize),
  ]
}
