/** Downward API: values of the Pod's own fields and resources. */
import { milliValue, quantityValue } from '../../api/meta/quantity.ts'
import type { Container, Node } from '../../api/types.ts'
import type { BoundPod } from '../pod.ts'

/** Addresses that are known when a container starts. */
export interface PodAddresses {
  readonly podIPs: readonly string[]
  readonly hostIPs: readonly string[]
}

/** `key="value"` lines, sorted, as the downward API volume shows labels and annotations. Upstream: fieldpath.FormatMap. */
export const formatMap = (map: Readonly<Record<string, string>> | undefined): string =>
  Object.entries(map ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n')

/** The value of a fieldPath; throws where the path is not supported. */
export const fieldValue = (pod: BoundPod, fieldPath: string, addresses: PodAddresses): string => {
  const subscript = /^metadata\.(annotations|labels)\['(.+)'\]$/.exec(fieldPath)
  if (subscript !== null) {
    const [, map, key] = subscript
    return pod.metadata[map === 'labels' ? 'labels' : 'annotations']?.[key ?? ''] ?? ''
  }
  switch (fieldPath) {
    case 'metadata.name':
      return pod.metadata.name
    case 'metadata.namespace':
      return pod.metadata.namespace
    case 'metadata.uid':
      return pod.metadata.uid
    case 'metadata.labels':
      return formatMap(pod.metadata.labels)
    case 'metadata.annotations':
      return formatMap(pod.metadata.annotations)
    case 'spec.nodeName':
      return pod.spec.nodeName ?? ''
    case 'spec.serviceAccountName':
      return pod.spec.serviceAccountName ?? ''
    case 'status.hostIP':
      return addresses.hostIPs[0] ?? ''
    case 'status.hostIPs':
      return addresses.hostIPs.join(',')
    case 'status.podIP':
      return addresses.podIPs[0] ?? ''
    case 'status.podIPs':
      return addresses.podIPs.join(',')
    default:
      throw new Error(`unsupported fieldPath: ${fieldPath}`)
  }
}

const inUnits = (name: string, amount: string, divisor: string): string => {
  const zero = quantityValue(divisor) === 0 && milliValue(divisor) === 0
  if (name === 'cpu') return String(Math.ceil(milliValue(amount) / (zero ? 1000 : milliValue(divisor))))
  return String(Math.ceil(quantityValue(amount) / (zero ? 1 : quantityValue(divisor))))
}

/**
 * A container's request or limit in units of the divisor, rounded up. A missing limit of cpu, memory or
 * ephemeral-storage is what the node has to give.
 */
export const resourceValue = (
  container: Container,
  ref: { readonly resource: string; readonly divisor?: string },
  node: Node | undefined,
): string => {
  const [which, ...rest] = ref.resource.split('.')
  const name = rest.join('.')
  if ((which !== 'limits' && which !== 'requests') || name === '') {
    throw new Error(`unsupported container resource : ${ref.resource}`)
  }
  const given = container.resources?.[which]?.[name]
  const limitOrNode = which === 'limits' ? node?.status?.allocatable?.[name] : undefined
  return inUnits(name, given ?? limitOrNode ?? '0', ref.divisor ?? '0')
}
