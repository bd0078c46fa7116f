import { StatusError } from './status-error.ts'

/** Kind of a field error; the value is what clients see as a cause's reason. Upstream: field.ErrorType. */
export type FieldErrorType =
  | 'FieldValueNotFound'
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueTypeInvalid'
  | 'InternalError'

/** One thing wrong with one field. Validation returns a list of these and never throws. */
export interface FieldError {
  readonly type: FieldErrorType
  /** Path as upstream writes it: `spec.containers[0].name`, `metadata.labels[app]`. */
  readonly field: string
  /** The whole sentence without the path: `Required value: name or generateName is required`. */
  readonly detail: string
}

/** Joins path parts: `child('spec', 'containers', 0, 'name')` is `spec.containers[0].name`; `key()` makes `[x]`. */
export const child = (path: string, ...parts: readonly (string | number)[]): string => {
  let joined = path
  for (const part of parts) {
    joined = typeof part === 'number' ? `${joined}[${part}]` : joined === '' ? part : `${joined}.${part}`
  }
  return joined
}
export const key = (path: string, name: string): string => `${path}[${name}]`

const suffix = (detail: string | undefined): string => (detail === undefined || detail === '' ? '' : `: ${detail}`)
/** A bad value as upstream prints it: strings quoted, numbers and booleans bare, the rest as JSON. */
const shown = (value: unknown): string => (value === undefined ? 'null' : JSON.stringify(value))

/** A field of a Go struct: its name in Go, its name on the wire, and what Go has where nothing was given. */
export type GoField = readonly [goName: string, name: string, zero: unknown]

/**
 * A struct as upstream prints it in messages: its internal types have no names for JSON, so every field stands there
 * under its name in Go.
 */
export const asGoStruct = (value: object, fields: readonly GoField[]): Record<string, unknown> =>
  Object.fromEntries(
    fields.map(([goName, name, zero]) => [goName, (value as Readonly<Record<string, unknown>>)[name] ?? zero]),
  )

export const required = (field: string, detail = ''): FieldError => ({
  type: 'FieldValueRequired',
  field,
  detail: `Required value${suffix(detail)}`,
})
export const invalid = (field: string, value: unknown, detail: string): FieldError => ({
  type: 'FieldValueInvalid',
  field,
  detail: `Invalid value: ${shown(value)}${suffix(detail)}`,
})
export const notSupported = (field: string, value: unknown, supported: readonly string[]): FieldError => ({
  type: 'FieldValueNotSupported',
  field,
  detail: `Unsupported value: ${shown(value)}${
    supported.length === 0 ? '' : `: supported values: ${supported.map((s) => JSON.stringify(s)).join(', ')}`
  }`,
})
export const duplicate = (field: string, value: unknown): FieldError => ({
  type: 'FieldValueDuplicate',
  field,
  detail: `Duplicate value: ${shown(value)}`,
})
export const forbiddenField = (field: string, detail: string): FieldError => ({
  type: 'FieldValueForbidden',
  field,
  detail: `Forbidden${suffix(detail)}`,
})
export const notFoundField = (field: string, value: unknown): FieldError => ({
  type: 'FieldValueNotFound',
  field,
  detail: `Not found: ${shown(value)}`,
})
export const tooLong = (field: string, maxLength: number): FieldError => ({
  type: 'FieldValueTooLong',
  field,
  detail: `Too long: may not be more than ${maxLength} bytes`,
})
export const tooMany = (field: string, actual: number, max: number): FieldError => ({
  type: 'FieldValueTooMany',
  field,
  detail: `Too many: ${actual}: must have at most ${max} items`,
})
export const typeInvalid = (field: string, value: unknown, detail: string): FieldError => ({
  type: 'FieldValueTypeInvalid',
  field,
  detail: `Invalid value: ${shown(value)}${suffix(detail)}`,
})

/** All errors in one text. Upstream: ErrorList.ToAggregate. */
export const errorSummary = (errors: readonly FieldError[]): string => {
  const lines = [...new Set(errors.map((e) => `${e.field}: ${e.detail}`))]
  return lines.length === 1 ? (lines[0] ?? '') : `[${lines.join(', ')}]`
}

/** The 422 that a non-empty list becomes. Upstream: apierrors.NewInvalid. */
export const invalidObject = (
  gk: { readonly group: string; readonly kind: string },
  name: string,
  errors: readonly FieldError[],
): StatusError => {
  const kind = gk.group === '' ? gk.kind : `${gk.kind}.${gk.group}`
  return new StatusError('Invalid', `${kind} "${name}" is invalid: ${errorSummary(errors)}`, {
    details: {
      ...(name === '' ? {} : { name }),
      ...(gk.group === '' ? {} : { group: gk.group }),
      kind: gk.kind,
      causes: errors.map((e) => ({ reason: e.type, message: e.detail, field: e.field })),
    },
  })
}
