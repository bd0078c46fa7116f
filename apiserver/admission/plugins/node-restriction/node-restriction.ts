/**
 * NodeRestriction: kubelets change only their own Node, Lease and certificates, and the Pods that are bound to it.
 * Upstream: plugin/pkg/admission/noderestriction
 */
import { nodeNameOf } from '../../../authorization/node-identity.ts'
import type { AdmissionPlugin } from '../../admission.ts'
import { admissionForbidden } from '../../forbidden.ts'
import { checkNode } from './nodes.ts'
import { checkClaim, checkCsiNode, checkLease, checkResourceSlice, checkSigningRequest } from './others.ts'
import { checkPod } from './pods.ts'
import { nodeRequest, type NodeRequest, type NodeRestrictionDeps } from './request.ts'
import { checkToken } from './tokens.ts'

const rules: Readonly<Record<string, (request: NodeRequest) => Promise<void> | void>> = {
  'pods.': checkPod,
  'nodes.': checkNode,
  'persistentvolumeclaims.': checkClaim,
  'serviceaccounts.': checkToken,
  'leases.coordination.k8s.io': checkLease,
  'csinodes.storage.k8s.io': checkCsiNode,
  'resourceslices.resource.k8s.io': checkResourceSlice,
  'certificatesigningrequests.certificates.k8s.io': checkSigningRequest,
}

export const nodeRestriction = (deps: NodeRestrictionDeps): AdmissionPlugin => ({
  name: 'NodeRestriction',
  operations: ['CREATE', 'UPDATE', 'DELETE'],
  admit: (attributes) => {
    const self = nodeNameOf(attributes.user)
    if (self === undefined) return undefined
    if (self === '')
      throw admissionForbidden(attributes, `could not determine node from user ${JSON.stringify(attributes.user.name)}`)
    const resource = `${attributes.resource}.${attributes.group}`
    return Object.hasOwn(rules, resource) ? rules[resource]?.(nodeRequest(attributes, self, deps)) : undefined
  },
})
