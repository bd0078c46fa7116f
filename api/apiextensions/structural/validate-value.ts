/** Values against their schema, with kube-openapi's words. Upstream: apiserver/validation, kube-openapi/pkg/validation */
import { equalJson } from '../../meta/clone.ts'
import {
  child,
  type FieldError,
  invalid,
  key,
  notSupported,
  required,
  tooLong,
  tooMany,
  typeInvalid,
} from '../../meta/field-error.ts'
import { regularExpression } from '../../meta/regular-expressions.ts'
import { lengthOf } from '../../cel/values.ts'
import { isOfFormat } from './formats.ts'
import { extension, isObject, type JsonSchema } from './structural.ts'

const typeName = (value: unknown): string => {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value === 'bigint' ? 'integer' : typeof value
}

const isOfType = (type: string, value: unknown): boolean => {
  const name = typeName(value)
  return name === type || (type === 'number' && name === 'integer')
}

/** Where a value is, in kube-openapi's messages. */
const bodyAt = (path: string): string => `${path} in body`.trimStart()

const matches = (pattern: string, text: string): boolean => regularExpression(pattern).matcher(text).find()

/**
 * Everything that is wrong with the value; `path` is '' for the object itself. What an update leaves as it was (`old`,
 * undefined where there was nothing) may stay, however wrong: a schema that became stricter must not lock its objects.
 * Upstream: apiserver/schema/validation.go, CRDValidationRatcheting
 */
export const validateValue = (schema: JsonSchema, value: unknown, path = '', old?: unknown): FieldError[] => {
  const errors = errorsOf(schema, value, path, old)
  return errors.length > 0 && old !== undefined && equalJson(value, old) ? [] : errors
}

const errorsOf = (schema: JsonSchema, value: unknown, path: string, old: unknown): FieldError[] => {
  if (value === null && schema.nullable === true) return []
  const intOrString = extension(schema, 'x-kubernetes-int-or-string') === true
  const wanted = intOrString ? '' : (schema.type ?? '')
  const body = bodyAt(path)
  if (wanted !== '' && !isOfType(wanted, value)) {
    const found = typeName(value)
    return [typeInvalid(path, found, `${body} must be of type ${wanted}: ${JSON.stringify(found)}`)]
  }
  if (intOrString && typeof value !== 'string' && typeName(value) !== 'integer') {
    const found = typeName(value)
    return [typeInvalid(path, found, `${body} must be of type integer,string: ${JSON.stringify(found)}`)]
  }
  const errors: FieldError[] = []
  if (typeof value === 'string') errors.push(...validateText(schema, value, path, body))
  if (typeof value === 'number' || typeof value === 'bigint') errors.push(...validateNumber(schema, value, path, body))
  if (Array.isArray(value)) errors.push(...validateList(schema, value, path, old))
  if (isObject(value)) errors.push(...validateObject(schema, value, path, old))
  const allowed = enumOf(schema)
  if (allowed !== undefined && !allowed.some((one) => equalJson(one, value)))
    errors.push(
      notSupported(
        path,
        value,
        allowed.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))),
      ),
    )
  return [...errors, ...validateJunctors(schema, value, path)]
}

const enumOf = (schema: JsonSchema): readonly unknown[] | undefined => {
  const values = extension(schema, 'enum')
  return Array.isArray(values) ? values : undefined
}

const validateText = (schema: JsonSchema, value: string, path: string, body: string): FieldError[] => {
  const { maxLength, minLength, pattern, format } = schema
  const errors: FieldError[] = []
  if (maxLength !== undefined && lengthOf(value) > maxLength) errors.push(tooLong(path, maxLength))
  if (minLength !== undefined && lengthOf(value) < minLength)
    errors.push(invalid(path, value, `${body} should be at least ${minLength} chars long`))
  if (pattern !== undefined && !matches(pattern, value))
    errors.push(invalid(path, value, `${body} should match '${pattern}'`))
  if (format !== undefined && !isOfFormat(format, value))
    errors.push(invalid(path, value, `${body} must be of type ${format}: ${JSON.stringify(value)}`))
  return errors
}

const validateNumber = (schema: JsonSchema, value: number | bigint, path: string, body: string): FieldError[] => {
  const { maximum, exclusiveMaximum, minimum, exclusiveMinimum, multipleOf } = schema
  const errors: FieldError[] = []
  const shown = typeof value === 'bigint' ? Number(value) : value
  const fail = (what: string): void => void errors.push(invalid(path, shown, `${body} should be ${what}`))
  if (maximum !== undefined && (exclusiveMaximum === true ? value >= maximum : value > maximum))
    fail(exclusiveMaximum === true ? `less than ${maximum}` : `less than or equal to ${maximum}`)
  if (minimum !== undefined && (exclusiveMinimum === true ? value <= minimum : value < minimum))
    fail(exclusiveMinimum === true ? `greater than ${minimum}` : `greater than or equal to ${minimum}`)
  if (multipleOf !== undefined && !Number.isInteger(Number(value) / multipleOf)) fail(`a multiple of ${multipleOf}`)
  return errors
}

