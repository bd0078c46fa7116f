/** Formats of strings that upstream checks: the others say nothing. Upstream: apiserver/validation/formats.go */
import { isIP, isIPv4, isIPv6 } from 'node:net'
import { parseCidr } from '../../meta/cidr.ts'

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const uuid = (version: string) =>
  new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$`, 'i')
const dateTime = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/
const hostname =
  /^(?=.{1,253}$)[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/
const email = /^[^\s@]+@[^\s@]+$/
const duration = /^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d|w))+$|^0$/

const checks: Readonly<Record<string, (value: string) => boolean>> = {
  uri: (value) => value.startsWith('/') || URL.canParse(value),
  email: (value) => email.test(value),
  hostname: (value) => hostname.test(value),
  ipv4: isIPv4,
  ipv6: isIPv6,
  ip: (value) => isIP(value) !== 0,
  cidr: (value) => parseCidr(value) !== undefined,
  mac: (value) => /^(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(value),
  uuid: (value) => uuid('[0-9a-f]').test(value),
  uuid3: (value) => uuid('3').test(value),
  uuid4: (value) => uuid('4').test(value),
  uuid5: (value) => uuid('5').test(value),
  byte: (value) => base64.test(value),
  date: (value) => /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value)),
  datetime: (value) => dateTime.test(value) && !Number.isNaN(Date.parse(value)),
  'date-time': (value) => dateTime.test(value) && !Number.isNaN(Date.parse(value)),
  duration: (value) => duration.test(value),
  hexcolor: (value) => /^#?(?:[0-9a-f]{3}|[0-9a-f]{6})$/i.test(value),
  creditcard: (value) => /^\d{13,19}$/.test(value.replaceAll(/[ -]/g, '')),
  ssn: (value) => /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(value),
  isbn: (value) => /^(?:\d[- ]?){9}[\dX]$|^(?:\d[- ]?){13}$/.test(value),
}

/** True for what is of the format, and for formats that nobody knows. */
export const isOfFormat = (format: string, value: string): boolean =>
  Object.hasOwn(checks, format) ? (checks[format]?.(value) ?? true) : true
