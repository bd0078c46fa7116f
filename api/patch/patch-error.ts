/** Errors of patching as upstream answers them. */
import { StatusError } from '../meta/status-error.ts'

/** The 422 that hides its reason from the client; the reason goes to the log as the cause. */
export const unprocessablePatch = (reason: string): StatusError =>
  new StatusError('Invalid', 'the server rejected our request due to an error in our request', {
    details: {},
    cause: new Error(reason),
  })

/** The 500 without reason that upstream makes of an error it does not classify. */
export const failedPatch = (message: string): StatusError => new StatusError('', message, { code: 500 })

/** A value as Go's `%v` prints it, which some of upstream's messages contain: `map[a:1 b:[x y]]`. */
export const goFormat = (value: unknown): string => {
  if (value === null || value === undefined) return '<nil>'
  if (Array.isArray(value)) return `[${value.map(goFormat).join(' ')}]`
  if (typeof value === 'object') {
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    return `map[${members.map(([name, member]) => `${name}:${goFormat(member)}`).join(' ')}]`
  }
  return String(value)
}

/** The 422 of a patch whose result does not fit the kind: ` "" is invalid: patch: Invalid value: "map[…]": …`. */
export const invalidPatch = (patch: unknown, problem: string): StatusError => {
  const message = `Invalid value: ${JSON.stringify(goFormat(patch))}: ${problem}`
  return new StatusError('Invalid', ` "" is invalid: patch: ${message}`, {
    details: { causes: [{ reason: 'FieldValueInvalid', message, field: 'patch' }] },
  })
}
