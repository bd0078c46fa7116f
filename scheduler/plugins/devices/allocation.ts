/** The allocation as it is written into a claim's status. Upstream: Allocate in allocator_stable.go */
import type { ResourceClaim } from '../../../api/types.ts'
import type { ChosenDevices } from './allocator.ts'
import type { Alternative } from './requests.ts'

export type Allocation = NonNullable<NonNullable<ResourceClaim['status']>['allocation']>
type Devices = NonNullable<Allocation['devices']>
type Results = NonNullable<Devices['results']>
type Configs = NonNullable<Devices['config']>
type NodeSelector = NonNullable<Allocation['nodeSelector']>
type Requirement = NonNullable<NodeSelector['nodeSelectorTerms'][number]['matchExpressions']>[number]

const resultsOf = (chosen: ChosenDevices): Results =>
  chosen.map(({ alternative, candidate }) => ({
    request: alternative.name,
    driver: candidate.driver,
    pool: candidate.pool,
    device: candidate.device.name,
    ...(alternative.isAdmin ? { adminAccess: true } : {}),
    ...(alternative.tolerations === undefined ? {} : { tolerations: alternative.tolerations }),
  }))

/** The alternatives that were chosen, one for each request of the claim, in their order. */
const chosenOf = (claim: ResourceClaim, chosen: ChosenDevices): Alternative[] =>
  (claim.spec?.devices?.requests ?? []).flatMap(
    ({ name }) => chosen.find(({ alternative }) => alternative.request === name)?.alternative ?? [],
  )

/** Of the classes first, each class once, then of the claim. Without requests it is for all of them. */
const configsOf = (claim: ResourceClaim, chosen: ChosenDevices): Configs => {
  const alternatives = chosenOf(claim, chosen)
  const byClass = Map.groupBy(alternatives, ({ deviceClass }) => deviceClass)
  const ofClasses = [...byClass].flatMap(([{ spec }, users]) =>
    (spec.config ?? []).map((config) => ({
      source: 'FromClass',
      requests: users.map(({ name }) => name),
      ...config,
    })),
  )
  const isMeant = (requests: readonly string[]): boolean =>
    requests.length === 0 ||
    alternatives.some(({ name, request }) => requests.includes(name) || requests.includes(request))
  const ofClaim = (claim.spec?.devices?.config ?? [])
    .filter(({ requests = [] }) => isMeant(requests))
    .map((config) => ({ source: 'FromClaim', ...config }))
  return [...ofClasses, ...ofClaim].map(({ requests = [], ...config }) => {
    const isForAll = alternatives.every(({ name, request }) => requests.includes(name) || requests.includes(request))
    return isForAll || requests.length === 0 ? config : { ...config, requests }
  })
}

const addNew = (requirements: Requirement[], more: readonly Requirement[] = []): void => {
  for (const requirement of more) {
    const text = JSON.stringify(requirement)
    if (!requirements.some((known) => JSON.stringify(known) === text)) requirements.push(requirement)
  }
}

/** Nodes from which all devices can be reached; undefined: all nodes. */
const nodeSelectorOf = (chosen: ChosenDevices): NodeSelector | undefined => {
  const matchFields: Requirement[] = []
  const matchExpressions: Requirement[] = []
  for (const { candidate } of chosen) {
    const { nodeName, nodeSelector } = candidate.slice.spec ?? {}
    if (nodeName !== undefined) {
      const requirement = { key: 'metadata.name', operator: 'In', values: [nodeName] }
      return { nodeSelectorTerms: [{ matchFields: [requirement] }] }
    }
    const [term] = nodeSelector?.nodeSelectorTerms ?? []
    addNew(matchFields, term?.matchFields)
    addNew(matchExpressions, term?.matchExpressions)
  }
  if (matchFields.length + matchExpressions.length === 0) return undefined
  const term = {
    ...(matchFields.length === 0 ? {} : { matchFields }),
    ...(matchExpressions.length === 0 ? {} : { matchExpressions }),
  }
  return { nodeSelectorTerms: [term] }
}

export const allocationOf = (claim: ResourceClaim, chosen: ChosenDevices): Allocation => {
  const config = configsOf(claim, chosen)
  const nodeSelector = nodeSelectorOf(chosen)
  return {
    devices: { results: resultsOf(chosen), ...(config.length === 0 ? {} : { config }) },
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
  }
}

/** Alternatives in a request at most. Upstream: FirstAvailableDeviceRequestMaxSize. */
const maxAlternatives = 8

/** The more, the earlier in their lists the alternatives are that were chosen. */
export const preferenceOf = (claim: ResourceClaim, { devices }: Allocation): number => {
  const chosen = new Set((devices?.results ?? []).map(({ request }) => request))
  let sum = 0
  for (const { name, firstAvailable = [] } of claim.spec?.devices?.requests ?? []) {
    for (const [index, alternative] of firstAvailable.entries()) {
      if (chosen.has(`${name}/${alternative.name}`)) sum += maxAlternatives - index
    }
  }
  return sum
}
