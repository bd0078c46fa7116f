import { defineKind } from '../kind.ts'
import type { CertificateSigningRequest } from '../types.ts'

export const certificateSigningRequestKind = defineKind<CertificateSigningRequest>({
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  scope: 'Cluster',
  shortNames: ['csr'],
  subresources: ['approval', 'status'],
  selectableFields: { 'spec.signerName': (csr) => csr.spec.signerName },
})
