/** CertificateSubjectRestriction: the signer of API clients makes nobody a member of system:masters. */
import type { CertificateSigningRequest } from '../../../api/types.ts'
import { requestSubject } from '../../../component-base/pki/certificate-request.ts'
import { systemMasters } from '../../authentication/user.ts'
import { type AdmissionPlugin, isResource } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'

const apiClientSigner = 'kubernetes.io/kube-apiserver-client'

export const certificateSubjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  operations: ['CREATE'],
  validate: (attributes) => {
    if (!isResource(attributes, 'certificatesigningrequests', '', 'certificates.k8s.io')) return
    const { spec } = attributes.object as CertificateSigningRequest
    if (spec?.signerName !== apiClientSigner) return
    let organizations: readonly string[]
    try {
      organizations = requestSubject(Buffer.from(spec.request ?? '', 'base64').toString('latin1')).organizations
    } catch (error) {
      throw admissionForbidden(attributes, `failed to parse CSR: ${(error as Error).message}`)
    }
    if (!organizations.includes(systemMasters)) return
    throw admissionForbidden(attributes, `use of ${apiClientSigner} signer with ${systemMasters} group is not allowed`)
  },
}
