/** Where a CertificateSigningRequest is in its life. */
import type { CertificateSigningRequest } from '../api/types.ts'

const has = (request: CertificateSigningRequest, type: string): boolean =>
  (request.status?.conditions ?? []).some((condition) => condition.type === type && condition.status !== 'False')

export const isDenied = (request: CertificateSigningRequest): boolean => has(request, 'Denied')
export const isFailed = (request: CertificateSigningRequest): boolean => has(request, 'Failed')

/** Approved and not denied as well. */
export const isApproved = (request: CertificateSigningRequest): boolean =>
  has(request, 'Approved') && !isDenied(request)

export const isIssued = (request: CertificateSigningRequest): boolean => (request.status?.certificate ?? '') !== ''

/** Nothing is left to do for a signer. */
export const isDone = (request: CertificateSigningRequest): boolean => isIssued(request) || isFailed(request)
