/**
 * Writes the generated tables from the facts of v1.36: `node api/schema/generate.ts [directory of the facts]`.
 * In: openapi-v2-1.36.json and protobuf-fields-1.36.json there, protobuf-pointers.json and go-fields.json here. Out:
 * generated/{schema,resources,protobuf}.json, whose encoding table-format.ts describes. What upstream serves by default
 * is kept, GA versions, and of the others what is built here.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import goFields from './go-fields.json' with { type: 'json' }
import pointers from './protobuf-pointers.json' with { type: 'json' }
import { protobufTable } from './generate-protobuf.ts'
import { resourceTable } from './generate-resources.ts'
import type { OpenApiDefinition, OpenApiDocument, OpenApiProperty } from './openapi-facts.ts'
import { isGaVersion, isOptionalDefinition, refName } from './openapi-facts.ts'
import type { DefinitionRow, PresenceCode, SchemaTable, TypeCode } from './table-format.ts'

/** Definitions that are no objects with fields: the code of the value they stand for. */
const leafCodes = new Map<string, TypeCode>([
  ['io.k8s.apimachinery.pkg.api.resource.Quantity', 'q'],
  ['io.k8s.apimachinery.pkg.apis.meta.v1.Time', 't'],
  ['io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime', 'u'],
  ['io.k8s.apimachinery.pkg.util.intstr.IntOrString', 'x'],
])
const anyDefinitions = new Set([
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray',
  'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1',
  'io.k8s.apimachinery.pkg.apis.meta.v1.Patch',
  'io.k8s.apimachinery.pkg.runtime.RawExtension',
])

const versionOf = (name: string): string => name.split('.').at(-2) ?? ''

const scalarCode = ({ type, format }: OpenApiProperty): TypeCode => {
  switch (`${type ?? ''}/${format ?? ''}`) {
    case 'string/':
      return 's'
    case 'string/byte':
      return 'B'
    case 'boolean/':
      return 'b'
    case 'integer/int32':
      return 'i'
    case 'integer/int64':
      return 'l'
    case 'number/double':
      return 'd'
    default:
      throw new Error(`no code for ${type}/${format}`)
  }
}

const goFieldsOf = (name: string): Readonly<Record<string, string>> =>
  (goFields as Readonly<Record<string, Readonly<Record<string, string>>>>)[name] ?? {}

/** Properties in the order of Go's struct; OpenAPI has them by name. */
const inGoOrder = (name: string, { properties = {} }: OpenApiDefinition): [string, OpenApiProperty][] => {
  const order = Object.keys(goFieldsOf(name))
  const place = (field: string): number => (order.includes(field) ? order.indexOf(field) : order.length)
  return Object.entries(properties).sort(([a], [b]) => place(a) - place(b))
}

