/**
 * Which IP families a Service has: what it asks for, what its addresses say, what the cluster offers. Pure.
 * Upstream: initIPFamilyFields in pkg/registry/core/service/storage/alloc.go.
 */
import { validateIpFields } from '../../../api/core/service-ip-fields.ts'
import { parseIp } from '../../../api/meta/cidr.ts'
import { child, type FieldError, invalid } from '../../../api/meta/field-error.ts'
import { familyOf, type IpFamily, otherFamily } from '../../../api/networking/service-ranges.ts'
import type { ServiceSpec } from './service-spec.ts'

const policyPath = 'spec.ipFamilyPolicy'

const sameList = (a: readonly string[] = [], b: readonly string[] = []): boolean =>
  a.length === b.length && a.every((item, index) => item === b[index])

/** Headless without selector: its endpoints are somebody else's, and may be of any family. */
const isBare = ({ clusterIP, selector }: ServiceSpec): boolean =>
  clusterIP === 'None' && Object.keys(selector ?? {}).length === 0

/**
 * True if nothing about families changes on a Service that prefers two: it neither gets nor loses one only because
 * the cluster did.
 */
export const keepsPreference = (spec: ServiceSpec, old: ServiceSpec | undefined): boolean =>
  old !== undefined &&
  old.type === spec.type &&
  ['ClusterIP', 'NodePort', 'LoadBalancer'].includes(spec.type ?? '') &&
  spec.ipFamilyPolicy === 'PreferDualStack' &&
  (old.ipFamilyPolicy ?? 'PreferDualStack') === 'PreferDualStack' &&
  sameList(old.clusterIPs, spec.clusterIPs) &&
  sameList(old.ipFamilies, spec.ipFamilies)

const setPolicy = (spec: ServiceSpec, old: ServiceSpec | undefined): void => {
  spec.ipFamilyPolicy ??= old?.ipFamilyPolicy ?? (isBare(spec) ? 'RequireDualStack' : 'SingleStack')
}

/** To ask for one family is to let go of the second, if its address and name were left as they are. */
const shrink = (spec: ServiceSpec, old: ServiceSpec): FieldError[] => {
  if (spec.ipFamilyPolicy === 'SingleStack') {
    if (sameList(spec.clusterIPs, old.clusterIPs) && spec.clusterIPs !== undefined) {
      spec.clusterIPs = spec.clusterIPs.slice(0, 1)
    }
    if (sameList(spec.ipFamilies, old.ipFamilies) && spec.ipFamilies !== undefined) {
      spec.ipFamilies = spec.ipFamilies.slice(0, 1)
    }
    return []
  }
  const isShorter = (now: readonly string[] = [], before: readonly string[] = []): boolean =>
    now.length > 0 && now.length < before.length
  const errors: FieldError[] = []
  const refuse = (what: string): void => {
    errors.push(invalid(policyPath, spec.ipFamilyPolicy, `must be 'SingleStack' to release the secondary ${what}`))
  }
  if (isShorter(spec.clusterIPs, old.clusterIPs)) refuse('cluster IP')
  if (isShorter(spec.ipFamilies, old.ipFamilies)) refuse('IP family')
  return errors
}

const tooManyForOne = ({ ipFamilyPolicy, clusterIPs = [], ipFamilies = [] }: ServiceSpec): FieldError[] => {
  if (ipFamilyPolicy !== 'SingleStack') return []
  const message = (what: string): string =>
    `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`
  return [
    ...(clusterIPs.length === 2 ? [invalid(policyPath, ipFamilyPolicy, message('cluster IPs'))] : []),
    ...(ipFamilies.length === 2 ? [invalid(policyPath, ipFamilyPolicy, message('IP families'))] : []),
  ]
}

/** Families that are not named are those of the addresses. */
const inferFromIps = (spec: ServiceSpec, cluster: readonly IpFamily[]): FieldError[] => {
  const families = [...(spec.ipFamilies ?? [])]
  const errors: FieldError[] = []
  for (const [index, ip] of (spec.clusterIPs ?? []).entries()) {
    const parsed = parseIp(ip)
    if (parsed === undefined || index < families.length) continue
    const family = familyOf(parsed)
    if (cluster.includes(family)) families.push(family)
    else {
      const path = child('spec.clusterIPs', index)
      errors.push(invalid(path, spec.clusterIPs, `${family} is not configured on this cluster`))
    }
  }
  if (families.length > 0) spec.ipFamilies = families
  return errors
}

const unavailable = ({ ipFamilyPolicy, ipFamilies = [] }: ServiceSpec, cluster: readonly string[]): FieldError[] => {
  const errors: FieldError[] = []
  if (ipFamilyPolicy === 'RequireDualStack' && cluster.length < 2) {
    errors.push(invalid(policyPath, ipFamilyPolicy, 'this cluster is not configured for dual-stack services'))
  }
  for (const [index, family] of ipFamilies.entries()) {
    if (cluster.includes(family)) continue
    errors.push(invalid(child('spec.ipFamilies', index), family, 'not configured on this cluster'))
  }
  return errors
}

/** Fills ipFamilies and ipFamilyPolicy, in place; `cluster` is the families there are, the default one first. */
export const setIpFamilies = (
  spec: ServiceSpec,
  old: ServiceSpec | undefined,
  cluster: readonly [IpFamily, ...IpFamily[]],
): readonly FieldError[] => {
  if (spec.type === 'ExternalName' || keepsPreference(spec, old)) return []
  setPolicy(spec, old)
  const malformed = validateIpFields(spec)
  if (malformed.length > 0) return malformed
  const errors = [
    ...(old === undefined ? [] : shrink(spec, old)),
    ...tooManyForOne(spec),
    ...inferFromIps(spec, cluster),
  ]
  if (errors.length > 0) return errors
  const [primary] = cluster
  const wantsTwo = spec.ipFamilyPolicy !== 'SingleStack'
  if (!isBare(spec)) {
    const missing = unavailable(spec, cluster)
    if (missing.length > 0) return missing
  }
  const families = (spec.ipFamilies ?? []).length > 0 ? [...(spec.ipFamilies ?? [])] : [primary]
  if (wantsTwo && families.length === 1 && (isBare(spec) || cluster.length === 2)) {
    families.push(otherFamily(families[0] === 'IPv6' ? 'IPv6' : 'IPv4'))
  }
  spec.ipFamilies = families
  return []
}
