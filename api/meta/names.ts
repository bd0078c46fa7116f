/**
 * Syntax checks of names, labels and ports. Each returns upstream's messages, word for word; empty means valid.
 * Upstream: apimachinery/pkg/util/validation.
 */
import { isIPv4, isIPv6 } from 'node:net'

/** Lengths are in bytes, as Go counts them. */
const byteLength = (value: string): number => Buffer.byteLength(value)

export const maxLengthMessage = (bytes: number): string => `must be no more than ${bytes} bytes`
export const emptyMessage = 'must be non-empty'
export const rangeMessage = (min: number, max: number): string => `must be between ${min} and ${max}, inclusive`

/** The sentence that ends with the pattern; the odd spaces between examples are upstream's. */
export const patternMessage = (message: string, pattern: string, ...examples: readonly string[]): string => {
  const shown = examples.map((example) => `'${example}', `).join(' or ')
  return examples.length === 0
    ? `${message} (regex used for validation is '${pattern}')`
    : `${message} (e.g. ${shown}regex used for validation is '${pattern}')`
}

/** These patterns are our own and linear; user-supplied ones never reach V8's engine. */
const whole = (pattern: string): RegExp => new RegExp(`^(?:${pattern})$`)

const labelPattern = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const subdomainPattern = `${labelPattern}(\\.${labelPattern})*`
const dns1035Pattern = '[a-z]([-a-z0-9]*[a-z0-9])?'
const wildcardPattern = `\\*\\.${subdomainPattern}`
const qualifiedPattern = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const labelValuePattern = `(${qualifiedPattern})?`
const cIdentifierPattern = '[A-Za-z_][A-Za-z0-9_]*'
const configMapKeyPattern = '[-._a-zA-Z0-9]+'
const envVarPattern = '[-._a-zA-Z][-._a-zA-Z0-9]*'
const percentPattern = '[0-9]+%'
const httpHeaderPattern = '[-A-Za-z0-9]+'

const label = whole(labelPattern)
const subdomain = whole(subdomainPattern)
const dns1035 = whole(dns1035Pattern)
const wildcard = whole(wildcardPattern)
const qualified = whole(qualifiedPattern)
const labelValue = whole(labelValuePattern)
const cIdentifier = whole(cIdentifierPattern)
const configMapKey = whole(configMapKeyPattern)
const envVar = whole(envVarPattern)
const percent = whole(percentPattern)
const httpHeader = whole(httpHeaderPattern)

interface SyntaxRule {
  readonly maxBytes?: number
  readonly pattern: RegExp
  readonly message: string
}

const check = (value: string, { maxBytes, pattern, message }: SyntaxRule): string[] => {
  const errors: string[] = []
  if (maxBytes !== undefined && byteLength(value) > maxBytes) errors.push(maxLengthMessage(maxBytes))
  if (!pattern.test(value)) errors.push(message)
  return errors
}

const subdomainRule: SyntaxRule = {
  maxBytes: 253,
  pattern: subdomain,
  message: patternMessage(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    subdomainPattern,
    'example.com',
  ),
}
const labelMessage = patternMessage(
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  labelPattern,
  'my-name',
  '123-abc',
)
const dns1035Rule: SyntaxRule = {
  maxBytes: 63,
  pattern: dns1035,
  message: patternMessage(
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
    dns1035Pattern,
    'my-name',
    'abc-123',
  ),
}
const wildcardRule: SyntaxRule = {
  maxBytes: 253,
  pattern: wildcard,
  message: patternMessage(
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
    wildcardPattern,
    '*.example.com',
  ),
}
const qualifiedMessage = patternMessage(
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  qualifiedPattern,
  'MyName',
  'my.name',
  '123-abc',
)
const labelValueRule: SyntaxRule = {
  maxBytes: 63,
  pattern: labelValue,
  message: patternMessage(
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    labelValuePattern,
    'MyValue',
    'my_value',
    '12345',
  ),
}
const configMapKeyRule: SyntaxRule = {
  maxBytes: 253,
  pattern: configMapKey,
  message: patternMessage(
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    configMapKeyPattern,
    'key.name',
    'KEY_NAME',
    'key-name',
  ),
}

/** RFC 1123 label: Pod hostnames, container names, namespaces. */
export const isDns1123Label = (value: string): string[] => {
  const errors = byteLength(value) > 63 ? [maxLengthMessage(63)] : []
  if (!label.test(value)) errors.push(subdomain.test(value) ? 'must not contain dots' : labelMessage)
  return errors
}

/** RFC 1123 subdomain: the names of most objects. */
export const isDns1123Subdomain = (value: string): string[] => check(value, subdomainRule)

/** RFC 1035 label: Service names of old, still used for some names. */
export const isDns1035Label = (value: string): string[] => check(value, dns1035Rule)

/** `*.example.com`, as in Ingress hosts. */
export const isWildcardDns1123Subdomain = (value: string): string[] => check(value, wildcardRule)