const main = (): void => {
  const facts = process.argv[2] ?? path.join(import.meta.dirname, '../../../shared/data')
  const out = path.join(import.meta.dirname, 'generated')
  const openapi = JSON.parse(readFileSync(path.join(facts, 'openapi-v2-1.36.json'), 'utf8')) as OpenApiDocument
  const protobuf: unknown = JSON.parse(readFileSync(path.join(facts, 'protobuf-fields-1.36.json'), 'utf8'))

  const names = Object.keys(openapi.definitions)
    .filter((name) => isGaVersion(versionOf(name)) || !/^v\d/.test(versionOf(name)) || isOptionalDefinition(name))
    .sort()
  const indexes = new Map(names.map((name, index) => [name, index]))

  const typeCode = (property: OpenApiProperty): TypeCode => {
    if (property.$ref !== undefined) {
      const name = refName(property.$ref)
      const leaf = leafCodes.get(name)
      if (leaf !== undefined) return leaf
      const index = indexes.get(name)
      if (index === undefined) throw new Error(`${name} is referred to but not kept`)
      const mapType = property['x-kubernetes-map-type']
      return mapType === undefined ? index : ['r', index, mapType]
    }
    if (property.type === 'array') {
      if (property.items === undefined) throw new Error('an array without items')
      const tags = {
        ...(property['x-kubernetes-list-type'] === undefined ? {} : { t: property['x-kubernetes-list-type'] }),
        ...(property['x-kubernetes-list-map-keys'] === undefined ? {} : { k: property['x-kubernetes-list-map-keys'] }),
        ...(property['x-kubernetes-patch-merge-key'] === undefined
          ? {}
          : { m: property['x-kubernetes-patch-merge-key'] }),
        ...(property['x-kubernetes-patch-strategy'] === undefined
          ? {}
          : { p: property['x-kubernetes-patch-strategy'] }),
      }
      const item = typeCode(property.items)
      return Object.keys(tags).length === 0 ? ['a', item] : ['a', item, tags]
    }
    if (property.type === 'object') {
      if (property.additionalProperties === undefined) throw new Error('a map without value type')
      const mapType = property['x-kubernetes-map-type']
      const value = typeCode(property.additionalProperties)
      return mapType === undefined ? ['m', value] : ['m', value, mapType]
    }
    return scalarCode(property)
  }

  /** patch-strategy on a $ref (retainKeys) has no place in its code: it is kept by field name. */
  const strategiesOf = (definition: OpenApiDefinition): Record<string, string> =>
    Object.fromEntries(
      Object.entries(definition.properties ?? {})
        .filter(([, property]) => property.type !== 'array')
        .flatMap(([name, property]) =>
          property['x-kubernetes-patch-strategy'] === undefined
            ? []
            : [[name, property['x-kubernetes-patch-strategy']]],
        ),
    )

  /** What Go calls a struct has no zero value that omitempty would know. */
  const isStruct = (code: TypeCode): boolean =>
    typeof code === 'number'
      ? typeof openapi.definitions[names[code] ?? '']?.properties === 'object' || anyDefinitions.has(names[code] ?? '')
      : typeof code === 'string'
        ? 'qtux*'.includes(code)
        : code[0] === 'r'

  const presence = (held: string | undefined, code: TypeCode): PresenceCode => {
    if (held === undefined || held === '*o') return 'p'
    if (held.startsWith('*')) return 'n'
    if (held.includes('z')) return 'o'
    return held === 'o' && !isStruct(code) ? 'o' : 'a'
  }

  const definitionRow = (name: string, definition: OpenApiDefinition): DefinitionRow => {
    const leaf = leafCodes.get(name)
    if (leaf !== undefined) return leaf
    if (anyDefinitions.has(name)) return '*'
    const fields = Object.fromEntries(
      inGoOrder(name, definition).map(([field, property]) => [field, typeCode(property)]),
    )
    const held = goFieldsOf(name)
    const written = Object.entries(fields).map(([field, code]) => presence(held[field], code))
    const strategies = strategiesOf(definition)
    const extras = {
      w: written.join(''),
      ...(definition.required === undefined ? {} : { r: definition.required }),
      ...(definition['x-kubernetes-map-type'] === undefined ? {} : { m: definition['x-kubernetes-map-type'] }),
      ...(Object.keys(strategies).length === 0 ? {} : { p: strategies }),
      ...(definition['x-kubernetes-group-version-kind'] === undefined
        ? {}
        : {
            g: definition['x-kubernetes-group-version-kind'].map((gvk) => [gvk.group, gvk.version, gvk.kind] as const),
          }),
      ...(definition['x-kubernetes-unions'] === undefined ? {} : { u: definition['x-kubernetes-unions'] }),
    }
    return [fields, extras]
  }

  const schema: SchemaTable = {
    definitions: Object.fromEntries(names.map((name) => [name, definitionRow(name, openapi.definitions[name] ?? {})])),
  }
  mkdirSync(out, { recursive: true })
  const write = (file: string, value: unknown): void => {
    const text = JSON.stringify(value)
    writeFileSync(path.join(out, file), `${text}\n`)
    process.stdout.write(`${file} ${text.length} bytes\n`)
  }
  write('schema.json', schema)
  write('resources.json', resourceTable(openapi))
  write('protobuf.json', protobufTable(protobuf, pointers, names))
}

main()
