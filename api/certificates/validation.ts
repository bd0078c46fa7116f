/** CertificateSigningRequests. Upstream: pkg/apis/certificates/validation. */
import { absent } from '../meta/checks.ts'
import { child, duplicate, type FieldError, invalid, notSupported, required } from '../meta/field-error.ts'
import { isDns1123Subdomain } from '../meta/names.ts'
import { semanticEqual } from '../meta/equal.ts'
import type { CertificateSigningRequest } from '../types.ts'

const usages = new Set([
  'signing',
  'digital signature',
  'content commitment',
  'key encipherment',
  'key agreement',
  'data encipherment',
  'cert sign',
  'crl sign',
  'encipher only',
  'decipher only',
  'any',
  'server auth',
  'client auth',
  'code signing',
  'email protection',
  's/mime',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'timestamping',
  'ocsp signing',
  'microsoft sgc',
  'netscape sgc',
])
const minExpirationSeconds = 600

const validateSignerName = (name: string | undefined, path: string): FieldError[] => {
  if (absent(name)) return [required(path)]
  const [domain = '', ...rest] = (name ?? '').split('/')
  if (rest.length !== 1)
    return [invalid(path, name, 'must be a fully qualified domain and path of the form "example.com/signer-name"')]
  const errors = isDns1123Subdomain(domain).map((message) => invalid(path, domain, message))
  if (!domain.includes('.'))
    errors.push(invalid(path, domain, 'should be a domain with at least two segments separated by dots'))
  return [...errors, ...isDns1123Subdomain(rest[0] ?? '').map((message) => invalid(path, rest[0], message))]
}

const isPemRequest = (base64: string): boolean => {
  const text = Buffer.from(base64, 'base64').toString('latin1')
  return /-----BEGIN (NEW )?CERTIFICATE REQUEST-----[\s\S]+-----END (NEW )?CERTIFICATE REQUEST-----/.test(text)
}

export const validateCertificateSigningRequest = ({ spec }: CertificateSigningRequest): FieldError[] => {
  const errors: FieldError[] = []
  if (absent(spec?.request)) errors.push(invalid('spec.request', '', 'PEM block type must be CERTIFICATE REQUEST'))
  else if (!isPemRequest(spec?.request ?? ''))
    errors.push(invalid('spec.request', spec?.request, 'PEM block type must be CERTIFICATE REQUEST'))
  const given = spec?.usages ?? []
  if (given.length === 0) errors.push(required('spec.usages', 'usages are required'))
  const seen = new Set<string>()
  for (const [index, usage] of given.entries()) {
    const at = child('spec.usages', index)
    if (!usages.has(usage)) errors.push(notSupported(at, usage, [...usages].sort()))
    if (seen.has(usage)) errors.push(duplicate(at, usage))
    seen.add(usage)
  }
  errors.push(...validateSignerName(spec?.signerName, 'spec.signerName'))
  if (spec?.signerName === 'kubernetes.io/legacy-unknown') {
    const reason = 'the legacy signerName is not allowed via this API version'
    errors.push(invalid('spec.signerName', spec.signerName, reason))
  }
  const seconds = spec?.expirationSeconds
  if (seconds !== undefined && seconds < minExpirationSeconds) {
    errors.push(
      invalid('spec.expirationSeconds', seconds, 'may not specify a duration less than 600 seconds (10 minutes)'),
    )
  }
  return errors
}

export const validateCertificateSigningRequestUpdate = (
  next: CertificateSigningRequest,
  old: CertificateSigningRequest,
): FieldError[] => {
  const errors = validateDecision(next)
  if (!absent(old.status?.certificate) && !semanticEqual(next.status?.certificate, old.status?.certificate)) {
    errors.push(invalid('status.certificate', next.status?.certificate, 'field is immutable'))
  }
  return errors
}

/** Approved and Denied exclude each other. */
export const validateDecision = ({ status }: CertificateSigningRequest): FieldError[] => {
  const conditions = status?.conditions ?? []
  const types = new Set(conditions.map(({ type }) => type))
  const errors: FieldError[] = []
  if (types.has('Approved') && types.has('Denied')) {
    const index = conditions.findIndex(({ type }) => type === 'Denied')
    errors.push(
      invalid(
        child('status.conditions', index, 'type'),
        'Denied',
        'Approved and Denied conditions are mutually exclusive',
      ),
    )
  }
  for (const [index, condition] of conditions.entries()) {
    const at = child('status.conditions', index)
    if (absent(condition.type)) errors.push(required(child(at, 'type')))
    if (['Approved', 'Denied', 'Failed'].includes(condition.type) && condition.status !== 'True') {
      errors.push(notSupported(child(at, 'status'), condition.status, ['True']))
    }
  }
  return errors
}
