/** Pods: a kubelet makes mirrors of its static Pods, and deletes, evicts and reports on those that are bound to it. */
import { semanticEqual } from '../../../../api/meta/equal.ts'
import { notFound } from '../../../../api/meta/status-error.ts'
import type { Pod } from '../../../../api/types.ts'
import { podReferences } from '../../../../api/core/pod/references.ts'
import { type NodeRequest, storedNode, storedPod } from './request.ts'

const mirrorAnnotation = 'kubernetes.io/config.mirror'
const pods = { group: '', resource: 'pods' }

/** The one owner of a mirror Pod is its Node, of the present uid. */
const checkOwner = async (request: NodeRequest, pod: Pod): Promise<void> => {
  const { self, shown, refuse } = request
  const [owner, another] = pod.metadata?.ownerReferences ?? []
  if (another !== undefined) refuse(`node ${shown} can only create pods with a single owner reference set to itself`)
  if (owner === undefined || owner.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== self)
    return refuse(`node ${shown} can only create pods with an owner reference set to itself`)
  if (owner.controller !== true)
    refuse(`node ${shown} can only create pods with a controller owner reference set to itself`)
  if (owner.blockOwnerDeletion === true) refuse(`node ${shown} must not set blockOwnerDeletion on an owner reference`)
  const node = await storedNode(request)
  if (node === undefined) throw notFound({ group: '', resource: 'nodes' }, self)
  if (owner.uid !== node.metadata?.uid)
    refuse(`node ${self} UID mismatch: expected ${owner.uid} got ${node.metadata?.uid}`)
}

const checkCreate = async (request: NodeRequest): Promise<void> => {
  const { attributes, self, shown, refuse } = request
  const pod = attributes.object as Pod
  if (pod.metadata?.annotations?.[mirrorAnnotation] === undefined) {
    refuse(
      `pod does not have ${JSON.stringify(mirrorAnnotation)} annotation, node ${shown} can only create mirror pods`,
    )
  }
  if (pod.spec?.nodeName !== self) refuse(`node ${shown} can only create pods with spec.nodeName set to itself`)
  await checkOwner(request, pod)
  if ((pod.spec?.serviceAccountName ?? '') !== '')
    refuse(`node ${shown} can not create pods that reference a service account`)
  const references = podReferences(pod)
  for (const kind of ['secrets', 'configmaps'] as const)
    if (references[kind]) refuse(`node ${shown} can not create pods that reference ${kind}`)
  const volumes = pod.spec?.volumes ?? []
  if (volumes.some(({ projected }) => projected?.sources?.some((source) => source.clusterTrustBundle !== undefined)))
    refuse(`node ${shown} can not create pods that reference clustertrustbundles`)
  if (volumes.some(({ persistentVolumeClaim }) => persistentVolumeClaim !== undefined))
    refuse(`node ${shown} can not create pods that reference persistentvolumeclaims`)
  // A claim that a Pod names is one that its node may read (CVE-2025-4563).
  if ((pod.spec?.resourceClaims ?? []).length > 0)
    refuse(`node ${shown} can not create pods that reference resourceclaims`)
}

const claimNames = (pod: Pod): string =>
  JSON.stringify(
    (pod.status?.resourceClaimStatuses ?? []).map(({ name, resourceClaimName }) => [name, resourceClaimName]),
  )

const checkStatus = ({ attributes, self, shown, refuse }: NodeRequest): void => {
  if (attributes.operation !== 'UPDATE') refuse(`unexpected operation ${JSON.stringify(attributes.operation)}`)
  const pod = attributes.object as Pod
  const old = attributes.oldObject as Pod
  if (old.spec?.nodeName !== self)
    refuse(`node ${shown} can only update pod status for pods with spec.nodeName set to itself`)
  if (!semanticEqual(pod.metadata?.labels ?? {}, old.metadata?.labels ?? {}))
    refuse(`node ${shown} cannot update labels through pod status`)
  if (claimNames(pod) !== claimNames(old)) refuse(`node ${shown} cannot update resource claim statues`)
}

const boundPod = async (request: NodeRequest, message: string): Promise<void> => {
  const { attributes, self, refuse } = request
  const pod = await storedPod(request, attributes.name)
  if (pod === undefined) throw notFound(pods, attributes.name)
  if (pod.spec?.nodeName !== self) refuse(message)
}

export const checkPod = async (request: NodeRequest): Promise<void> => {
  const { attributes, self, shown, refuse } = request
  const { subresource, operation } = attributes
  if (subresource === 'status') return checkStatus(request)
  if (subresource === 'eviction') {
    if (operation !== 'CREATE') refuse(`unexpected operation ${operation}`)
    return boundPod(request, `node ${self} can only evict pods with spec.nodeName set to itself`)
  }
  if (subresource !== '')
    refuse(`unexpected pod subresource ${JSON.stringify(subresource)}, only 'status' and 'eviction' are allowed`)
  if (operation === 'CREATE') return checkCreate(request)
  if (operation === 'DELETE')
    return boundPod(request, `node ${shown} can only delete pods with spec.nodeName set to itself`)
  return refuse(
    `unexpected operation ${JSON.stringify(operation)}, node ${shown} can only create and delete mirror pods`,
  )
}