/** Label and annotation keys, resource names, taint keys: `[prefix/]name`. */
export const isQualifiedName = (value: string): string[] => {
  const parts = value.split('/')
  if (parts.length > 2) {
    return [
      `a qualified name ${qualifiedMessage} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ]
  }
  const errors: string[] = []
  const [prefix, name] = parts.length === 2 ? [parts[0] ?? '', parts[1] ?? ''] : [undefined, value]
  if (prefix === '') errors.push(`prefix part ${emptyMessage}`)
  else if (prefix !== undefined) errors.push(...isDns1123Subdomain(prefix).map((message) => `prefix part ${message}`))
  if (name === '') errors.push(`name part ${emptyMessage}`)
  else if (byteLength(name) > 63) errors.push(`name part ${maxLengthMessage(63)}`)
  if (!qualified.test(name)) errors.push(`name part ${qualifiedMessage}`)
  return errors
}

export const isValidLabelValue = (value: string): string[] => check(value, labelValueRule)

export const isCIdentifier = (value: string): string[] =>
  check(value, {
    pattern: cIdentifier,
    message: patternMessage(
      "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
      cIdentifierPattern,
      'my_name',
      'MY_NAME',
      'MyName',
    ),
  })

/** Names that would leave a directory when they become files. */
const pathEscapes = (value: string): string[] => {
  if (value === '.') return ["must not be '.'"]
  if (value === '..') return ["must not be '..'"]
  return value.startsWith('..') ? ["must not start with '..'"] : []
}

/** Keys of ConfigMaps and Secrets, which become file names. */
export const isConfigMapKey = (value: string): string[] => [...check(value, configMapKeyRule), ...pathEscapes(value)]

/** Environment variable names of old (strict) rules; see isRelaxedEnvVarName. */
export const isEnvVarName = (value: string): string[] => [
  ...check(value, {
    pattern: envVar,
    message: patternMessage(
      "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit",
      envVarPattern,
      'my.env-name',
      'MY_ENV.NAME',
      'MyEnvName1',
    ),
  }),
  ...pathEscapes(value),
]

/** Environment variable names as v1.36 takes them: printable ASCII but `=`. */
export const isRelaxedEnvVarName = (value: string): string[] => {
  const errors = value === '' ? [`environment variable name ${emptyMessage}`] : []
  if (!/^[\x20-\x3c\x3e-\x7e]*$/.test(value)) {
    errors.push("a valid environment variable name must consist only of printable ASCII characters other than '='")
  }
  return errors
}

export const isValidPortNum = (port: number): string[] =>
  Number.isInteger(port) && port >= 1 && port <= 65535 ? [] : [rangeMessage(1, 65535)]

export const isInRange = (value: number, min: number, max: number): string[] =>
  value >= min && value <= max ? [] : [rangeMessage(min, max)]

/** IANA service name: what an IntOrString port may name. */
export const isValidPortName = (port: string): string[] => {
  const errors: string[] = []
  if (byteLength(port) > 15) errors.push(maxLengthMessage(15))
  if (!/^[-a-z0-9]+$/.test(port)) errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)')
  if (!/[a-z]/.test(port)) errors.push('must contain at least one letter (a-z)')
  if (port.includes('--')) errors.push('must not contain consecutive hyphens')
  if (port.startsWith('-') || port.endsWith('-')) errors.push('must not begin or end with a hyphen')
  return errors
}

export const isValidPercent = (value: string): string[] =>
  check(value, {
    pattern: percent,
    message: patternMessage(
      "a valid percent string must be a numeric string followed by an ending '%'",
      percentPattern,
      '1%',
      '93%',
    ),
  })

export const isHttpHeaderName = (value: string): string[] =>
  check(value, {
    pattern: httpHeader,
    message: patternMessage(
      "a valid HTTP header must consist of alphanumeric characters or '-'",
      httpHeaderPattern,
      'X-Header-Name',
    ),
  })

/** IPv4 or IPv6 without a zone. */
/** Addresses that reach nothing beyond their own host or link. Upstream: ValidateNonSpecialIP. */
export const isNonSpecialIp = (value: string): string[] => {
  const ip = value.toLowerCase()
  if (ip === '0.0.0.0' || /^[0:]+$/.test(ip)) return [`may not be unspecified (${value})`]
  if (ip.startsWith('127.') || /^[0:]*:0*1$/.test(ip)) {
    return ['may not be in the loopback range (127.0.0.0/8, ::1/128)']
  }
  if (ip.startsWith('169.254.') || /^fe[89ab][0-9a-f]:/.test(ip)) {
    return ['may not be in the link-local range (169.254.0.0/16, fe80::/10)']
  }
  if (ip.startsWith('224.0.0.') || /^ff[0-9a-f]2:/.test(ip)) {
    return ['may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)']
  }
  return []
}

export const isValidIp = (value: string): string[] =>
  isIPv4(value) || (isIPv6(value) && !value.includes('%'))
    ? []
    : ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']

export const isValidCidr = (value: string): string[] => {
  const message = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'
  const [address = '', bits = '', ...rest] = value.split('/')
  if (rest.length > 0 || !/^\d{1,3}$/.test(bits) || isValidIp(address).length > 0) return [message]
  return Number(bits) <= (isIPv4(address) ? 32 : 128) ? [] : [message]
}

/**
 * Prefix of generated names: the same check as the name itself, where one trailing dash is fine.
 * Upstream: maskTrailingDash.
 */
export const asNamePrefix =
  (validate: (name: string) => readonly string[]) =>
  (prefix: string): readonly string[] =>
    validate(prefix.length > 1 && prefix.endsWith('-') ? `${prefix.slice(0, -2)}a` : prefix)

/** Names that are path segments (RBAC objects): anything but `.`, `..`, `/`, `%`. */
export const isValidPathSegmentName = (name: string): string[] => {
  if (name === '.' || name === '..') return [`may not be '${name}'`]
  return ['/', '%'].filter((character) => name.includes(character)).map((character) => `may not contain '${character}'`)
}