const listKey = (item: unknown, keys: readonly string[]): string =>
  JSON.stringify(isObject(item) ? keys.map((name) => item[name] ?? null) : item)

/** What an item was before: told by its keys; the items of other lists have none. */
const oldItems = (schema: JsonSchema, old: unknown): ((item: unknown) => unknown) => {
  const keys = extension(schema, 'x-kubernetes-list-map-keys')
  if (extension(schema, 'x-kubernetes-list-type') !== 'map' || !Array.isArray(old) || !Array.isArray(keys))
    return () => undefined
  const byKey = new Map(old.map((item) => [listKey(item, keys as string[]), item as unknown]))
  return (item) => byKey.get(listKey(item, keys as string[]))
}

const validateList = (schema: JsonSchema, value: readonly unknown[], path: string, old: unknown): FieldError[] => {
  const { maxItems, minItems } = schema
  const items = schema.items as JsonSchema | undefined
  const errors: FieldError[] = []
  if (maxItems !== undefined && value.length > maxItems) errors.push(tooMany(path, value.length, maxItems))
  if (minItems !== undefined && value.length < minItems)
    errors.push(invalid(path, value.length, `${bodyAt(path)} should have at least ${minItems} items`))
  const listType = extension(schema, 'x-kubernetes-list-type')
  if (listType === 'set' || listType === 'map') {
    const keys = (extension(schema, 'x-kubernetes-list-map-keys') as string[] | undefined) ?? []
    const seen = new Set<string>()
    for (const [index, item] of value.entries()) {
      const name = listType === 'map' ? listKey(item, keys) : JSON.stringify(item)
      if (seen.has(name)) {
        const shown = listType === 'map' && isObject(item) ? Object.fromEntries(keys.map((k) => [k, item[k]])) : item
        errors.push({
          type: 'FieldValueDuplicate',
          field: child(path, index),
          detail: `Duplicate value: ${JSON.stringify(shown)}`,
        })
      }
      seen.add(name)
    }
  }
  if (items === undefined) return errors
  const before = oldItems(schema, old)
  return [...errors, ...value.flatMap((item, index) => validateValue(items, item, child(path, index), before(item)))]
}

const join = (path: string, name: string): string => (path === '' ? name : child(path, name))

const validateObject = (
  schema: JsonSchema,
  value: Readonly<Record<string, unknown>>,
  path: string,
  old: unknown,
): FieldError[] => {
  const { maxProperties, minProperties, properties = {} } = schema
  const additional = schema.additionalProperties as JsonSchema | boolean | undefined
  const errors: FieldError[] = []
  const names = Object.keys(value)
  if (maxProperties !== undefined && names.length > maxProperties)
    errors.push(tooMany(path, names.length, maxProperties))
  if (minProperties !== undefined && names.length < minProperties)
    errors.push(invalid(path, names.length, `${bodyAt(path)} should have at least ${minProperties} properties`))
  for (const name of schema.required ?? []) if (!Object.hasOwn(value, name)) errors.push(required(join(path, name)))
  for (const name of names) {
    const declared = Object.hasOwn(properties, name) ? properties[name] : undefined
    const before = isObject(old) && Object.hasOwn(old, name) ? old[name] : undefined
    if (declared !== undefined) errors.push(...validateValue(declared, value[name], join(path, name), before))
    else if (typeof additional === 'object')
      errors.push(...validateValue(additional, value[name], key(path, name), before))
  }
  return errors
}

const validateJunctors = (schema: JsonSchema, value: unknown, path: string): FieldError[] => {
  const { allOf = [], anyOf = [], oneOf = [] } = schema
  const not = schema.not as JsonSchema | undefined
  const shown = isObject(value) || Array.isArray(value) ? value : (value ?? null)
  const holds = (part: JsonSchema): boolean => validateValue(part, value, path).length === 0
  const errors = allOf.flatMap((part) => validateValue(part, value, path))
  const name = JSON.stringify(path)
  if (anyOf.length > 0 && !anyOf.some(holds))
    errors.push(invalid(path, shown, `${name} must validate at least one schema (anyOf)`))
  if (oneOf.length > 0) {
    const valid = oneOf.filter(holds).length
    if (valid !== 1) {
      const found = valid === 0 ? 'Found none valid' : `Found ${valid} valid alternatives`
      errors.push(invalid(path, shown, `${name} must validate one and only one schema (oneOf). ${found}`))
    }
  }
  if (not !== undefined && holds(not)) errors.push(invalid(path, shown, `${name} must not validate the schema (not)`))
  return errors
}
