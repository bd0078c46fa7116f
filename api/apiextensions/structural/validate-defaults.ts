/** Defaults must be values that their schema takes. Upstream: apiserver/schema/defaulting/validation.go */
import { clone } from '../../meta/clone.ts'
import { child, type FieldError, invalid, key } from '../../meta/field-error.ts'
import { prune } from './prune.ts'
import { compileRules } from './rules.ts'
import { type JsonObject, type JsonSchema, structuralOf } from './structural.ts'
import { validateValue } from './validate-value.ts'

const field = 'default'

/** What is wrong with the default of a schema; its rules are asked too, as of a new object. */
const defaultErrors = (schema: JsonSchema, value: unknown, path: string): FieldError[] => {
  // An object around it, so that its errors are at `default`.
  const around = { type: 'object', properties: { [field]: schema } } as unknown as JsonSchema
  const structural = structuralOf(around)
  const pruned: JsonObject = { [field]: clone(value) }
  if (prune(structural, pruned).length > 0) return [invalid(child(path, field), value, 'must not have unknown fields')]
  const at = (error: FieldError): FieldError => ({ ...error, field: child(path, error.field) })
  const errors = validateValue(schema, value).map((error) => ({
    ...error,
    field: child(path, field, ...(error.field === '' ? [] : [error.field])),
  }))
  if (errors.length > 0) return errors
  return (compileRules(structural)?.({ [field]: value }, undefined).errors ?? []).map(at)
}

/** The defaults of a schema and of all that is in it; the schema is structural, and its rules compile. */
export const validateDefaults = (schema: JsonSchema, path: string): FieldError[] => {
  const value = schema.default as unknown
  const items = schema.items as JsonSchema | undefined
  const additional = schema.additionalProperties as JsonSchema | boolean | undefined
  return [
    ...(value === undefined ? [] : defaultErrors(schema, value, path)),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, part]) =>
      validateDefaults(part, key(child(path, 'properties'), name)),
    ),
    ...(items === undefined ? [] : validateDefaults(items, child(path, 'items'))),
    ...(typeof additional === 'object' ? validateDefaults(additional, child(path, 'additionalProperties')) : []),
  ]
}
