/**
 * Whether a request fits within the quotas of its namespace, and what it makes of them. Pure.
 * Upstream: CheckRequest in k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go
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
import { StatusError } from '../../../api/meta/status-error.ts'
import { inScope, matchesScopes, type ScopeRequirement, scopesOf } from '../../../api/quota/scopes.ts'
import { concerns, type QuotaResource, usageOf } from '../../../api/quota/usage.ts'
import type { KubeObject, ResourceQuota } from '../../../api/types.ts'
import type { AdmissionAttributes } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'
import type { LimitedResource } from './limited-resources.ts'
import { unstatedResources } from './unstated.ts'

type Amounts = Readonly<Record<string, string>>

export interface QuotaContext {
  readonly limited: readonly LimitedResource[]
  readonly nowMs: number
}

const hardOf = ({ status }: ResourceQuota): Amounts => status?.hard ?? {}
const usedOf = ({ status }: ResourceQuota): Amounts => status?.used ?? {}

const nonZero = (amounts: ResourceAmounts): ResourceAmounts =>
  Object.fromEntries(Object.entries(amounts).filter(([, amount]) => !isZeroQuantity(amount)))

/** `a` minus `b`, nothing below zero: what is given back, the controller counts. */
const increase = (a: ResourceAmounts, b: ResourceAmounts): ResourceAmounts =>
  Object.fromEntries(
    Object.entries(a).map(([name, amount]) => {
      const more = subQuantities(amount, b[name] ?? zeroQuantity)
      return [name, compareQuantities(more, zeroQuantity) > 0 ? more : zeroQuantity]
    }),
  )

const amountsText = (names: readonly string[], amountOf: (name: string) => string): string =>
  names.map((name) => `${name}=${amountOf(name)}`).join(',')

/** Names of a quota that the resource can use, in order. */
const concernedNames = (quota: ResourceQuota, type: QuotaResource): string[] =>
  Object.keys(hardOf(quota))
    .filter((name) => concerns(type, name))
    .toSorted()

interface Usage {
  /** What the object uses now. */
  readonly now: ResourceAmounts
  /** What it uses more than before; undefined where there is no before. */
  readonly more: ResourceAmounts | undefined
}

const usageOfRequest = (attributes: AdmissionAttributes, type: QuotaResource, nowMs: number): Usage => {
  const { operation, object, oldObject } = attributes
  const now = object === undefined ? {} : usageOf(type, object, nowMs)
  const negative = Object.keys(now).filter((name) => compareQuantities(now[name] ?? zeroQuantity, zeroQuantity) < 0)
  if (negative.length > 0) {
    throw admissionForbidden(attributes, `quota usage is negative for resource(s): ${negative.toSorted().join(',')}`)
  }
  if (operation !== 'UPDATE') return { now, more: undefined }
  if (oldObject === undefined) {
    throw admissionForbidden(attributes, 'unable to get previous usage since prior version of object was not found')
  }
  return { now, more: increase(now, usageOf(type, oldObject, nowMs)) }
}

/** What the request adds to this quota: all of it, if the object was not the quota's before. */
const deltaFor = (quota: ResourceQuota, type: QuotaResource, usage: Usage, old: KubeObject | undefined) =>
  nonZero(usage.more !== undefined && old !== undefined && matchesScopes(quota, type, old) ? usage.more : usage.now)

const checkLimited = (
  attributes: AdmissionAttributes,
  type: QuotaResource,
  limited: readonly LimitedResource[],
  covered: { readonly names: ReadonlySet<string>; readonly scopes: ReadonlySet<string> },
  now: ResourceAmounts,
): void => {
  const { object, group, resource } = attributes
  const names = limited
    .filter((one) => (one.apiGroup ?? '') === group && one.resource === resource)
    .flatMap(({ matchContains = [] }) =>
      Object.keys(now).filter(
        (name) =>
          compareQuantities(now[name] ?? zeroQuantity, zeroQuantity) > 0 &&
          matchContains.some((part) => name.includes(part)),
      ),
    )
  const uncovered = [...new Set(names)].filter((name) => !covered.names.has(name)).toSorted()
  if (uncovered.length > 0)
    throw admissionForbidden(attributes, `insufficient quota to consume: ${uncovered.join(',')}`)
  const scopes = limited
    .flatMap(({ matchScopes = [] }) => matchScopes)
    .filter((scope) => object !== undefined && inScope(scope, type, object) && !covered.scopes.has(scope.scopeName))
  if (scopes.length === 0) return
  const shown = scopes.map(({ scopeName, operator, values = [] }) => `{${scopeName} ${operator} [${values.join(' ')}]}`)
  throw new StatusError('', `insufficient quota to match these scopes: [${shown.join(' ')}]`)
}

