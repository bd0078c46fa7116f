/**
 * clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy: what must hold among them, and how they may change.
 * Upstream: ValidateServiceClusterIPsRelatedFields, validateUpgradeDowngradeClusterIPs and -IPFamilies.
 */
import { oneOf, syntax } from '../meta/checks.ts'
import { parseIp } from '../meta/cidr.ts'
import { child, duplicate, type FieldError, invalid, notSupported, required } from '../meta/field-error.ts'
import { isValidIp } from '../meta/names.ts'
import { familyOf } from '../networking/service-ranges.ts'
import type { Service } from '../types.ts'

type ServiceSpec = NonNullable<Service['spec']>

const ipsPath = 'spec.clusterIPs'
const familiesPath = 'spec.ipFamilies'
const policyPath = 'spec.ipFamilyPolicy'
const families = ['IPv4', 'IPv6']
const policies = ['PreferDualStack', 'RequireDualStack', 'SingleStack']
const unchangeable = 'may not change once set'

const isExternal = ({ type }: ServiceSpec): boolean => type === 'ExternalName'
const hasNoIp = ({ clusterIPs }: ServiceSpec): boolean => clusterIPs?.length === 1 && clusterIPs[0] === 'None'

const singularAgrees = ({ clusterIP = '', clusterIPs = [] }: ServiceSpec): FieldError[] => {
  if (clusterIP === '') {
    return clusterIPs.length === 0
      ? []
      : [invalid(ipsPath, clusterIPs, 'must be empty when `clusterIP` is not specified')]
  }
  if (clusterIPs.length === 0) return [required(ipsPath)]
  return clusterIPs[0] === clusterIP ? [] : [invalid(ipsPath, clusterIPs, 'first value must match `clusterIP`')]
}

const validateFamilies = ({ ipFamilies = [] }: ServiceSpec): FieldError[] =>
  ipFamilies.flatMap((family, index) => {
    const path = child(familiesPath, index)
    return [
      ...(families.includes(family) ? [] : [notSupported(path, family, families)]),
      ...(ipFamilies.indexOf(family) < index ? [duplicate(path, family)] : []),
    ]
  })

/** The syntax of each address; empty if all are addresses, or the one is 'None'. */
const validateEach = (clusterIPs: readonly string[]): FieldError[] =>
  clusterIPs.flatMap((ip, index) => {
    if (index > 0 || ip !== 'None') return syntax(child(ipsPath, index), ip, isValidIp)
    return clusterIPs.length > 1 ? [invalid(ipsPath, clusterIPs, "'None' must be the first and only value")] : []
  })

const familyOfText = (ip: string): string | undefined => {
  const parsed = parseIp(ip)
  return parsed === undefined ? undefined : familyOf(parsed)
}

/** Addresses are of different families, each of the family that is named at its place. */
const validateFit = (spec: ServiceSpec): FieldError[] => {
  const { clusterIPs = [], ipFamilies = [] } = spec
  const errors: FieldError[] = []
  if (clusterIPs.length > 1) {
    const distinct = new Set(clusterIPs.map(familyOfText)).size
    if (distinct !== 2 || clusterIPs.length > 2) {
      errors.push(invalid(ipsPath, clusterIPs, 'may specify no more than one IP for each IP family'))
    }
  }
  if (hasNoIp(spec)) return errors
  for (const [index, ip] of clusterIPs.entries()) {
    const wanted = ipFamilies[index]
    if (wanted !== undefined && families.includes(wanted) && familyOfText(ip) !== wanted) {
      errors.push(
        invalid(child(ipsPath, index), ip, `expected an ${wanted} value as indicated by \`ipFamilies[${index}]\``),
      )
    }
  }
  return errors
}

/** All that is wrong with the four fields, before and after the allocation. */
export const validateIpFields = (spec: ServiceSpec): FieldError[] => {
  if (isExternal(spec)) return []
  const clusterIPs = spec.clusterIPs ?? []
  const malformed = validateEach(clusterIPs)
  return [
    ...singularAgrees(spec),
    ...validateFamilies(spec),
    ...oneOf(policyPath, spec.ipFamilyPolicy, policies),
    ...malformed,
    ...(clusterIPs.length > 2 ? [invalid(ipsPath, clusterIPs, 'may only hold up to 2 values')] : []),
    ...(malformed.length > 0 ? [] : validateFit(spec)),
  ]
}

const clusterIpsUpdate = (spec: ServiceSpec, old: ServiceSpec): FieldError[] => {
  const [now, before] = [spec.clusterIPs ?? [], old.clusterIPs ?? []]
  const first = child(ipsPath, 0)
  if (hasNoIp(spec) && hasNoIp(old)) return []
  if (now.length === before.length) {
    return before.flatMap((ip, index) =>
      ip === now[index] ? [] : [invalid(child(ipsPath, index), spec.clusterIPs, unchangeable)],
    )
  }
  const errors: FieldError[] = []
  if (before.length > 0 && now.length > 0 && now[0] !== before[0]) {
    errors.push(invalid(first, spec.clusterIPs, unchangeable))
  }
  if (now.length > before.length) return errors
  if (now.length === 0) errors.unshift(invalid(first, spec.clusterIPs, 'primary clusterIP can not be unset'))
  if (now.length === 1 && spec.ipFamilyPolicy !== 'SingleStack') {
    const message = "must be set to 'SingleStack' when releasing the secondary clusterIP"
    errors.push(invalid(policyPath, spec.ipFamilyPolicy, message))
  }
  return errors
}

const familiesUpdate = (spec: ServiceSpec, old: ServiceSpec): FieldError[] => {
  const [now, before] = [spec.ipFamilies ?? [], old.ipFamilies ?? []]
  const first = child(familiesPath, 0)
  // Headless Services may change families, and so may those that become headless or cease to be.
  if (hasNoIp(spec) || hasNoIp(old)) return []
  if (now.length === before.length) {
    return before.flatMap((family, index) =>
      family === now[index] ? [] : [invalid(first, spec.ipFamilies, unchangeable)],
    )
  }
  const errors: FieldError[] = []
  if (now.length > 0 && before.length > 0 && now[0] !== before[0]) {
    errors.push(invalid(first, spec.clusterIPs, unchangeable))
  }
  if (now.length > before.length) return errors
  if ((spec.clusterIPs ?? []).length === 0) {
    errors.unshift(invalid(first, spec.ipFamilies, 'primary ipFamily can not be unset'))
  }
  if (now.length === 1 && spec.ipFamilyPolicy !== 'SingleStack') {
    const message = "must be set to 'SingleStack' when releasing the secondary ipFamily"
    errors.push(invalid(policyPath, spec.ipFamilyPolicy, message))
  }
  return errors
}

/** A second family may be added, and taken away by policy; the first stays, but from and to ExternalName. */
export const validateIpFieldsUpdate = (spec: ServiceSpec, old: ServiceSpec): FieldError[] =>
  isExternal(spec) || isExternal(old) ? [] : [...clusterIpsUpdate(spec, old), ...familiesUpdate(spec, old)]
