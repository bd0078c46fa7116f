/** CertificateSigningRequests. Upstream: pkg/apis/certificates/validation. */
import { X509Certificate } from 'node:crypto'
import { absent } from '../meta/checks.ts'
import {
  child,
  duplicate,
  type FieldError,
  forbiddenField,
  invalid,
  notSupported,
  required,
} from '../meta/field-error.ts'
import type { CertificateSigningRequest } from '../types.ts'
import { validateSignerName } from './signer-name.ts'

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
  if (given.length === 0) errors.push(required('spec.usages'))
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

type Conditions = NonNullable<NonNullable<CertificateSigningRequest['status']>['conditions']>

const conditionsOf = ({ status }: CertificateSigningRequest): Conditions => status?.conditions ?? []
const ofType = (request: CertificateSigningRequest, type: string): Conditions =>
  conditionsOf(request).filter((condition) => condition.type === type)

const decisions = ['Approved', 'Denied'] as const
const onlyTrue: readonly string[] = [...decisions, 'Failed']

/** What an update may not bring in, but what was stored once may stay. */
const validateConditions = (next: CertificateSigningRequest, old: CertificateSigningRequest): FieldError[] => {
  const path = 'status.conditions'
  const both = (request: CertificateSigningRequest): boolean =>
    decisions.every((type) => ofType(request, type).length > 0)
  const repeats = (request: CertificateSigningRequest): boolean =>
    new Set(conditionsOf(request).map(({ type }) => type)).size < conditionsOf(request).length
  const errors: FieldError[] = []
  const seen = new Set<string>()
  for (const [index, { type, status }] of conditionsOf(next).entries()) {
    const at = child(path, index)
    if (absent(type) && !conditionsOf(old).some((condition) => absent(condition.type))) {
      errors.push(required(child(at, 'type')))
    }
    const allowed = onlyTrue.includes(type) ? ['True'] : ['False', 'True', 'Unknown']
    if (absent(status)) errors.push(required(child(at, 'status')))
    else if (!allowed.includes(status)) errors.push(notSupported(child(at, 'status'), status, allowed))
    const other = type === 'Approved' ? 'Denied' : type === 'Denied' ? 'Approved' : undefined
    if (other !== undefined && seen.has(other) && !both(old)) {
      errors.push(invalid(path, type, 'Approved and Denied conditions are mutually exclusive'))
    }
    if (seen.has(type) && !repeats(old)) errors.push(duplicate(child(at, 'type'), type))
    seen.add(type)
  }
  for (const type of onlyTrue) {
    if (ofType(next, type).length < ofType(old, type).length) {
      errors.push(forbiddenField(path, `updates may not remove a condition of type ${JSON.stringify(type)}`))
    }
  }
  return errors
}

/** Why it is no list of certificates; undefined if it is one, or empty. */
const certificateProblem = (base64: string | undefined): string | undefined => {
  if (absent(base64)) return undefined
  const text = Buffer.from(base64 ?? '', 'base64').toString('latin1')
  const blocks = [...text.matchAll(/-----BEGIN ([^-\n]+)-----\r?\n([\s\S]*?)-----END \1-----/g)]
  for (const [block, type = '', body = ''] of blocks) {
    if (type !== 'CERTIFICATE') return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(type)}`
    if (body.includes(':')) return 'no PEM block headers are permitted'
    try {
      new X509Certificate(block)
    } catch {
      return 'x509: malformed certificate'
    }
  }
  return blocks.length === 0 ? 'must contain at least one CERTIFICATE PEM block' : undefined
}

/** For /status: the certificate is set once, and is one. */
export const validateCertificateSigningRequestStatusUpdate = (
  next: CertificateSigningRequest,
  old: CertificateSigningRequest,
): FieldError[] => {
  const errors = validateConditions(next, old)
  const [now, before] = [next.status?.certificate, old.status?.certificate]
  if (now === before) return errors
  const problem = certificateProblem(before) === undefined ? certificateProblem(now) : undefined
  if (problem !== undefined) errors.push(invalid('status.certificate', '<certificate data>', problem))
  if (!absent(before)) {
    errors.push(forbiddenField('status.certificate', 'updates may not modify existing certificate content'))
  }
  return errors
}

/** For /approval, which sets conditions alone. */
export const validateApproval = validateConditions
