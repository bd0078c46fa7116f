/** Leases, CSINodes, ResourceSlices, status of claims, and certificates: a kubelet has its own. */
import { semanticEqual } from '../../../../api/meta/equal.ts'
import type { CertificateSigningRequest, PersistentVolumeClaim, ResourceSlice } from '../../../../api/types.ts'
import { requestSubject } from '../../../../component-base/pki/certificate-request.ts'
import { cloneJson } from '../../../storage/json.ts'
import type { NodeRequest } from './request.ts'

export const checkLease = ({ attributes, self, refuse }: NodeRequest): void => {
  if (attributes.namespace !== 'kube-node-lease')
    refuse('can only access leases in the "kube-node-lease" system namespace')
  if (attributes.name !== self) refuse('can only access node lease with the same name as the requesting node')
}

export const checkCsiNode = ({ attributes, self, refuse }: NodeRequest): void => {
  if (attributes.name !== self) refuse('can only access CSINode with the same name as the requesting node')
}

export const checkResourceSlice = ({ attributes, self, refuse }: NodeRequest): void => {
  const { operation, object, oldObject } = attributes
  const nodeOf = (slice: unknown): string | undefined => (slice as ResourceSlice | undefined)?.spec?.nodeName
  if (operation === 'CREATE' && nodeOf(object) !== self)
    refuse('can only create ResourceSlice with the same NodeName as the requesting node')
  if (operation === 'DELETE' && nodeOf(oldObject) !== self)
    refuse('can only delete ResourceSlice with the same NodeName as the requesting node')
}

/** A claim without what a kubelet may change in it. */
const fixedPart = (claim: PersistentVolumeClaim): PersistentVolumeClaim => {
  const copy = cloneJson(claim)
  delete copy.metadata?.resourceVersion
  delete copy.metadata?.managedFields
  const {
    capacity: _c,
    conditions: _d,
    allocatedResources: _a,
    allocatedResourceStatuses: _s,
    ...status
  } = copy.status ?? {}
  return { ...copy, status }
}

export const checkClaim = ({ attributes, shown, refuse }: NodeRequest): void => {
  const { subresource, operation, object, oldObject } = attributes
  if (subresource !== 'status') refuse('may only update PVC status')
  if (operation !== 'UPDATE') refuse(`unexpected operation ${JSON.stringify(operation)}`)
  if (semanticEqual(fixedPart(object as PersistentVolumeClaim), fixedPart(oldObject as PersistentVolumeClaim))) return
  refuse(`node ${shown} is not allowed to update fields other than status.quantity and status.conditions`)
}

const kubeletSigners = new Set(['kubernetes.io/kubelet-serving', 'kubernetes.io/kube-apiserver-client-kubelet'])

export const checkSigningRequest = ({ attributes, self, refuse }: NodeRequest): void => {
  if (attributes.operation !== 'CREATE') return
  const { spec } = attributes.object as CertificateSigningRequest
  if (!kubeletSigners.has(spec?.signerName ?? '')) return
  const commonName = ((): string => {
    try {
      return requestSubject(Buffer.from(spec?.request ?? '', 'base64').toString('latin1')).commonName
    } catch (error) {
      return refuse(`unable to parse csr: ${(error as Error).message}`)
    }
  })()
  if (commonName !== `system:node:${self}`) refuse(`can only create a node CSR with CN=system:node:${self}`)
}
