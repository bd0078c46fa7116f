/** PodResizeValidator: a resize that the Pod's node could never grant is refused at once. */
import { type ResourceAmounts, podRequests } from '../../../api/meta/pods.ts'
import { milliValue, parseQuantity, quantityValue, zeroQuantity } from '../../../api/meta/quantity.ts'
import { StatusError } from '../../../api/meta/status-error.ts'
import type { Node, Pod } from '../../../api/types.ts'
import type { Resource } from '../../registry/resource.ts'
import { type AdmissionAttributes, type AdmissionPlugin, isResource } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'

const withCause = (attributes: AdmissionAttributes, message: string, reason: string): StatusError => {
  const { reason: kind, message: text, details } = admissionForbidden(attributes, message)
  return new StatusError(kind, text, { details: { ...details, causes: [{ reason }] } })
}

const tooMuch = (requests: ResourceAmounts, allocatable: Readonly<Record<string, string>>): string[] => {
  const amountOf = (name: string) => parseQuantity(allocatable[name] ?? '0')
  const compared = [
    ['cpu', milliValue(requests['cpu'] ?? zeroQuantity), milliValue(amountOf('cpu'))],
    ['memory', quantityValue(requests['memory'] ?? zeroQuantity), quantityValue(amountOf('memory'))],
  ] as const
  return compared
    .filter(([, requested, available]) => requested > available)
    .map(([name, requested, available]) => `${name}, requested: ${requested}, allocatable: ${available}`)
}

export const podResizeValidator = (nodes: Resource): AdmissionPlugin => ({
  name: 'PodResizeValidator',
  operations: ['UPDATE'],
  validate: async (attributes) => {
    if (!isResource(attributes, 'pods', 'resize')) return
    const pod = attributes.object as Pod
    const nodeName = pod.spec?.nodeName ?? ''
    if (nodeName === '' || pod.metadata?.generation === attributes.oldObject?.metadata?.generation) return
    const node = (await nodes.store.getCached(nodeName))?.object as Node | undefined
    if (node === undefined) throw admissionForbidden(attributes, `node ${JSON.stringify(nodeName)} not found`)
    const exceeded = tooMuch(podRequests(pod), node.status?.allocatable ?? {})
    if (exceeded.length > 0) {
      const message = `Node didn't have enough allocatable resources: ${exceeded.join('; ')}`
      throw withCause(attributes, message, 'NodeCapacity')
    }
    const os = node.metadata?.labels?.['kubernetes.io/os'] ?? ''
    if (os === 'linux') return
    const message = `pod resize is only supported on linux nodes, node ${JSON.stringify(nodeName)} is ${JSON.stringify(os)}`
    throw withCause(attributes, message, 'UnsupportedPlatform')
  },
})
