/** Kubelets change only their own Node, Lease and the Pods bound to it. Upstream: plugin/pkg/admission/noderestriction */
import type { Node, Pod, TokenRequest } from '../../../api/types.ts'
import { nodeNameOf } from '../../authorization/node-identity.ts'
import type { Resource } from '../../registry/resource.ts'
import { equalJson } from '../../storage/json.ts'
import { type AdmissionAttributes, type AdmissionPlugin } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'

const mirrorAnnotation = 'kubernetes.io/config.mirror'

/** Labels of Kubernetes' own that a kubelet may set on its Node. */
const kubeletLabels = new Set([
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/instance-type',
  'beta.kubernetes.io/os',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'kubernetes.io/arch',
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'node.kubernetes.io/instance-type',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
])
const kubeletNamespaces = ['kubelet.kubernetes.io', 'node.kubernetes.io']

const within = (namespace: string, domain: string): boolean => namespace === domain || namespace.endsWith(`.${domain}`)

const mayNotSet = (label: string): boolean => {
  const namespace = label.includes('/') ? label.slice(0, label.indexOf('/')) : ''
  if (within(namespace, 'node-restriction.kubernetes.io')) return true
  if (!within(namespace, 'kubernetes.io') && !within(namespace, 'k8s.io')) return false
  return !kubeletLabels.has(label) && !kubeletNamespaces.some((allowed) => within(namespace, allowed))
}

const changedLabels = (node: Node, old: Node | undefined): string[] => {
  const now = node.metadata?.labels ?? {}
  const before = old?.metadata?.labels ?? {}
  return [...new Set([...Object.keys(now), ...Object.keys(before)])].filter((label) => now[label] !== before[label])
}

const checkNode = (attributes: AdmissionAttributes, self: string): void => {
  const name = attributes.name || (attributes.object?.metadata?.name ?? '')
  if (name !== self)
    throw admissionForbidden(
      attributes,
      `node ${JSON.stringify(self)} is not allowed to modify node ${JSON.stringify(name)}`,
    )
  if (attributes.operation === 'DELETE')
    throw admissionForbidden(attributes, `node ${JSON.stringify(self)} is not allowed to delete its node`)
  const node = attributes.object as Node
  const old = attributes.oldObject as Node | undefined
  if (attributes.subresource === 'status') return
  const bad = changedLabels(node, old).filter(mayNotSet).sort()
  if (bad.length > 0) {
    throw admissionForbidden(attributes, `is not allowed to modify labels: ${bad.join(', ')}`)
  }
  if (old !== undefined && !equalJson(node.spec?.taints ?? [], old.spec?.taints ?? [])) {
    throw admissionForbidden(attributes, `node ${JSON.stringify(self)} is not allowed to modify taints`)
  }
}

const checkPod = async (attributes: AdmissionAttributes, self: string, pods: Resource): Promise<void> => {
  const shown = JSON.stringify(self)
  const refuse = (message: string): never => {
    throw admissionForbidden(attributes, message)
  }
  if (attributes.subresource === 'eviction') {
    const pod = (await pods.store.getCached(`${attributes.namespace}/${attributes.name}`))?.object as Pod | undefined
    if (pod !== undefined && pod.spec?.nodeName !== self)
      refuse(`node ${shown} can only evict pods with spec.nodeName set to itself`)
    return
  }
  if (attributes.subresource === 'status') {
    const old = attributes.oldObject as Pod | undefined
    if (old !== undefined && old.spec?.nodeName !== self) {
      refuse(`node ${shown} can only update pod status for pods with spec.nodeName set to itself`)
    }
    if (!equalJson(old?.metadata?.labels ?? {}, attributes.object?.metadata?.labels ?? {}))
      refuse(`node ${shown} cannot update labels through pod status`)
    return
  }
  switch (attributes.operation) {
    case 'CREATE': {
      const pod = attributes.object as Pod
      if (pod.metadata?.annotations?.[mirrorAnnotation] === undefined) {
        refuse(
          `pod does not have ${JSON.stringify(mirrorAnnotation)} annotation, node ${shown} can only create mirror pods`,
        )
      }
      if (pod.spec?.nodeName !== self) refuse(`node ${shown} can only create pods with spec.nodeName set to itself`)
      if ((pod.spec?.serviceAccountName ?? '') !== '')
        refuse(`node ${shown} can not create pods that reference a service account`)
      return
    }
    case 'DELETE': {
      const old = attributes.oldObject as Pod | undefined
      if (old?.spec?.nodeName !== self) refuse(`node ${shown} can only delete pods with spec.nodeName set to itself`)
      return
    }
    case 'UPDATE':
    case 'CONNECT':
      refuse(
        `unexpected operation ${JSON.stringify(attributes.operation)}, node ${shown} can only create and delete mirror pods`,
      )
  }
}

const checkToken = async (attributes: AdmissionAttributes, self: string, pods: Resource): Promise<void> => {
  const ref = (attributes.object as TokenRequest | undefined)?.spec?.boundObjectRef
  if (ref?.kind !== 'Pod' || (ref.name ?? '') === '')
    throw admissionForbidden(attributes, 'node requested token not bound to a pod')
  if ((ref.uid ?? '') === '')
    throw admissionForbidden(attributes, 'node requested token with a pod binding without a uid')
  const pod = (await pods.store.getCached(`${attributes.namespace}/${ref.name}`))?.object as Pod | undefined
  if (pod === undefined) return
  if (pod.metadata?.uid !== ref.uid)
    throw admissionForbidden(
      attributes,
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    )
  if (pod.spec?.nodeName !== self)
    throw admissionForbidden(attributes, `node requested token bound to a pod scheduled on a different node`)
}

const checkOwnName = (attributes: AdmissionAttributes, self: string, what: string): void => {
  const name = attributes.name || (attributes.object?.metadata?.name ?? '')
  if (name !== self)
    throw admissionForbidden(attributes, `can only access ${what} with the same name as the requesting node`)
}

export const nodeRestriction = (pods: Resource): AdmissionPlugin => ({
  name: 'NodeRestriction',
  operations: ['CREATE', 'UPDATE', 'DELETE'],
  admit: (attributes) => {
    const self = nodeNameOf(attributes.user)
    if (self === undefined) return undefined
    if (self === '')
      throw admissionForbidden(attributes, `could not determine node from user ${JSON.stringify(attributes.user.name)}`)
    switch (`${attributes.resource}.${attributes.group}`) {
      case 'pods.':
        return checkPod(attributes, self, pods)
      case 'nodes.':
        return checkNode(attributes, self)
      case 'serviceaccounts.':
        return attributes.subresource === 'token' ? checkToken(attributes, self, pods) : undefined
      case 'leases.coordination.k8s.io':
        if (attributes.namespace !== 'kube-node-lease')
          throw admissionForbidden(attributes, `can only access leases in the "kube-node-lease" system namespace`)
        return checkOwnName(attributes, self, 'node lease')
      case 'csinodes.storage.k8s.io':
        return checkOwnName(attributes, self, 'CSINode')
      default:
        return undefined
    }
  },
})
