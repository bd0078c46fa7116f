/**
 * Refuses what would exceed a ResourceQuota, and books what is granted before it is stored; the resourcequota
 * controller counts again and gives back. Upstream: k8s.io/apiserver/pkg/admission/plugin/resourcequota
 */
import type { ResourceAmounts } from '../../../api/meta/pods.ts'
import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  isZeroQuantity,
  parseQuantity,
  subQuantities,
  zeroQuantity,
} from '../../../api/meta/quantity.ts'
import { isReason, notFound } from '../../../api/meta/status-error.ts'
import { matchesScopes, type QuotaResource, usageOf } from '../../../api/quota/usage.ts'
import type { KubeObject, Pod, ResourceQuota } from '../../../api/types.ts'
import { realClock } from '../../../component-base/clock.ts'
import { trackSystemWrite } from '../../registry/field-manager.ts'
import type { Resource } from '../../registry/resource.ts'
import { cloneJson } from '../../storage/json.ts'
import type { AdmissionAttributes, AdmissionPlugin } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'

/** Core resources whose updates may use more. */
const growing = new Set(['pods/resize', 'services/', 'persistentvolumeclaims/'])

const appliesTo = ({ operation, namespace, group, resource, subresource, kind }: AdmissionAttributes): boolean => {
  if (namespace === '' || kind.group !== group) return false
  if (operation === 'CREATE') return subresource === ''
  return operation === 'UPDATE' && group === '' && growing.has(`${resource}/${subresource}`)
}

/** What the request adds; on updates the difference, where it is more. */
const addedUsage = (type: QuotaResource, object: KubeObject, old: KubeObject | undefined): ResourceAmounts => {
  const now = usageOf(type, object)
  if (old === undefined) return now
  const before = usageOf(type, old)
  return Object.fromEntries(
    Object.entries(now)
      .map(([name, amount]) => [name, subQuantities(amount, before[name] ?? zeroQuantity)] as const)
      .filter(([, amount]) => compareQuantities(amount, zeroQuantity) > 0),
  )
}

const list = (names: readonly string[], amounts: Readonly<Record<string, string>>): string =>
  names.map((name) => `${name}=${amounts[name] ?? '0'}`).join(',')

/** Compute resources that a Pod must state where a quota limits them: container names by quota name. */
const unstated = (pod: Pod, hard: readonly string[]): string[] =>
  hard.flatMap((name) => {
    const match = /^(?:(requests|limits)\.)?(cpu|memory)$/.exec(name)
    if (match === null) return []
    const [, which = 'requests', resource = ''] = match
    const missing = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].filter(({ resources }) => {
      const limit = resources?.limits?.[resource]
      return which === 'limits'
        ? limit === undefined
        : resources?.requests?.[resource] === undefined && limit === undefined
    })
    return missing.length === 0
      ? []
      : [
          `${name} for: ${missing
            .map((container) => container.name)
            .toSorted()
            .join(',')}`,
        ]
  })

/** The quota with the usage booked, or the sentence that says why not. Pure. */
export const book = (quota: ResourceQuota, added: ResourceAmounts): ResourceQuota | string => {
  const name = quota.metadata?.name ?? ''
  const hard = quota.status?.hard ?? {}
  const used = quota.status?.used ?? {}
  const wanted = Object.keys(quota.spec?.hard ?? {})
    .filter((resource) => added[resource] !== undefined)
    .toSorted()
  const unknown = wanted.filter((resource) => hard[resource] === undefined || used[resource] === undefined)
  if (unknown.length > 0) return `status unknown for quota: ${name}, resources: ${unknown.join(',')}`
  const booked: Record<string, string> = { ...used }
  const exceeded: string[] = []
  for (const resource of wanted) {
    const amount = added[resource] ?? zeroQuantity
    if (isZeroQuantity(amount)) continue
    const sum = addQuantities(parseQuantity(used[resource] ?? '0'), amount)
    if (compareQuantities(sum, parseQuantity(hard[resource] ?? '0')) > 0) exceeded.push(resource)
    booked[resource] = formatQuantity(sum)
  }
  if (exceeded.length > 0) {
    const requested = Object.fromEntries(
      exceeded.map((resource) => [resource, formatQuantity(added[resource] ?? zeroQuantity)]),
    )
    return `exceeded quota: ${name}, requested: ${list(exceeded, requested)}, used: ${list(exceeded, used)}, limited: ${list(exceeded, hard)}`
  }
  const copy = cloneJson(quota)
  copy.status = { ...copy.status, used: booked }
  return copy
}

const check = async (attributes: AdmissionAttributes, quotas: Resource): Promise<void> => {
  const { group, resource, namespace, object, oldObject, dryRun } = attributes
  await quotas.store.cache.ready()
  const entries = quotas.store.cache.range(`${namespace}/`)
  if (entries.length === 0 || object === undefined) return
  const type = { group, resource }
  const added = addedUsage(type, object, oldObject)
  for (const { key, object: current } of entries) {
    const quota = current as ResourceQuota
    const hard = Object.keys(quota.spec?.hard ?? {})
    if (!matchesScopes(quota, type, object) || !hard.some((name) => added[name] !== undefined || resource === 'pods'))
      continue
    if (group === '' && resource === 'pods' && attributes.operation === 'CREATE') {
      const missing = unstated(object as Pod, hard.toSorted())
      if (missing.length > 0) {
        throw admissionForbidden(
          attributes,
          `failed quota: ${quota.metadata?.name}: must specify ${missing.join('; ')}`,
        )
      }
    }
    if (!hard.some((name) => added[name] !== undefined)) continue
    await bookStored(attributes, quotas, key, added, dryRun)
  }
}

const bookStored = async (
  attributes: AdmissionAttributes,
  quotas: Resource,
  key: string,
  added: ResourceAmounts,
  dryRun: boolean,
): Promise<void> => {
  try {
    await quotas.store.update(key, (current) => {
      if (current === undefined) throw notFound(quotas.groupResource, key)
      const result = book(current as ResourceQuota, added)
      if (typeof result === 'string') throw admissionForbidden(attributes, result)
      if (dryRun) return { type: 'keep' }
      trackSystemWrite(quotas, current, result, realClock.now(), 'status')
      return { type: 'write', object: result }
    })
  } catch (error) {
    // The quota went in the meantime: it limits nothing any more.
    if (!isReason(error, 'NotFound')) throw error
  }
}

export const resourceQuota = (quotas: Resource): AdmissionPlugin => ({
  name: 'ResourceQuota',
  operations: ['CREATE', 'UPDATE'],
  validate: (attributes) => (appliesTo(attributes) ? check(attributes, quotas) : undefined),
})
