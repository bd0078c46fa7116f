/**
 * Which EndpointSlices to write so that they hold the wanted endpoints, with as few writes as possible: an endpoint
 * stays in the slice that has it, new ones fill slices that are written anyway. Upstream: k8s.io/endpointslice.
 */
import { newControllerRef } from '../../api/meta/owners.ts'
import type { EndpointSlice, Service } from '../../api/types.ts'
import { isDeleting, labelsOf, nameOf, namespaceOf, uidOf } from '../objects.ts'
import { semanticEqual } from '../semantic-equal.ts'
import { inheritedLabels } from '../service-endpoints.ts'
import { type Endpoint, type EndpointGroup, endpointKey, portsKey } from './desired.ts'

export const serviceNameLabel = 'kubernetes.io/service-name'
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by'
export const managedBy = 'endpointslice-controller.k8s.io'

export interface SlicePlan {
  readonly create: EndpointSlice[]
  readonly update: EndpointSlice[]
  readonly delete: EndpointSlice[]
}

export const sliceLabels = (service: Service): Record<string, string> => ({
  ...inheritedLabels(service),
  [serviceNameLabel]: nameOf(service),
  [managedByLabel]: managedBy,
})

const isOurs = (slice: EndpointSlice, service: Service): boolean =>
  semanticEqual(labelsOf(slice), sliceLabels(service), 'labels') &&
  (slice.metadata?.ownerReferences ?? []).some((owner) => owner.uid === uidOf(service) && owner.controller === true)

const sliceOf = (
  service: Service,
  group: EndpointGroup,
  endpoints: Endpoint[],
  from?: EndpointSlice,
): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: {
    ...(from === undefined ? { generateName: `${nameOf(service)}-`, namespace: namespaceOf(service) } : from.metadata),
    labels: sliceLabels(service),
    ownerReferences: [newControllerRef(service, { group: '', version: 'v1', kind: 'Service' })],
  },
  addressType: group.family,
  endpoints,
  ports: [...group.ports],
})

/** One existing slice of a group while it is planned. */
interface Draft {
  readonly slice: EndpointSlice
  endpoints: Endpoint[]
  changed: boolean
}

const draftOf = (slice: EndpointSlice, service: Service, wanted: Map<string, Endpoint>): Draft => {
  const endpoints: Endpoint[] = []
  let changed = !isOurs(slice, service)
  for (const endpoint of slice.endpoints ?? []) {
    const key = endpointKey(endpoint)
    const next = wanted.get(key)
    if (next === undefined) {
      changed = true
      continue
    }
    // Whichever slice has it first keeps it: a copy in a later one goes.
    wanted.delete(key)
    if (!semanticEqual(endpoint, next)) changed = true
    endpoints.push(next)
  }
  return { slice, endpoints, changed }
}

const fill = (draft: Draft, waiting: Endpoint[], max: number): void => {
  const room = max - draft.endpoints.length
  if (room <= 0 || waiting.length === 0) return
  draft.endpoints.push(...waiting.splice(0, room))
  draft.changed = true
}

const planGroup = (
  service: Service,
  group: EndpointGroup,
  existing: readonly EndpointSlice[],
  max: number,
): SlicePlan => {
  const wanted = new Map(group.endpoints)
  const drafts = existing.map((slice) => draftOf(slice, service, wanted))
  const waiting = [...wanted.values()]
  for (const draft of drafts.filter(({ changed }) => changed)) fill(draft, waiting, max)
  // What does not fit into written slices may go into the fullest one that still holds all of the rest.
  if (waiting.length > 0 && waiting.length < max) {
    const roomy = drafts
      .filter((draft) => !draft.changed && draft.endpoints.length + waiting.length <= max)
      .sort((a, b) => b.endpoints.length - a.endpoints.length)[0]
    if (roomy !== undefined) fill(roomy, waiting, max)
  }
  const plan: SlicePlan = { create: [], update: [], delete: [] }
  while (waiting.length > 0) plan.create.push(sliceOf(service, group, waiting.splice(0, max)))
  let kept = plan.create.length
  for (const draft of drafts) {
    if (draft.endpoints.length > 0) {
      kept += 1
      if (draft.changed) plan.update.push(sliceOf(service, group, draft.endpoints, draft.slice))
    }
  }
  // Empty slices go, but for the one that shows that the Service has no endpoints.
  for (const draft of drafts.filter(({ endpoints }) => endpoints.length === 0)) {
    if (group.endpoints.size === 0 && kept === 0) {
      kept += 1
      if (draft.changed) plan.update.push(sliceOf(service, group, [], draft.slice))
    } else plan.delete.push(draft.slice)
  }
  if (kept === 0) plan.create.push(sliceOf(service, group, []))
  return plan
}

/** The writes for one Service; `existing` are the slices that carry its name and our managed-by label. */
export const planSlices = (
  service: Service,
  groups: readonly EndpointGroup[],
  existing: readonly EndpointSlice[],
  max = 100,
): SlicePlan => {
  const groupKey = (family: string, ports: EndpointSlice['ports']): string => `${family}|${portsKey(ports)}`
  const byGroup = new Map<string, EndpointSlice[]>()
  for (const slice of existing) {
    if (isDeleting(slice)) continue
    const key = groupKey(slice.addressType, slice.ports)
    byGroup.set(key, [...(byGroup.get(key) ?? []), slice])
  }
  const total: SlicePlan = { create: [], update: [], delete: [] }
  for (const group of groups) {
    const key = groupKey(group.family, [...group.ports])
    const plan = planGroup(service, group, byGroup.get(key) ?? [], max)
    byGroup.delete(key)
    total.create.push(...plan.create)
    total.update.push(...plan.update)
    total.delete.push(...plan.delete)
  }
  for (const slices of byGroup.values()) total.delete.push(...slices)
  // A slice to delete and one of its family to create are one update: names stay, watchers see less.
  for (const family of ['IPv4', 'IPv6']) {
    for (;;) {
      const from = total.delete.findIndex((slice) => slice.addressType === family)
      const to = total.create.findIndex((slice) => slice.addressType === family)
      const [recycled] = from < 0 || to < 0 ? [] : total.delete.splice(from, 1)
      if (recycled === undefined) break
      const [fresh] = total.create.splice(to, 1)
      if (fresh !== undefined) {
        const { generateName: _generateName, ...metadata } = fresh.metadata ?? {}
        total.update.push({ ...fresh, metadata: { ...recycled.metadata, ...metadata } })
      }
    }
  }
  return total
}
