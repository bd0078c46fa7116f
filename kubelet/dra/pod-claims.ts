/** Which claims a Pod has, and which devices of them a container gets. Pure. */
import type { Container, ResourceClaim } from '../../api/types.ts'
import type { BoundPod } from '../pod.ts'
import type { PreparedDevice } from './messages.ts'

/** What was prepared of one claim. */
export interface PreparedClaim {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  /** Pods that use it. */
  readonly pods: readonly string[]
  /** By driver; a driver is there before it has prepared anything, so that it will be told of the end. */
  readonly drivers: Readonly<Record<string, readonly PreparedDevice[]>>
  readonly prepared: boolean
}

/** A claim that a template makes is named in the status, once it is made: undefined until then, '' where none is needed. */
const nameOf = (
  { status }: BoundPod,
  claim: { readonly name: string; readonly resourceClaimName?: string },
): string | undefined => {
  if (claim.resourceClaimName !== undefined) return claim.resourceClaimName
  const made = status?.resourceClaimStatuses?.find(({ name }) => name === claim.name)
  return made === undefined ? undefined : (made.resourceClaimName ?? '')
}

/** Names of all claims of the Pod. Throws while one is not made yet. */
export const claimNames = (pod: BoundPod): string[] => {
  const names = (pod.spec.resourceClaims ?? []).map((claim) => {
    const name = nameOf(pod, claim)
    if (name === undefined)
      throw new Error(`pod "${pod.metadata.namespace}/${pod.metadata.name}": ResourceClaim not created yet`)
    return name
  })
  const extended = pod.status?.extendedResourceClaimStatus?.resourceClaimName
  return [...new Set([...names, ...(extended === undefined ? [] : [extended])])].filter((name) => name !== '')
}

/** The Pod may use it only while it is allocated and reserved for it. Throws in upstream's words. */
export const checkClaim = ({ metadata }: BoundPod, claim: ResourceClaim): void => {
  const name = claim.metadata?.name ?? ''
  const reserved = claim.status?.reservedFor?.some(({ resource, uid }) => resource === 'pods' && uid === metadata.uid)
  if (reserved !== true) {
    throw new Error(
      `pod ${metadata.name} (${metadata.uid}) is not allowed to use ResourceClaim ${name} (${claim.metadata?.uid})`,
    )
  }
  if (claim.status?.allocation === undefined) throw new Error(`ResourceClaim ${name} not allocated`)
}

/** The drivers whose devices are in the allocation. */
export const driversOf = ({ status }: ResourceClaim): string[] => [
  ...new Set((status?.allocation?.devices?.results ?? []).map(({ driver }) => driver)),
]

/** `request` may be one of several alternatives: `request/alternative`. */
const isFor = ({ requestNames }: PreparedDevice, request: string): boolean =>
  request === '' ||
  requestNames.length === 0 ||
  requestNames.some((name) => name === request || name.startsWith(`${request}/`))

/** Qualified names of the CDI devices that a container gets by its claims. */
export const cdiDevicesOf = (
  pod: BoundPod,
  container: Container,
  preparedClaim: (name: string) => PreparedClaim | undefined,
): string[] => {
  const wanted: { claim: string; request: string }[] = []
  for (const { name, request = '' } of container.resources?.claims ?? []) {
    const declared = pod.spec.resourceClaims?.find((claim) => claim.name === name)
    const claim = declared === undefined ? undefined : nameOf(pod, declared)
    if (claim !== undefined && claim !== '') wanted.push({ claim, request })
  }
  const extended = pod.status?.extendedResourceClaimStatus
  for (const { containerName, requestName } of extended?.requestMappings ?? []) {
    if (containerName === container.name)
      wanted.push({ claim: extended?.resourceClaimName ?? '', request: requestName })
  }
  const devices = wanted.flatMap(({ claim, request }) => {
    const found = preparedClaim(claim)
    if (found === undefined) throw new Error(`unable to get information for ResourceClaim ${claim}`)
    return Object.values(found.drivers)
      .flat()
      .filter((device) => isFor(device, request))
      .flatMap(({ cdiDeviceIds }) => cdiDeviceIds)
  })
  return [...new Set(devices)]
}
