/** Defaults of device requests, in claims and their templates. */
import type { ResourceClaim } from '../types.ts'

type ClaimSpec = ResourceClaim['spec']
type ExactRequest = { allocationMode?: string; count?: number }

const setRequestDefaults = (request: ExactRequest): void => {
  request.allocationMode ||= 'ExactCount'
  if (request.allocationMode === 'ExactCount') request.count ||= 1
}

export const setClaimSpecDefaults = (spec: ClaimSpec | undefined): void => {
  for (const request of spec?.devices?.requests ?? []) {
    if (request.exactly !== undefined) setRequestDefaults(request.exactly)
    for (const alternative of request.firstAvailable ?? []) setRequestDefaults(alternative)
  }
}
