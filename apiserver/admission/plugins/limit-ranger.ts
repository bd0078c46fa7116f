/** LimitRanges: defaults for containers, and bounds for containers, Pods and claims. Upstream: plugin/pkg/admission/limitranger */
import { podLimits, podRequests } from '../../../api/meta/pods.ts'
import {
  compareQuantities,
  formatQuantity,
  milliValue,
  parseQuantity,
  type Quantity,
} from '../../../api/meta/quantity.ts'
import type { Container, LimitRange, PersistentVolumeClaim, Pod } from '../../../api/types.ts'
import type { Resource } from '../../registry/resource.ts'
import { type AdmissionAttributes, type AdmissionPlugin, isResource } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'

type Item = NonNullable<LimitRange['spec']>['limits'][number]
type Amounts = Readonly<Record<string, string>>
type Quantities = Readonly<Record<string, Quantity>>

const itemsOf = (limits: Resource, namespace: string): Item[] =>
  limits.store.cache.range(`${namespace}/`).flatMap(({ object }) => (object as LimitRange).spec?.limits ?? [])

const quantities = (amounts: Amounts | undefined): Quantities =>
  Object.fromEntries(Object.entries(amounts ?? {}).map(([name, text]) => [name, parseQuantity(text)]))

const setContainerDefaults = (container: Container, item: Item): void => {
  const limits = { ...item.default, ...container.resources?.limits }
  // A request falls back to the container's own limit before the range's default request.
  const ownLimits = container.resources?.limits ?? {}
  const requests: Record<string, string> = { ...container.resources?.requests }
  for (const [name, value] of Object.entries(item.defaultRequest ?? {})) requests[name] ??= ownLimits[name] ?? value
  if (Object.keys(limits).length === 0 && Object.keys(requests).length === 0) return
  container.resources = {
    ...container.resources,
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
    ...(Object.keys(requests).length === 0 ? {} : { requests }),
  }
}

const show = (quantity: Quantity): string => formatQuantity(quantity)

/** What a range objects to in one thing's requests and limits. */
const violations = (type: string, item: Item, requests: Quantities, limits: Quantities): string[] => {
  const errors: string[] = []
  for (const [name, min] of Object.entries(quantities(item.min))) {
    const request = requests[name]
    const limit = limits[name]
    if (request === undefined)
      errors.push(`minimum ${name} usage per ${type} is ${show(min)}.  No request is specified`)
    else if (compareQuantities(request, min) < 0) {
      errors.push(`minimum ${name} usage per ${type} is ${show(min)}, but request is ${show(request)}`)
    } else if (limit !== undefined && compareQuantities(limit, min) < 0) {
      errors.push(`minimum ${name} usage per ${type} is ${show(min)}, but limit is ${show(limit)}`)
    }
  }
  for (const [name, max] of Object.entries(quantities(item.max))) {
    const request = requests[name]
    const limit = limits[name]
    if (limit === undefined && type !== 'PersistentVolumeClaim') {
      errors.push(`maximum ${name} usage per ${type} is ${show(max)}.  No limit is specified`)
    } else if (limit !== undefined && compareQuantities(limit, max) > 0) {
      errors.push(`maximum ${name} usage per ${type} is ${show(max)}, but limit is ${show(limit)}`)
    } else if (request !== undefined && compareQuantities(request, max) > 0) {
      errors.push(`maximum ${name} usage per ${type} is ${show(max)}, but request is ${show(request)}`)
    }
  }
  for (const [name, ratio] of Object.entries(quantities(item.maxLimitRequestRatio))) {
    const request = requests[name]
    const limit = limits[name]
    if (request === undefined || limit === undefined || milliValue(request) === 0) {
      errors.push(
        `${name} max limit to request ratio per ${type} is ${show(ratio)}, but no ${request === undefined ? 'request' : 'limit'} is specified or request is 0`,
      )
      continue
    }
    const actual = milliValue(limit) / milliValue(request)
    if (actual > milliValue(ratio) / 1000) {
      errors.push(
        `${name} max limit to request ratio per ${type} is ${show(ratio)}, but provided ratio is ${actual.toFixed(6)}`,
      )
    }
  }
  return errors
}

const podViolations = (pod: Pod, items: readonly Item[]): string[] =>
  items.flatMap((item) => {
    if (item.type === 'Pod') return violations('Pod', item, podRequests(pod), podLimits(pod))
    if (item.type !== 'Container') return []
    const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]
    return containers.flatMap(({ resources }) =>
      violations('Container', item, quantities(resources?.requests), quantities(resources?.limits)),
    )
  })

const throwIfAny = (attributes: AdmissionAttributes, errors: readonly string[]): void => {
  const [only] = errors
  if (only === undefined) return
  throw admissionForbidden(attributes, errors.length === 1 ? only : `[${[...new Set(errors)].join(', ')}]`)
}

export const limitRanger = (limits: Resource): AdmissionPlugin => ({
  name: 'LimitRanger',
  operations: ['CREATE', 'UPDATE'],
  admit: async (attributes) => {
    if (!isResource(attributes, 'pods') || attributes.operation !== 'CREATE') return
    await limits.store.cache.ready()
    const { spec } = attributes.object as Pod
    for (const item of itemsOf(limits, attributes.namespace)) {
      if (item.type !== 'Container') continue
      for (const container of [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])])
        setContainerDefaults(container, item)
    }
  },
  validate: async (attributes) => {
    await limits.store.cache.ready()
    if (limits.store.cache.size === 0) return
    if (isResource(attributes, 'pods') && (attributes.operation === 'CREATE' || attributes.subresource === 'resize')) {
      throwIfAny(attributes, podViolations(attributes.object as Pod, itemsOf(limits, attributes.namespace)))
    }
    if (isResource(attributes, 'persistentvolumeclaims')) {
      const { spec } = attributes.object as PersistentVolumeClaim
      const requests = quantities(spec?.resources?.requests)
      const items = itemsOf(limits, attributes.namespace).filter(({ type }) => type === 'PersistentVolumeClaim')
      throwIfAny(
        attributes,
        items.flatMap((item) => violations('PersistentVolumeClaim', item, requests, {})),
      )
    }
  },
})
