/** Why a Pod was evicted, in upstream's words. Pure. */
import { compareQuantities, formatQuantity, parseQuantity, quantityFromNumber } from '../../api/meta/quantity.ts'
import type { BoundPod } from '../pod.ts'
import type { Observations } from './observations.ts'
import { resourceOf, type StarvedResource } from './pressure.ts'
import { memoryOf, type PodUse } from './rank.ts'
import { amountOf, type Threshold } from './thresholds.ts'

const isBytes = (resource: StarvedResource): boolean => resource === 'memory' || resource === 'ephemeral-storage'

const quantity = (amount: number, resource: StarvedResource): string =>
  formatQuantity(quantityFromNumber(Math.max(0, Math.floor(amount)), isBytes(resource) ? 'BinarySI' : 'DecimalSI'))

/** What is left, against what has to be: of the first threshold of that resource. */
const thresholdPart = (resource: StarvedResource, due: readonly Threshold[], observations: Observations): string => {
  const threshold = due.find(({ signal }) => resourceOf(signal) === resource)
  const observed = threshold === undefined ? undefined : observations.get(threshold.signal)
  if (threshold === undefined || observed === undefined) return ''
  const wanted =
    threshold.value.type === 'amount'
      ? formatQuantity(parseQuantity(threshold.value.text))
      : quantity(amountOf(threshold.value, observed.capacity), resource)
  return `Threshold quantity: ${wanted}, available: ${quantity(observed.available, resource)}. `
}

const usedBy = (name: string, use: PodUse, resource: StarvedResource): number | undefined => {
  if (resource === 'memory') return use.containers.find((container) => container.name === name)?.memoryBytes
  if (resource !== 'ephemeral-storage') return undefined
  const disk = use.disk?.containers.get(name)
  return disk === undefined ? undefined : disk.rootfs.usedBytes + disk.logs.usedBytes
}

export const evictionMessage = (
  { pod, use }: { readonly pod: BoundPod; readonly use: PodUse | undefined },
  resource: StarvedResource,
  { due, observations }: { readonly due: readonly Threshold[]; readonly observations: Observations },
): string => {
  const parts = [`The node was low on resource: ${resource}. `, thresholdPart(resource, due, observations)]
  if (use === undefined) return parts.join('')
  const podRequest = pod.spec.resources?.requests?.[resource]
  if (resource === 'memory' && podRequest !== undefined) {
    const used = quantity(memoryOf(use), resource)
    parts.push(
      `Pod ${pod.metadata.name} was using ${used}, request is ${podRequest}, has larger consumption of ${resource}. `,
    )
  }
  for (const { name, resources } of [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]) {
    const used = usedBy(name, use, resource)
    const request = resources?.requests?.[resource] ?? '0'
    if (used === undefined || compareQuantities(quantityFromNumber(used, 'BinarySI'), parseQuantity(request)) <= 0)
      continue
    parts.push(
      `Container ${name} was using ${quantity(used, resource)}, request is ${request}, has larger consumption of ${resource}. `,
    )
  }
  return parts.join('')
}
