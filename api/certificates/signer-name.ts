/** Names of signers, and of the bundles by which their certificates are trusted. Upstream: pkg/apis/core/validation/names.go */
import { absent } from '../meta/checks.ts'
import { type FieldError, invalid, required, tooLong } from '../meta/field-error.ts'
import { isDns1123Label, isDns1123Subdomain } from '../meta/names.ts'

const maxDomainBytes = 253
/** A domain, a slash, and a path of a label and a subdomain. */
const maxNameBytes = maxDomainBytes + 1 + (253 + 63 + 1)

/** Only the first bad label is told of: the others would say the same. */
const labelErrors = (
  path: string,
  labels: readonly string[],
  whole: string,
  check: (label: string) => string[],
): FieldError[] => {
  const bad = labels.find((label) => check(label).length > 0)
  return bad === undefined
    ? []
    : check(bad).map((message) => invalid(path, whole, `validating label ${JSON.stringify(bad)}: ${message}`))
}

/** `example.com/signer-name`. */
export const validateSignerName = (name: string | undefined, path: string): FieldError[] => {
  if (name === undefined || absent(name)) return [required(path)]
  const [domain = '', rest, ...more] = name.split('/')
  if (rest === undefined || more.length > 0)
    return [invalid(path, name, 'must be a fully qualified domain and path of the form "example.com/signer-name"')]
  const labels = domain.split('.')
  return [
    ...(Buffer.byteLength(domain) > maxDomainBytes ? [tooLong(path, maxDomainBytes)] : []),
    ...labelErrors(path, labels, domain, isDns1123Label),
    ...(labels.length < 2
      ? [invalid(path, domain, 'should be a domain with at least two segments separated by dots')]
      : []),
    ...labelErrors(path, rest.split('.'), rest, isDns1123Subdomain),
    ...(Buffer.byteLength(name) > maxNameBytes ? [tooLong(path, maxNameBytes)] : []),
  ]
}

/** What the names of a signer's bundles begin with: `example.com:signer-name:`. */
export const bundleNamePrefix = (signerName: string): string => `${signerName.replaceAll('/', ':')}:`

/** Why a ClusterTrustBundle of that signer ('' for none) cannot have this name. */
export const isClusterTrustBundleName = (name: string, signerName: string): string[] => {
  if (signerName === '') {
    return name.includes(':')
      ? ['ClusterTrustBundle without signer name must not have ":" in its name']
      : isDns1123Subdomain(name)
  }
  const prefix = bundleNamePrefix(signerName)
  if (name.startsWith(prefix)) return isDns1123Subdomain(name.slice(prefix.length))
  return [`ClusterTrustBundle for signerName ${signerName} must be named with prefix ${prefix}`]
}

/** The signer that a bundle's name tells of; '' where it tells of none. */
export const signerOfBundleName = (name: string): string =>
  name.includes(':') ? name.slice(0, name.lastIndexOf(':')).replaceAll(':', '/') : ''
