/** What each built-in signer accepts. Upstream: pkg/apis/certificates/helpers.go, pkg/controller/certificates/signer. */
import type { CertificateSigningRequest } from '../../api/types.ts'
import type { CertificationRequest } from '../../component-base/pki/certificate-request.ts'

export const clientSigner = 'kubernetes.io/kube-apiserver-client'
export const kubeletClientSigner = 'kubernetes.io/kube-apiserver-client-kubelet'
export const kubeletServingSigner = 'kubernetes.io/kubelet-serving'
export const legacySigner = 'kubernetes.io/legacy-unknown'

/** What the request's PKCS #10 part asks for. */
type RequestedNames = Pick<
  CertificationRequest,
  'commonName' | 'organizations' | 'dnsNames' | 'ips' | 'emails' | 'uris'
>

const isExactly = (values: readonly string[], ...wanted: readonly (readonly string[])[]): boolean =>
  wanted.some((set) => new Set(values).size === set.length && set.every((value) => values.includes(value)))

const organizationProblem = ({ organizations }: RequestedNames): string | undefined =>
  organizations.length === 1 && organizations[0] === 'system:nodes'
    ? undefined
    : 'subject organization is not system:nodes'

const commonNameProblem = ({ commonName }: RequestedNames): string | undefined =>
  commonName.startsWith('system:node:') ? undefined : 'subject common name does not begin with system:node: '

/** Key encipherment is for RSA keys alone. */
const usagesProblem = (usages: readonly string[], auth: 'client auth' | 'server auth'): string | undefined => {
  const all = [auth, 'digital signature', 'key encipherment'].sort()
  const withoutRsa = [auth, 'digital signature']
  return isExactly(usages, all, withoutRsa) ? undefined : `usages did not match [${all.join(' ')}]`
}

const kubeletClientProblem = (usages: readonly string[], names: RequestedNames): string | undefined => {
  const problem = organizationProblem(names)
  if (problem !== undefined) return problem
  if (names.dnsNames.length > 0) return 'DNS subjectAltNames are not allowed'
  if (names.emails.length > 0) return 'Email subjectAltNames are not allowed'
  if (names.ips.length > 0) return 'IP subjectAltNames are not allowed'
  if (names.uris.length > 0) return 'URI subjectAltNames are not allowed'
  return commonNameProblem(names) ?? usagesProblem(usages, 'client auth')
}

const kubeletServingProblem = (usages: readonly string[], names: RequestedNames): string | undefined => {
  const problem = organizationProblem(names)
  if (problem !== undefined) return problem
  if (names.dnsNames.length + names.ips.length === 0) return 'DNS or IP subjectAltName is required'
  if (names.emails.length > 0) return 'Email subjectAltNames are not allowed'
  if (names.uris.length > 0) return 'URI subjectAltNames are not allowed'
  return usagesProblem(usages, 'server auth') ?? commonNameProblem(names)
}

const clientProblem = (usages: readonly string[]): string | undefined => {
  const known = ['key encipherment', 'digital signature', 'client auth']
  const other = usages.find((usage) => !known.includes(usage))
  if (other !== undefined) return `invalid usage for client certificate: ${other}`
  return usages.includes('client auth') ? undefined : 'missing required usage for client certificate: client auth'
}

/** Why the signer refuses the request for good; undefined if it signs it. */
export const signerProblem = (request: CertificateSigningRequest, names: RequestedNames): string | undefined => {
  const usages = request.spec?.usages ?? []
  switch (request.spec?.signerName) {
    case kubeletClientSigner:
      return kubeletClientProblem(usages, names)
    case kubeletServingSigner:
      return kubeletServingProblem(usages, names)
    case clientSigner:
      return clientProblem(usages)
    default:
      return undefined
  }
}

/** True for a kubelet's request for a client certificate. */
export const isKubeletClientRequest = (request: CertificateSigningRequest, names: RequestedNames): boolean =>
  request.spec?.signerName === kubeletClientSigner &&
  kubeletClientProblem(request.spec.usages ?? [], names) === undefined
