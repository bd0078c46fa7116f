/** Fields that no schema names are dropped. Upstream: apiserver/schema/pruning */
import { isObject, type JsonObject, partOf, type Structural } from './structural.ts'

const metaFields: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata'])

/**
 * Prunes in place; the paths of what was dropped come back, for strict decoding. What kind, apiVersion and metadata of
 * the object itself hold is not this schema's business.
 */
export const prune = (schema: Structural, object: JsonObject): string[] => {
  const dropped: string[] = []
  pruneObject(schema, object, '', true, dropped)
  return dropped
}

const pruneValue = (schema: Structural | undefined, value: unknown, path: string, dropped: string[]): void => {
  if (isObject(value)) pruneObject(schema, value, path, schema?.embedded === true, dropped)
  else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) pruneValue(schema?.items, item, `${path}[${index}]`, dropped)
  }
}

const pruneObject = (
  schema: Structural | undefined,
  object: JsonObject,
  path: string,
  isResource: boolean,
  dropped: string[],
): void => {
  for (const key of Object.keys(object)) {
    if (isResource && metaFields.has(key)) continue
    const at = path === '' ? key : `${path}.${key}`
    const part = schema === undefined ? undefined : partOf(schema, key)
    if (part !== undefined) pruneValue(part, object[key], at, dropped)
    else if (schema?.additional === true || schema?.preserveUnknown === true) continue
    else {
      delete object[key]
      dropped.push(at)
    }
  }
}
