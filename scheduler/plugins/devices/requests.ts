/** What claims ask for, ready to be matched with devices. Upstream: validateDeviceRequest in allocator_stable.go */
import { compileDeviceSelector, type DeviceSelector } from '../../../api/resource/device-expressions.ts'
import type { DeviceClass, ResourceClaim } from '../../../api/types.ts'
import type { Candidate } from './pools.ts'
import { claimText } from './pod-resource-claims.ts'

type ClaimSpec = NonNullable<NonNullable<ResourceClaim['spec']>['devices']>
type DeviceRequest = NonNullable<ClaimSpec['requests']>[number]
type Exactly = NonNullable<DeviceRequest['exactly']>
export type Constraint = NonNullable<ClaimSpec['constraints']>[number]
type Selectors = NonNullable<Exactly['selectors']>

/** One way to satisfy a request: all of it, or one of its alternatives. */
export interface Alternative {
  /** `request`, or `request/alternative`: how the allocation names it. */
  readonly name: string
  readonly request: string
  readonly deviceClass: DeviceClass
  readonly isAdmin: boolean
  readonly tolerations: Exactly['tolerations']
  /** Undefined: all devices that match. */
  readonly count: number | undefined
  /** Whether class and request choose a device; remembered, since it is the same on every node. */
  readonly chooses: (candidate: Candidate) => boolean
}

export interface ClaimRequests {
  readonly claim: ResourceClaim
  /** For each request its alternatives, the best first. */
  readonly requests: readonly (readonly Alternative[])[]
  readonly constraints: readonly Constraint[]
}

/** As errors have it: without the request in which an alternative stands. */
export const ownName = (name: string): string => name.slice(name.lastIndexOf('/') + 1)

/** Compiled expressions, kept from cycle to cycle. */
export type SelectorCache = (expression: string) => DeviceSelector

const maxCached = 100

export const createSelectorCache = (): SelectorCache => {
  const known = new Map<string, DeviceSelector>()
  return (expression) => {
    const compiled = known.get(expression) ?? compileDeviceSelector(expression)
    // The oldest goes first: expressions in use come back to the end.
    known.delete(expression)
    known.set(expression, compiled)
    const [oldest] = known.keys()
    if (known.size > maxCached && oldest !== undefined) known.delete(oldest)
    return compiled
  }
}

/** All selectors choose the device. Errors name the object whose expression it is. */
const matcherOf = (selectors: Selectors, owner: string, compiled: SelectorCache): ((one: Candidate) => boolean) => {
  const described = (index: number, kind: string, run: () => boolean): boolean => {
    try {
      return run()
    } catch (error) {
      throw new Error(`${owner}: selector #${index}: CEL ${kind} error: ${(error as Error).message}`, { cause: error })
    }
  }
  return ({ device, driver }) =>
    selectors.every(({ cel }, index) => {
      const { expression } = cel ?? { expression: '' }
      let selector: DeviceSelector = () => false
      described(index, 'compile', () => {
        selector = compiled(expression)
        return true
      })
      return described(index, 'runtime', () => selector(device, driver))
    })
}

export interface RequestSources {
  readonly deviceClass: (name: string) => DeviceClass | undefined
  readonly selector: SelectorCache
}

const alternativeOf = (
  claim: ResourceClaim,
  { name, request, wanted }: { name: string; request: string; wanted: Exactly },
  { deviceClass: classOf, selector }: RequestSources,
): Alternative => {
  const where = `claim ${claimText(claim)}, request ${ownName(name)}`
  const deviceClass = classOf(wanted.deviceClassName)
  if (deviceClass === undefined) {
    const missing = `deviceclass.resource.k8s.io "${wanted.deviceClassName}" not found`
    throw new Error(`${where}: could not retrieve device class ${wanted.deviceClassName}: ${missing}`)
  }
  const mode = wanted.allocationMode ?? 'ExactCount'
  if (mode !== 'ExactCount' && mode !== 'All') throw new Error(`${where}: unsupported count mode ${mode}`)
  const byClass = matcherOf(deviceClass.spec.selectors ?? [], `class ${deviceClass.metadata?.name}`, selector)
  const byRequest = matcherOf(wanted.selectors ?? [], `claim ${claimText(claim)}`, selector)
  const known = new Map<Candidate['device'], boolean>()
  return {
    name,
    request,
    deviceClass,
    isAdmin: wanted.adminAccess === true,
    tolerations: wanted.tolerations,
    count: mode === 'All' ? undefined : (wanted.count ?? 1),
    chooses: (candidate) => {
      const { device } = candidate
      const remembered = known.get(device)
      if (remembered !== undefined) return remembered
      // Conditions before binding need a feature that is off.
      const isPlain = (device.bindingConditions ?? []).length === 0
      const chosen = isPlain && byClass(candidate) && byRequest(candidate)
      known.set(device, chosen)
      return chosen
    },
  }
}

/** Throws what makes the claim impossible anywhere. */
export const requestsOf = (claim: ResourceClaim, sources: RequestSources): ClaimRequests => {
  const { requests = [], constraints = [] } = claim.spec?.devices ?? {}
  for (const [index, { matchAttribute }] of constraints.entries()) {
    if (matchAttribute !== undefined) continue
    const reason = 'empty constraint (unsupported constraint type?)'
    throw new Error(`claim ${claimText(claim)}, constraint #${index}: ${reason}`)
  }
  return {
    claim,
    constraints,
    requests: requests.map(({ name: request, exactly, firstAvailable = [] }) =>
      exactly === undefined
        ? firstAvailable.map((wanted) =>
            alternativeOf(claim, { name: `${request}/${wanted.name}`, request, wanted }, sources),
          )
        : [alternativeOf(claim, { name: request, request, wanted: exactly }, sources)],
    ),
  }
}
