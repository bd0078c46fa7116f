/** A CertificateSigningRequest says who made it; clients cannot. Upstream does this in the strategy of the kind. */
import type { CertificateSigningRequest } from '../../../api/types.ts'
import { type AdmissionPlugin, isResource } from '../admission.ts'

export const certificateRequester: AdmissionPlugin = {
  name: 'CertificateRequester',
  operations: ['CREATE'],
  admit: (attributes) => {
    if (!isResource(attributes, 'certificatesigningrequests', '', 'certificates.k8s.io')) return
    const spec = (attributes.object as CertificateSigningRequest | undefined)?.spec
    if (spec === undefined) return
    const { name, uid, groups, extra } = attributes.user
    spec.username = name
    spec.groups = [...groups]
    if (uid === '') delete spec.uid
    else spec.uid = uid
    if (Object.keys(extra).length === 0) delete spec.extra
    else spec.extra = Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]]))
  },
}
