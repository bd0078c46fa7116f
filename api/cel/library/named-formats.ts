/** Kubernetes' string formats by name. Upstream: apiserver/pkg/cel/library/format.go */
import {
  asNamePrefix,
  isDns1035Label,
  isDns1123Label,
  isDns1123Subdomain,
  isQualifiedName,
  isValidLabelValue,
} from '../../meta/names.ts'
import { func, type FunctionDeclaration, method } from '../functions.ts'
import { CelError, Opaque, Optional, type Value } from '../values.ts'
import { parseTimestamp } from './time.ts'
import { walk } from './operators.ts'

const typeName = 'kubernetes.NamedFormat'

/** What is wrong with a value of the format. */
type Check = (value: string) => readonly string[]

export class FormatValue extends Opaque {
  readonly typeName = typeName
  readonly name: string
  readonly check: Check
  constructor(name: string, check: Check) {
    super()
    this.name = name
    this.check = check
  }
  equals(other: Opaque): boolean {
    return other instanceof FormatValue && other.name === this.name
  }
}

const holds =
  (test: (value: string) => boolean, message: string): Check =>
  (value) =>
    test(value) ? [] : [message]

const isDateTime = (value: string): boolean => {
  try {
    parseTimestamp(value)
    return true
  } catch (error) {
    if (error instanceof CelError) return false
    throw error
  }
}
const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

const checks: Readonly<Record<string, Check>> = {
  dns1123Label: isDns1123Label,
  dns1123Subdomain: isDns1123Subdomain,
  dns1035Label: isDns1035Label,
  qualifiedName: isQualifiedName,
  dns1123LabelPrefix: asNamePrefix(isDns1123Label),
  dns1123SubdomainPrefix: asNamePrefix(isDns1123Subdomain),
  dns1035LabelPrefix: asNamePrefix(isDns1035Label),
  labelValue: isValidLabelValue,
  uri: holds((value) => value.startsWith('/') || URL.canParse(value), 'invalid URI'),
  uuid: holds((value) => uuid.test(value), 'does not match the UUID format'),
  byte: holds((value) => base64.test(value), 'invalid base64'),
  date: holds((value) => isDateTime(`${value}T00:00:00Z`), 'invalid date'),
  datetime: holds(isDateTime, 'invalid datetime'),
}
const formats = new Map(Object.entries(checks).map(([name, check]) => [name, new FormatValue(name, check)]))

const named = (name: string): Value => {
  const format = formats.get(name)
  return format === undefined ? Optional.none : Optional.of(format)
}
/** No value where nothing is wrong. */
const validate = ({ check }: FormatValue, value: string): Value => {
  const errors = check(value)
  return errors.length === 0 ? Optional.none : Optional.of(errors)
}

export const formatFunctions: readonly FunctionDeclaration[] = [
  func('format.named', `string -> optional(${typeName})`, named),
  ...Array.from(formats, ([name, format]) => func(`format.${name}`, `-> ${typeName}`, () => format)),
  method('validate', `${typeName}, string -> optional(list(string))`, validate, walk),
]
