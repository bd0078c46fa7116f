/** Decodes a configuration file's document by a table of its fields: types are checked, unknown fields are told. */

/** What a field holds. `int` is a whole number, `duration` Go's text (`30s`) or nanoseconds. */
export type Shape =
  | 'string'
  | 'bool'
  | 'int'
  | 'duration'
  | 'any'
  | { readonly list: Shape }
  | { readonly map: Shape }
  | { readonly fields: Readonly<Record<string, Shape>> }

export interface DecodedConfig {
  readonly value: Record<string, unknown>
  /** `unknown field "rules[0].colour"`. */
  readonly problems: readonly string[]
}

/** A document that does not have the types of its kind. */
export class ConfigTypeError extends Error {
  constructor(path: string, found: unknown, wanted: string) {
    super(`json: cannot unmarshal ${typeOf(found)} into field ${path} of type ${wanted}`)
    this.name = 'ConfigTypeError'
  }
}

const typeOf = (value: unknown): string => (Array.isArray(value) ? 'array' : typeof value)

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const scalarTypes: Readonly<Record<'string' | 'bool' | 'int' | 'duration', (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  bool: (value) => typeof value === 'boolean',
  int: (value) => Number.isSafeInteger(value),
  duration: (value) => typeof value === 'string',
}

const decodeValue = (shape: Shape, value: unknown, path: string, problems: string[]): unknown => {
  if (shape === 'any') return value
  if (typeof shape === 'string') {
    if (!scalarTypes[shape](value)) throw new ConfigTypeError(path, value, shape)
    return value
  }
  if ('list' in shape) {
    if (!Array.isArray(value)) throw new ConfigTypeError(path, value, 'list')
    return value.map((item, index) => decodeValue(shape.list, item, `${path}[${index}]`, problems))
  }
  if (!isRecord(value)) throw new ConfigTypeError(path, value, 'map')
  const decoded: Record<string, unknown> = Object.create(null)
  for (const [name, item] of Object.entries(value)) {
    const at = path === '' ? name : `${path}.${name}`
    const inner = 'map' in shape ? shape.map : Object.hasOwn(shape.fields, name) ? shape.fields[name] : undefined
    if (inner === undefined) problems.push(`unknown field ${JSON.stringify(at)}`)
    // null is as good as absent.
    else if (item !== null) decoded[name] = decodeValue(inner, item, at, problems)
  }
  return decoded
}

/** Throws ConfigTypeError. Unknown fields are left out of the value and told. */
export const decodeConfig = (fields: Readonly<Record<string, Shape>>, document: unknown): DecodedConfig => {
  const problems: string[] = []
  const value = decodeValue({ fields }, document, '', problems) as Record<string, unknown>
  return { value, problems }
}
