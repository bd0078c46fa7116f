/**
 * Finds devices for claims on a node: tries devices for each request in order, and goes back where that leads nowhere.
 * The first whole solution is taken. Upstream: structured/internal/stable/allocator_stable.go
 */
import type { ResourceClaim } from '../../../api/types.ts'
import { type ConstraintState, constraintState } from './constraints.ts'
import { claimText } from './pod-resource-claims.ts'
import type { Candidate, Pool } from './pools.ts'
import { type Alternative, type ClaimRequests, ownName } from './requests.ts'
import { toleratesTaints } from './taints.ts'

/** A device and what it was chosen for. */
export interface Chosen {
  readonly alternative: Alternative
  readonly candidate: Candidate
}

/** The devices of one claim. */
export type ChosenDevices = readonly Chosen[]

export interface ClaimDevices {
  readonly claim: ResourceClaim
  readonly chosen: ChosenDevices
}

/** Devices that one claim may have. Upstream: AllocationResultsMaxSize. */
const maxDevices = 32

/** It took too long: whatever was left to try was not. */
export class AllocationTimeout extends Error {}

export interface Search {
  readonly pools: readonly Pool[]
  /** Ids of devices that other claims have. */
  readonly isAllocated: (id: string) => boolean
  /** Asked now and then; true ends the search with AllocationTimeout. */
  readonly isOver: () => boolean
}

interface ClaimSearch {
  readonly claim: ClaimRequests
  readonly constraints: readonly ConstraintState[]
  readonly chosen: Chosen[]
}

/** Where the search is; each claim's requests and each request's devices come one after the other. */
interface Position {
  readonly claim: number
  readonly request: number
  /** Undefined: the alternatives are still to be tried. */
  readonly alternative: Alternative | undefined
  readonly device: number
}

/** `tooMany`: no solution from here on has few enough devices. */
type Outcome = 'done' | 'failed' | 'tooMany'

const stepsBetweenChecks = 1024

/** All devices that a request for all of them means. Throws while that cannot be known. */
const allDevices = (pools: readonly Pool[], alternative: Alternative, where: string): Candidate[] =>
  pools.flatMap(({ id, state, candidates }) => {
    if (state === 'incomplete') {
      throw new Error(`${where}: asks for all devices, but resource pool ${id} is currently being updated`)
    }
    if (state === 'invalid') {
      throw new Error(`${where}: asks for all devices, but resource pool ${id} is currently invalid`)
    }
    return candidates.filter(alternative.chooses)
  })

/**
 * Devices for each of the claims; undefined: there are not enough on this node. Throws where the claims are at fault,
 * and AllocationTimeout.
 */
