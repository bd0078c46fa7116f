/**
 * LimitRanger: a namespace's LimitRanges give containers requests and limits, and bound those of containers, Pods and
 * claims. Upstream: plugin/pkg/admission/limitranger
 */
import type { Container, LimitRange, PersistentVolumeClaim, Pod } from '../../../api/types.ts'
import { podLimits, podRequests, type ResourceAmounts } from '../../../api/meta/pods.ts'
import { parseQuantity } from '../../../api/meta/quantity.ts'
import type { Resource } from '../../registry/resource.ts'
import { type AdmissionAttributes, type AdmissionPlugin, isResource } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'
import { claimViolations, type LimitItem, violations } from './limit-constraints.ts'

type Amounts = Readonly<Record<string, string>>

const annotation = 'kubernetes.io/limit-ranger'

const quantities = (amounts: Amounts | undefined): ResourceAmounts =>
  Object.fromEntries(Object.entries(amounts ?? {}).map(([name, text]) => [name, parseQuantity(text)]))

const itemsOf = ({ spec }: LimitRange): readonly LimitItem[] => spec?.limits ?? []

/** Adds what is missing; the names of what was added. */
const addMissing = (given: Record<string, string>, defaults: Amounts): string[] => {
  const missing = Object.keys(defaults).filter((name) => given[name] === undefined)
  for (const name of missing) given[name] = defaults[name] ?? '0'
  return missing.toSorted()
}

/** Gives a container its defaults; sentences of what it got, for the Pod's annotation. */
const setDefaults = (container: Container, what: string, requests: Amounts, limits: Amounts): string[] => {
  const resources = { requests: { ...container.resources?.requests }, limits: { ...container.resources?.limits } }
  const addedLimits = addMissing(resources.limits, limits)
  const addedRequests = addMissing(resources.requests, requests)
  if (addedLimits.length > 0 || addedRequests.length > 0) container.resources = { ...container.resources, ...resources }
  return [
    ...(addedRequests.length > 0 ? [`${addedRequests.join(', ')} request for ${what} ${container.name}`] : []),
    ...(addedLimits.length > 0 ? [`${addedLimits.join(', ')} limit for ${what} ${container.name}`] : []),
  ]
}

const applyDefaults = (pod: Pod, range: LimitRange): void => {
  const items = itemsOf(range).filter(({ type }) => type === 'Container')
  const requests: Amounts = Object.assign({}, ...items.map(({ defaultRequest }) => defaultRequest))
  const limits: Amounts = Object.assign({}, ...items.map((item) => item.default))
  const added = [
    ...(pod.spec?.containers ?? []).flatMap((container) => setDefaults(container, 'container', requests, limits)),
    ...(pod.spec?.initContainers ?? []).flatMap((one) => setDefaults(one, 'init container', requests, limits)),
  ]
  if (added.length === 0) return
  const metadata = (pod.metadata ??= {})
  metadata.annotations = { ...metadata.annotations, [annotation]: `LimitRanger plugin set: ${added.join('; ')}` }
}

/** Overhead is the runtime's, not the Pod's: it is not counted. */
const withoutOverhead = (pod: Pod): Pod => {
  const { overhead: _overhead, ...spec } = pod.spec ?? { containers: [] }
  return { ...pod, spec }
}

const podViolations = (pod: Pod, range: LimitRange): string[] =>
  itemsOf(range).flatMap((item) => {
    if (item.type === 'Pod') {
      const counted = withoutOverhead(pod)
      return violations(item, podRequests(counted), podLimits(counted))
    }
    if (item.type !== 'Container') return []
    const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]
    return containers.flatMap(({ resources }) =>
      violations(item, quantities(resources?.requests), quantities(resources?.limits)),
    )
  })

/** New Pods and claims, changed claims, and Pods that are resized; nothing that is being deleted. */
const isBounded = (attributes: AdmissionAttributes): boolean => {
  const { operation, subresource, kind, oldObject } = attributes
  if (kind.group !== '' || oldObject?.metadata?.deletionTimestamp !== undefined) return false
  if (kind.kind === 'PersistentVolumeClaim') return subresource === ''
  if (kind.kind !== 'Pod') return false
  return operation === 'UPDATE' ? subresource === 'resize' : subresource === ''
}

const rangesOf = async (attributes: AdmissionAttributes, ranges: Resource): Promise<LimitRange[]> => {
  await ranges.store.cache.ready()
  return ranges.store.cache.range(`${attributes.namespace}/`).map(({ object }) => object as LimitRange)
}

export const limitRanger = (ranges: Resource): AdmissionPlugin => ({
  name: 'LimitRanger',
  operations: ['CREATE', 'UPDATE'],
  admit: async (attributes) => {
    if (!isBounded(attributes) || !isResource(attributes, 'pods', attributes.subresource)) return
    for (const range of await rangesOf(attributes, ranges)) applyDefaults(attributes.object as Pod, range)
  },
  validate: async (attributes) => {
    if (!isBounded(attributes)) return
    for (const range of await rangesOf(attributes, ranges)) {
      const errors =
        attributes.kind.kind === 'Pod'
          ? podViolations(attributes.object as Pod, range)
          : claimViolations(
              itemsOf(range),
              quantities((attributes.object as PersistentVolumeClaim).spec?.resources?.requests),
            )
      // The first range that objects is heard, with all that it objects to.
      const distinct = [...new Set(errors)]
      if (distinct.length > 0)
        throw admissionForbidden(attributes, errors.length === 1 ? String(errors[0]) : `[${distinct.join(', ')}]`)
    }
  },
})
