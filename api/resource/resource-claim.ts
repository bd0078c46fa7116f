import { validateResourceClaimStatusUpdate } from './validate-claim-status.ts'
import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import { serverStatus } from '../strategy.ts'
import type { ResourceClaim } from '../types.ts'
import { setClaimSpecDefaults } from './device-requests.ts'
import { validateResourceClaim, validateResourceClaimUpdate } from './validation.ts'

const stateText = ({ metadata, status }: ResourceClaim): string => {
  const words: string[] = []
  if (metadata?.deletionTimestamp !== undefined) words.push('deleted')
  if (status?.allocation === undefined) {
    if (words.length === 0) words.push('pending')
  } else {
    words.push('allocated')
    words.push((status.reservedFor ?? []).length > 0 ? 'reserved' : '')
  }
  return words.filter((word) => word !== '').join(',')
}

export const resourceClaimKind = defineKind<ResourceClaim>({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceClaim',
  plural: 'resourceclaims',
  scope: 'Namespaced',
  subresources: ['status'],
  setDefaults: (claim) => {
    claim.spec ??= {}
    setClaimSpecDefaults(claim.spec)
    claim.status ??= {}
  },
  ...serverStatus<ResourceClaim>(() => ({})),
  validate: validateResourceClaim,
  validateUpdate: validateResourceClaimUpdate,
  validateStatusUpdate: validateResourceClaimStatusUpdate,
  columns: [nameColumn, column('State', 'Whether devices are allocated and in use.', stateText), ageColumn],
})
