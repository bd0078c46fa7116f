import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn, textOr } from '../printers/columns.ts'
import { humanDuration } from '../printers/duration.ts'
import { isValidPathSegmentName } from '../meta/names.ts'
import { nowRfc3339 } from '../meta/time.ts'
import { keepField } from '../strategy.ts'
import type { CertificateSigningRequest } from '../types.ts'
import { validateCertificateSigningRequest, validateCertificateSigningRequestStatusUpdate } from './validation.ts'

type Condition = NonNullable<NonNullable<CertificateSigningRequest['status']>['conditions']>[number]

const isDecision = ({ type }: Condition): boolean => type === 'Approved' || type === 'Denied'

/** The times that the client left out: now, or since when the condition has had this status. */
const withTimes = (condition: Condition, old: CertificateSigningRequest, nowMs: number): Condition => {
  const now = nowRfc3339(nowMs)
  const before = old.status?.conditions?.find(
    ({ type, status }) => type === condition.type && status === condition.status,
  )
  return {
    ...condition,
    lastUpdateTime: condition.lastUpdateTime ?? now,
    lastTransitionTime: condition.lastTransitionTime ?? before?.lastTransitionTime ?? now,
  } as Condition
}

/** The spec, with the requester's identity, never changes; status has its own endpoints. */
const prepareForUpdate = (request: CertificateSigningRequest, old: CertificateSigningRequest): void => {
  keepField(request, old, 'spec')
  keepField(request, old, 'status')
}

/** The decision is /approval's alone: here it stays as it was. */
const prepareForStatusUpdate = (
  request: CertificateSigningRequest,
  old: CertificateSigningRequest,
  nowMs: number,
): void => {
  keepField(request, old, 'spec')
  const status = (request.status ??= {})
  const decided = (old.status?.conditions ?? []).filter(isDecision)
  const others = (status.conditions ?? []).filter((condition) => !isDecision(condition))
  const conditions = [...decided, ...others]
  if (conditions.length === 0) delete status.conditions
  else status.conditions = conditions.map((condition) => withTimes(condition, old, nowMs))
}

/** For PUT and PATCH of /approval: conditions are the client's, all else is as stored. */
export const prepareForApproval = (
  request: CertificateSigningRequest,
  old: CertificateSigningRequest,
  nowMs: number,
): void => {
  keepField(request, old, 'spec')
  const conditions = request.status?.conditions?.map((condition) => withTimes(condition, old, nowMs))
  request.status = { ...old.status, ...(conditions === undefined ? {} : { conditions }) }
  if (conditions === undefined) delete request.status.conditions
}

const conditionText = ({ status }: CertificateSigningRequest): string => {
  const types = (status?.conditions ?? []).map(({ type }) => type)
  const decision = types.includes('Denied') ? 'Denied' : types.includes('Approved') ? 'Approved' : 'Pending'
  const failed = types.includes('Failed') ? ',Failed' : ''
  return `${decision}${failed}${(status?.certificate ?? '') === '' ? '' : ',Issued'}`
}

export const certificateSigningRequestKind = defineKind<CertificateSigningRequest>({
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  scope: 'Cluster',
  shortNames: ['csr'],
  // A kubelet's first request is named by a digest, in letters of both cases.
  validateName: isValidPathSegmentName,
  subresources: ['approval', 'status'],
  selectableFields: { 'spec.signerName': ({ spec }) => spec?.signerName ?? '' },
  setDefaults: (request) => {
    request.status ??= {}
  },
  prepareForCreate: (request) => {
    request.status = {}
  },
  prepareForUpdate,
  prepareForStatusUpdate,
  validate: validateCertificateSigningRequest,
  validateStatusUpdate: validateCertificateSigningRequestStatusUpdate,
  columns: [
    nameColumn,
    ageColumn,
    column('SignerName', 'Who is asked to sign.', ({ spec }) => textOr(spec?.signerName, '<none>')),
    column('Requestor', 'Who asks.', ({ spec }) => spec?.username ?? ''),
    column('RequestedDuration', 'How long the certificate should be valid.', ({ spec }) =>
      spec?.expirationSeconds === undefined ? '<none>' : humanDuration(spec.expirationSeconds * 1000),
    ),
    column('Condition', 'What was decided, and whether it is issued.', conditionText),
  ],
})