/** The quota with `delta` booked. Throws Forbidden where that is more than it has. */
const book = (attributes: AdmissionAttributes, quota: ResourceQuota, delta: ResourceAmounts): ResourceQuota => {
  const name = quota.metadata?.name ?? ''
  const hard = hardOf(quota)
  const used = usedOf(quota)
  const requested = Object.keys(delta).filter((resource) => hard[resource] !== undefined)
  const sums = new Map(
    requested.map((resource) => [
      resource,
      addQuantities(parseQuantity(used[resource] ?? '0'), delta[resource] ?? zeroQuantity),
    ]),
  )
  const exceeded = requested
    .filter(
      (resource) => compareQuantities(sums.get(resource) ?? zeroQuantity, parseQuantity(hard[resource] ?? '0')) > 0,
    )
    .toSorted()
  if (exceeded.length > 0 && attributes.subresource !== 'status') {
    const asked = amountsText(exceeded, (resource) => formatQuantity(delta[resource] ?? zeroQuantity))
    const now = amountsText(exceeded, (resource) => used[resource] ?? '0')
    const limits = amountsText(exceeded, (resource) => hard[resource] ?? '0')
    throw admissionForbidden(
      attributes,
      `exceeded quota: ${name}, requested: ${asked}, used: ${now}, limited: ${limits}`,
    )
  }
  const booked = Object.fromEntries([...sums].map(([resource, sum]) => [resource, formatQuantity(sum)]))
  return { ...quota, status: { ...quota.status, used: { ...used, ...booked } } }
}

/** Quotas that the request counts for. Throws where one of them cannot be decided on. */
const pertinent = (
  quotas: readonly ResourceQuota[],
  attributes: AdmissionAttributes,
  type: QuotaResource,
): ReadonlySet<ResourceQuota> => {
  const found = new Set<ResourceQuota>()
  for (const quota of quotas) {
    const { object } = attributes
    const names = concernedNames(quota, type)
    if (object === undefined || names.length === 0 || !matchesScopes(quota, type, object)) continue
    const name = quota.metadata?.name ?? ''
    const unstated = type.group === '' && type.resource === 'pods' ? unstatedResources(object, names) : []
    if (unstated.length > 0)
      throw admissionForbidden(attributes, `failed quota: ${name}: must specify ${unstated.join('; ')}`)
    if (names.some((resource) => usedOf(quota)[resource] === undefined))
      throw admissionForbidden(attributes, `status unknown for quota: ${name}, resources: ${names.join(',')}`)
    found.add(quota)
  }
  return found
}

const coveredScopes = (
  quotas: readonly ResourceQuota[],
  type: QuotaResource,
  object: KubeObject | undefined,
): ReadonlySet<string> => {
  const matches = (scope: ScopeRequirement): boolean => object !== undefined && inScope(scope, type, object)
  return new Set(quotas.flatMap((quota) => scopesOf(quota).filter(matches)).map(({ scopeName }) => scopeName))
}

/**
 * The quotas as they are if the request is granted, in the same order; one that it does not touch is the same object.
 * Throws Forbidden if it is not to be granted.
 */
export const evaluateRequest = (
  quotas: readonly ResourceQuota[],
  attributes: AdmissionAttributes,
  { limited, nowMs }: QuotaContext,
): readonly ResourceQuota[] => {
  const type = { group: attributes.group, resource: attributes.resource }
  const counting = pertinent(quotas, attributes, type)
  const usage = usageOfRequest(attributes, type, nowMs)
  const deltas = new Map([...counting].map((quota) => [quota, deltaFor(quota, type, usage, attributes.oldObject)]))
  const hasDelta = counting.size > 0 ? [...deltas.values()] : [nonZero(usage.more ?? usage.now)]
  if (hasDelta.every((delta) => Object.keys(delta).length === 0)) return quotas
  const names = new Set([...counting].flatMap((quota) => concernedNames(quota, type)))
  checkLimited(attributes, type, limited, { names, scopes: coveredScopes(quotas, type, attributes.object) }, usage.now)
  return quotas.map((quota) => {
    const delta = deltas.get(quota) ?? {}
    return Object.keys(delta).some((name) => hardOf(quota)[name] !== undefined) ? book(attributes, quota, delta) : quota
  })
}
