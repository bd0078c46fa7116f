/**
 * What a schema must be to be structural, and what it may not say. Upstream: apiserver/schema/validation.go and
 * ValidateCustomResourceDefinitionOpenAPISchema.
 */
import { child, type FieldError, forbiddenField, invalid, key, notSupported, required } from '../../meta/field-error.ts'
import { regularExpression } from '../../meta/regular-expressions.ts'
import { extension, type JsonSchema } from './structural.ts'

type Level = 'root' | 'field' | 'item'

const missingType: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  field: 'must not be empty for specified object fields',
  item: 'must not be empty for specified array items',
}
const types = ['array', 'boolean', 'integer', 'number', 'object', 'string']
const listTypes = ['atomic', 'map', 'set']
const mapTypes = ['atomic', 'granular']
/** Inside of allOf, anyOf, oneOf and not, a schema only restricts what the structure has said. */
const structuralOnly = [
  'type',
  'nullable',
  'default',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-embedded-resource',
  'x-kubernetes-list-type',
  'x-kubernetes-map-type',
] as const

const validateJunctor = (schema: JsonSchema, path: string, intOrString: boolean): FieldError[] => {
  const errors: FieldError[] = []
  for (const name of structuralOnly) {
    const value = extension(schema, name)
    if (value === undefined || (name === 'type' && intOrString)) continue
    errors.push(forbiddenField(child(path, name), 'must be empty to be structural'))
  }
  if (schema.description !== undefined)
    errors.push(forbiddenField(child(path, 'description'), 'must be empty to be structural'))
  for (const [name, part] of Object.entries(schema.properties ?? {}))
    errors.push(...validateJunctor(part, key(child(path, 'properties'), name), false))
  const items = schema.items as JsonSchema | undefined
  if (items !== undefined) errors.push(...validateJunctor(items, child(path, 'items'), false))
  errors.push(...validatePattern(schema, path))
  return [...errors, ...junctorsOf(schema).flatMap(([part, at]) => validateJunctor(part, child(path, at), false))]
}

const junctorsOf = (schema: JsonSchema): (readonly [JsonSchema, string])[] => {
  const not = schema.not as JsonSchema | undefined
  const lists = (['allOf', 'anyOf', 'oneOf'] as const).flatMap((name) =>
    (schema[name] ?? []).map((part, index): readonly [JsonSchema, string] => [part, `${name}[${index}]`]),
  )
  return not === undefined ? lists : [...lists, [not, 'not']]
}

/** The keys by which the items of a list are told apart: scalars that every item has. */
const validateListKeys = (keys: readonly string[], items: JsonSchema | undefined, path: string): FieldError[] =>
  keys.flatMap((name, index) => {
    const at = child(path, 'x-kubernetes-list-map-keys')
    const property = items?.properties?.[name]
    const errors = keys.indexOf(name) < index ? [invalid(at, keys, 'must not contain duplicate entries')] : []
    if (items === undefined || property === undefined)
      return [invalid(at, keys, 'entries must all be names of item properties'), ...errors]
    const where = key(child(path, 'items', 'properties'), name)
    if (property.type === 'array' || property.type === 'object') {
      const detail = "must be a scalar type if parent array's x-kubernetes-list-type is map"
      errors.push(invalid(child(where, 'type'), items.type, detail))
    }
    const isListed = 'this property is in x-kubernetes-list-map-keys, so it'
    if (items.required?.includes(name) !== true && property.default === undefined)
      errors.push(required(child(where, 'default'), `${isListed} must have a default or be a required property`))
    if (property.nullable === true)
      errors.push(forbiddenField(child(where, 'nullable'), `${isListed} cannot be nullable`))
    return errors
  })

const validateList = (schema: JsonSchema, path: string): FieldError[] => {
  const items = schema.items as JsonSchema | undefined
  const listType = extension(schema, 'x-kubernetes-list-type')
  const keys = (extension(schema, 'x-kubernetes-list-map-keys') as readonly string[] | undefined) ?? []
  const at = child(path, 'x-kubernetes-list-type')
  const errors: FieldError[] = []
  if (schema.uniqueItems === true)
    errors.push(
      forbiddenField(
        child(path, 'uniqueItems'),
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      ),
    )
  if (schema.type === 'array' && items === undefined) errors.push(required(child(path, 'items'), 'must be specified'))
  if (listType !== undefined) {
    if (schema.type !== 'array')
      errors.push(
        schema.type
          ? invalid(child(path, 'type'), schema.type, 'must be array if x-kubernetes-list-type is specified')
          : required(child(path, 'type'), 'must be array if x-kubernetes-list-type is specified'),
      )
    if (typeof listType !== 'string' || !listTypes.includes(listType))
      errors.push(notSupported(at, listType, listTypes))
  }
  if (listType === 'map') {
    if (keys.length === 0)
      errors.push(
        required(child(path, 'x-kubernetes-list-map-keys'), 'must not be empty if x-kubernetes-list-type is map'),
      )
    if (items !== undefined && items.type !== 'object')
      errors.push(
        invalid(
          child(path, 'items', 'type'),
          items.type ?? '',
          "must be object if parent array's x-kubernetes-list-type is map",
        ),
      )
    errors.push(...validateListKeys(keys, items, path))
  } else if (keys.length > 0) {
    errors.push(
      forbiddenField(child(path, 'x-kubernetes-list-map-keys'), 'only valid if x-kubernetes-list-type is map'),
    )
  }
  if ((listType === 'set' || listType === 'map') && items?.nullable === true)
    errors.push(
      forbiddenField(child(path, 'items', 'nullable'), `cannot be nullable when x-kubernetes-list-type is ${listType}`),
    )
  return errors
}

