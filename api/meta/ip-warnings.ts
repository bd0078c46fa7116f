/** Addresses that are valid and written oddly. Upstream: GetWarningsForIP, GetWarningsForCIDR. */
import { isIPv6 } from 'node:net'
import { canonicalIpv6, maskedCidr } from './cidr.ts'

const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i

/** `value` has been validated. */
export const ipWarnings = (path: string, value: string): string[] => {
  if (!isIPv6(value)) return []
  const ipv4 = mapped.exec(value)?.[1]
  if (ipv4 !== undefined) {
    return [
      `${path}: non-standard IP address ${JSON.stringify(value)} will be considered invalid in a future Kubernetes release: use ${JSON.stringify(ipv4)}`,
    ]
  }
  const canonical = canonicalIpv6(value)
  return canonical === value
    ? []
    : [
        `${path}: IPv6 address ${JSON.stringify(value)} should be in RFC 5952 canonical format (${JSON.stringify(canonical)})`,
      ]
}

/** A range with host bits might mean the whole range, or the one address. */
export const cidrWarnings = (path: string, value: string): string[] => {
  const range = maskedCidr(value)
  if (range === undefined) return []
  if (range.hasHostBits) {
    return [
      `${path}: CIDR value ${JSON.stringify(value)} is ambiguous in this context (should be ${JSON.stringify(range.masked)} or ${JSON.stringify(range.single)}?)`,
    ]
  }
  return range.masked === value
    ? []
    : [
        `${path}: IPv6 CIDR value ${JSON.stringify(value)} should be in RFC 5952 canonical format (${JSON.stringify(range.masked)})`,
      ]
}
