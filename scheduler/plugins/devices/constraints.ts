/** Devices of a claim that must have something in common. Upstream: matchAttributeConstraint */
import type { Candidate, Device } from './pools.ts'
import type { Alternative, Constraint } from './requests.ts'

type Attribute = NonNullable<Device['attributes']>[string]

/** By its full name, or by the id alone where the domain is the driver's. */
const attributeOf = ({ device, driver }: Candidate, name: string): Attribute | undefined => {
  const full = device.attributes?.[name]
  if (full !== undefined) return full
  const slash = name.indexOf('/')
  return name.slice(0, slash) === driver ? device.attributes?.[name.slice(slash + 1)] : undefined
}

/** Type and value as one text; versions are in their shortest form, so texts compare. Undefined for types that do not compare. */
const valueOf = ({ string, int, bool, version }: Attribute): string | undefined => {
  if (string !== undefined) return `string ${string}`
  if (int !== undefined) return `int ${int}`
  if (bool !== undefined) return `bool ${bool}`
  return version === undefined ? undefined : `version ${version}`
}

/** Counts what is chosen. For every `add` that returned true there may be one `remove`. */
export interface ConstraintState {
  readonly add: (alternative: Alternative, candidate: Candidate) => boolean
  readonly remove: (alternative: Alternative) => void
}

export const constraintState = ({ matchAttribute = '', requests = [] }: Constraint): ConstraintState => {
  let value: string | undefined
  let count = 0
  const concerns = ({ name, request }: Alternative): boolean =>
    requests.length === 0 || requests.includes(request) || requests.includes(name)
  return {
    add: (alternative, candidate) => {
      if (!concerns(alternative)) return true
      const attribute = attributeOf(candidate, matchAttribute)
      const own = attribute && valueOf(attribute)
      if (own === undefined || (count > 0 && own !== value)) return false
      value = own
      count++
      return true
    },
    remove: (alternative) => {
      if (concerns(alternative)) count--
    },
  }
}