const validateMaps = (schema: JsonSchema, path: string, level: Level): FieldError[] => {
  const additional = schema.additionalProperties as JsonSchema | boolean | undefined
  const mapType = extension(schema, 'x-kubernetes-map-type')
  const errors: FieldError[] = []
  if (additional !== undefined && Object.keys(schema.properties ?? {}).length > 0)
    errors.push(
      forbiddenField(child(path, 'additionalProperties'), 'additionalProperties and properties are mutual exclusive'),
    )
  if (additional === false)
    errors.push(forbiddenField(child(path, 'additionalProperties'), 'additionalProperties cannot be set to false'))
  if (additional !== undefined && additional !== false && level === 'root')
    errors.push(forbiddenField(child(path, 'additionalProperties'), 'must not be used at the root'))
  if (mapType !== undefined && (typeof mapType !== 'string' || !mapTypes.includes(mapType)))
    errors.push(notSupported(child(path, 'x-kubernetes-map-type'), mapType, mapTypes))
  return errors
}

const validateExtensions = (schema: JsonSchema, path: string, level: Level): FieldError[] => {
  const errors: FieldError[] = []
  const preserve = extension(schema, 'x-kubernetes-preserve-unknown-fields')
  const intOrString = extension(schema, 'x-kubernetes-int-or-string') === true
  const embedded = extension(schema, 'x-kubernetes-embedded-resource') === true
  const { type = '' } = schema
  if (type === '' && !intOrString && preserve !== true) errors.push(required(child(path, 'type'), missingType[level]))
  else if (type !== '' && !types.includes(type)) errors.push(notSupported(child(path, 'type'), type, types))
  if (preserve === false)
    errors.push(invalid(child(path, 'x-kubernetes-preserve-unknown-fields'), false, 'must be true or undefined'))
  if (intOrString && type !== '')
    errors.push(forbiddenField(child(path, 'type'), 'must be empty if x-kubernetes-int-or-string is true'))
  if (level === 'root' && schema.nullable === true)
    errors.push(forbiddenField(child(path, 'nullable'), 'nullable cannot be true at the root'))
  if (embedded) {
    const detail = 'must be object if x-kubernetes-embedded-resource is true'
    if (type === '') errors.push(required(child(path, 'type'), detail))
    else if (type !== 'object') errors.push(invalid(child(path, 'type'), type, detail))
    if (preserve !== true && Object.keys(schema.properties ?? {}).length === 0) {
      errors.push(
        required(
          child(path, 'properties'),
          'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
        ),
      )
    }
  }
  return errors
}

/** A pattern that does not compile would fail every object. */
const validatePattern = ({ pattern }: JsonSchema, path: string): FieldError[] => {
  if (pattern === undefined) return []
  try {
    regularExpression(pattern)
    return []
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return [invalid(child(path, 'pattern'), pattern, `must be a valid regular expression, but isn't: ${why}`)]
  }
}

/** Metadata is the API's own; a schema may restrict name and generateName alone. */
const validateMetadata = (schema: JsonSchema, path: string): FieldError[] => {
  const metadata = schema.properties?.['metadata']
  if (metadata === undefined) return []
  const at = key(child(path, 'properties'), 'metadata')
  const { type, properties = {}, ...rest } = metadata
  const named = Object.keys(properties).every((name) => name === 'name' || name === 'generateName')
  const others = Object.keys(rest).some((name) => name !== 'description')
  if ((type === undefined || type === 'object') && named && !others) return []
  return [
    forbiddenField(
      at,
      'must not specify anything other than name and generateName, but metadata is implicitly specified',
    ),
  ]
}

/** Everything that keeps the schema from being structural. */
export const validateStructure = (schema: JsonSchema, path: string, level: Level = 'root'): FieldError[] => {
  const isResource = level === 'root' || extension(schema, 'x-kubernetes-embedded-resource') === true
  const intOrString = extension(schema, 'x-kubernetes-int-or-string') === true
  const items = schema.items as JsonSchema | undefined
  const additional = schema.additionalProperties as JsonSchema | boolean | undefined
  return [
    ...validateExtensions(schema, path, level),
    ...validateMaps(schema, path, level),
    ...validateList(schema, path),
    ...validatePattern(schema, path),
    ...(isResource ? validateMetadata(schema, path) : []),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, part]) =>
      isResource && name === 'metadata' ? [] : validateStructure(part, key(child(path, 'properties'), name), 'field'),
    ),
    ...(items === undefined ? [] : validateStructure(items, child(path, 'items'), 'item')),
    ...(typeof additional === 'object'
      ? validateStructure(additional, child(path, 'additionalProperties'), 'field')
      : []),
    ...junctorsOf(schema).flatMap(([part, at]) => validateJunctor(part, child(path, at), intOrString)),
  ]
}
