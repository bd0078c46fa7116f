/**
 * Who may approve requests for a signer, sign for it, and publish its trust: CertificateApproval, CertificateSigning,
 * ClusterTrustBundleAttest. The verbs are on the resource `signers` of certificates.k8s.io, by the signer's name or
 * its domain with a star. Upstream: plugin/pkg/admission/certificates
 */
import { semanticEqual } from '../../../api/meta/equal.ts'
import type { CertificateSigningRequest } from '../../../api/types.ts'
import { type Authorizer, resourceAttributes } from '../../authorization/authorizer.ts'
import { type AdmissionAttributes, type AdmissionPlugin, isResource } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'

const group = 'certificates.k8s.io'

type SignerVerb = 'approve' | 'sign' | 'attest'

const mayUse = async (
  authorizer: Authorizer,
  { user }: AdmissionAttributes,
  verb: SignerVerb,
  signer: string,
): Promise<boolean> => {
  const domain = signer.slice(0, Math.max(signer.indexOf('/'), 0))
  for (const name of [signer, `${domain}/*`]) {
    const attributes = resourceAttributes(user, { verb, group, version: '*', resource: 'signers', name })
    if ((await authorizer.authorize(attributes)).type === 'allow') return true
  }
  return false
}

const signerOf = (object: unknown): string =>
  (object as { spec?: { signerName?: string } } | undefined)?.spec?.signerName ?? ''

export const certificateApproval = (authorizer: Authorizer): AdmissionPlugin => ({
  name: 'CertificateApproval',
  operations: ['UPDATE'],
  validate: async (attributes) => {
    if (!isResource(attributes, 'certificatesigningrequests', 'approval', group)) return
    // The stored signer: this endpoint cannot change it.
    const signer = signerOf(attributes.oldObject)
    if (await mayUse(authorizer, attributes, 'approve', signer)) return
    throw admissionForbidden(
      attributes,
      `user not permitted to approve requests with signerName ${JSON.stringify(signer)}`,
    )
  },
})

export const certificateSigning = (authorizer: Authorizer): AdmissionPlugin => ({
  name: 'CertificateSigning',
  operations: ['UPDATE'],
  validate: async (attributes) => {
    if (!isResource(attributes, 'certificatesigningrequests', 'status', group)) return
    const { status } = attributes.object as CertificateSigningRequest
    const { status: old } = attributes.oldObject as CertificateSigningRequest
    const isSame =
      (status?.certificate ?? '') === (old?.certificate ?? '') &&
      semanticEqual(status?.conditions ?? [], old?.conditions ?? [])
    const signer = signerOf(attributes.oldObject)
    if (isSame || (await mayUse(authorizer, attributes, 'sign', signer))) return
    throw admissionForbidden(
      attributes,
      `user not permitted to sign requests with signerName ${JSON.stringify(signer)}`,
    )
  },
})

/** Metadata that garbage collection and storage migration write, and nothing else, has changed. */
const isHousekeeping = ({ object, oldObject }: AdmissionAttributes): boolean => {
  if (object === undefined || oldObject === undefined) return false
  const rest = ({ metadata, ...fields }: typeof object) => {
    const { ownerReferences: _o, finalizers: _f, managedFields: _m, resourceVersion: _r, ...kept } = metadata ?? {}
    return { ...fields, metadata: kept }
  }
  return semanticEqual(rest(object), rest(oldObject))
}

export const clusterTrustBundleAttest = (authorizer: Authorizer): AdmissionPlugin => ({
  name: 'ClusterTrustBundleAttest',
  operations: ['CREATE', 'UPDATE'],
  validate: async (attributes) => {
    if (!isResource(attributes, 'clustertrustbundles', attributes.subresource, group)) return
    const signer = signerOf(attributes.object)
    if (signer === '' || (attributes.operation === 'UPDATE' && isHousekeeping(attributes))) return
    if (await mayUse(authorizer, attributes, 'attest', signer)) return
    throw admissionForbidden(attributes, `user not permitted to attest for signerName ${JSON.stringify(signer)}`)
  },
})