export const allocateDevices = (
  claims: readonly ClaimRequests[],
  { pools, isAllocated, isOver }: Search,
): readonly ClaimDevices[] | undefined => {
  const usable = pools.filter(({ state }) => state === 'usable').flatMap(({ candidates }) => candidates)
  const everything = new Map<Alternative, readonly Candidate[]>()
  const countOf = (alternative: Alternative): number => alternative.count ?? everything.get(alternative)?.length ?? 0
  for (const { claim, requests } of claims) {
    let least = 0
    for (const alternatives of requests) {
      for (const alternative of alternatives) {
        const where = `claim ${claimText(claim)}, request ${ownName(alternative.name)}`
        if (alternative.count === undefined) everything.set(alternative, allDevices(pools, alternative, where))
      }
      least += Math.min(...alternatives.map(countOf))
    }
    if (least > maxDevices) {
      const limit = `exceeds the claim limit of ${maxDevices}`
      throw new Error(`claim ${claimText(claim)}: number of requested devices ${least} ${limit}`)
    }
  }

  const searches = claims.map(
    (claim): ClaimSearch => ({ claim, constraints: claim.constraints.map(constraintState), chosen: [] }),
  )
  /** By id the claims that are about to have a device: admin access may share it between claims. */
  const taken = new Map<string, Set<number>>()
  let steps = 0

  const isTaken = (id: string): boolean => isAllocated(id) || (taken.get(id)?.size ?? 0) > 0
  const isFree = ({ id }: Candidate, { isAdmin }: Alternative, claim: number): boolean =>
    isAdmin ? taken.get(id)?.has(claim) !== true : !isTaken(id)

  /** Takes a device, or says why not: `constraint`, or in use. Devices that consume counters need a feature that is off. */
  const take = (candidate: Candidate, alternative: Alternative, index: number): 'taken' | 'inUse' | 'constraint' => {
    const search = searches[index]
    if (search === undefined || !isFree(candidate, alternative, index)) return 'inUse'
    if ((candidate.device.consumesCounters ?? []).length > 0) return 'inUse'
    if (!toleratesTaints(candidate.device, alternative.tolerations)) return 'inUse'
    for (const [at, constraint] of search.constraints.entries()) {
      if (constraint.add(alternative, candidate)) continue
      for (const before of search.constraints.slice(0, at)) before.remove(alternative)
      return 'constraint'
    }
    const holders = taken.get(candidate.id) ?? new Set()
    taken.set(candidate.id, holders.add(index))
    search.chosen.push({ alternative, candidate })
    return 'taken'
  }

  const release = (candidate: Candidate, alternative: Alternative, index: number): void => {
    const search = searches[index]
    for (const constraint of search?.constraints ?? []) constraint.remove(alternative)
    taken.get(candidate.id)?.delete(index)
    search?.chosen.pop()
  }

  /** Takes one device and goes on; undoes it if that led nowhere. */
  const tryDevice = (candidate: Candidate, alternative: Alternative, position: Position): Outcome | 'notTaken' => {
    const answer = take(candidate, alternative, position.claim)
    if (answer === 'constraint' && alternative.count === undefined) {
      const { claim } = searches[position.claim]?.claim ?? {}
      const where = claim === undefined ? '' : `claim ${claimText(claim)}, request ${ownName(alternative.name)}`
      throw new Error(`${where}: cannot add device ${candidate.id} because a claim constraint would not be satisfied`)
    }
    if (answer !== 'taken') return 'notTaken'
    const outcome = search({ ...position, device: position.device + 1 })
    if (outcome !== 'done') release(candidate, alternative, position.claim)
    return outcome
  }

  const searchAlternatives = (alternatives: readonly Alternative[], position: Position): Outcome => {
    let isTooMany = true
    for (const alternative of alternatives) {
      const outcome = search({ ...position, alternative })
      if (outcome === 'done') return outcome
      if (outcome === 'failed') isTooMany = false
    }
    return isTooMany ? 'tooMany' : 'failed'
  }

  const searchDevices = (alternative: Alternative, position: Position): Outcome => {
    const all = everything.get(alternative)
    if (all !== undefined) {
      // Their order makes no difference: one that is not to be had ends it.
      const next = all[position.device]
      const outcome = next === undefined ? 'notTaken' : tryDevice(next, alternative, position)
      return outcome === 'notTaken' ? 'failed' : outcome
    }
    for (const candidate of usable) {
      if (!isFree(candidate, alternative, position.claim) || !alternative.chooses(candidate)) continue
      const outcome = tryDevice(candidate, alternative, position)
      if (outcome === 'done' || outcome === 'tooMany') return outcome
    }
    return 'failed'
  }

  const search = (position: Position): Outcome => {
    if (++steps % stepsBetweenChecks === 0 && isOver()) throw new AllocationTimeout()
    const current = searches[position.claim]
    if (current === undefined) return 'done'
    const alternatives = current.claim.requests[position.request]
    if (alternatives === undefined) {
      const outcome = search({ claim: position.claim + 1, request: 0, alternative: undefined, device: 0 })
      // Another choice for this claim may leave the next one an alternative with fewer devices.
      return outcome === 'tooMany' ? 'failed' : outcome
    }
    const { alternative } = position
    if (alternative === undefined) return searchAlternatives(alternatives, position)
    const count = countOf(alternative)
    if (alternative.count === undefined && count === 0) return 'failed'
    if (position.device >= count) {
      return search({ claim: position.claim, request: position.request + 1, alternative: undefined, device: 0 })
    }
    if (current.chosen.length + count - position.device > maxDevices) return 'tooMany'
    return searchDevices(alternative, position)
  }

  const start: Position = { claim: 0, request: 0, alternative: undefined, device: 0 }
  return search(start) === 'done' ? searches.map(({ claim, chosen }) => ({ claim: claim.claim, chosen })) : undefined
}
