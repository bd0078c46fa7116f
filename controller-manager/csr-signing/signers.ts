/** What each built-in signer accepts. Upstream: pkg/apis/certificates/helpers.go, pkg/controller/certificates/signer. */
import type { CertificateSigningRequest } from '../../api/types.ts'

export const clientSigner = 'kubernetes.io/kube-apiserver-client'
export const kubeletClientSigner = 'kubernetes.io/kube-apiserver-client-kubelet'
export const kubeletServingSigner = 'kubernetes.io/kubelet-serving'
export const legacySigner = 'kubernetes.io/legacy-unknown'

/** What the request's PKCS #10 part asks for. */
export interface RequestedNames {
  readonly commonName: string
  readonly organizations: readonly string[]
  readonly dnsNames: readonly string[]
  readonly ips: readonly string[]
}

const isExactly = (values: readonly string[], ...wanted: readonly (readonly string[])[]): boolean =>
  wanted.some((set) => values.length === set.length && set.every((value) => values.includes(value)))

const isNode = ({ commonName, organizations }: RequestedNames): string | undefined => {
  if (!isExactly(organizations, ['system:nodes'])) return 'subject organization is not system:nodes'
  return commonName.startsWith('system:node:') ? undefined : 'subject common name does not begin with system:node:'
}

const kubeletClientProblem = (usages: readonly string[], names: RequestedNames): string | undefined => {
  const problem = isNode(names)
  if (problem !== undefined) return problem
  if (names.dnsNames.length > 0) return 'DNS subjectAltNames are not allowed'
  if (names.ips.length > 0) return 'IP subjectAltNames are not allowed'
  const allowed = isExactly(
    usages,
    ['key encipherment', 'digital signature', 'client auth'],
    ['digital signature', 'client auth'],
  )
  return allowed ? undefined : 'usages did not match'
}

const kubeletServingProblem = (usages: readonly string[], names: RequestedNames): string | undefined => {
  const problem = isNode(names)
  if (problem !== undefined) return problem
  if (names.dnsNames.length + names.ips.length === 0) return 'DNS or IP subjectAltName is required'
  const allowed = isExactly(
    usages,
    ['key encipherment', 'digital signature', 'server auth'],
    ['digital signature', 'server auth'],
  )
  return allowed ? undefined : 'usages did not match'
}

const clientProblem = (usages: readonly string[]): string | undefined => {
  const known = ['key encipherment', 'digital signature', 'client auth']
  if (!usages.every((usage) => known.includes(usage))) return `usages did not match: [${usages.join(' ')}]`
  return usages.includes('client auth') ? undefined : `usages did not match: [${usages.join(' ')}]`
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
