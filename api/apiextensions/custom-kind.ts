/** The declaration of a custom resource, as one version of its CustomResourceDefinition has it. */
import { defineKind, type KindDefinition, type PrinterColumn, type ScaleMapping } from '../kind.ts'
import { clone } from '../meta/clone.ts'
import type { FieldError } from '../meta/field-error.ts'
import { ageColumn, nameColumn } from '../printers/columns.ts'
import type { CustomResourceDefinition, KubeObject } from '../types.ts'
import { type JsonPath, jsonPath } from './json-path.ts'
import { compileRules } from './structural/rules.ts'
import { applyDefaults } from './structural/defaulting.ts'
import { prune } from './structural/prune.ts'
import { isObject, type JsonObject, structuralOf } from './structural/structural.ts'
import { resourceSchema } from './structural/to-schema.ts'
import { validateValue } from './structural/validate-value.ts'

type Spec = CustomResourceDefinition['spec']
export type Version = Spec['versions'][number]

/** Nothing is known of its fields: all are kept. */
const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } as const

const nothing: JsonPath = () => []
const first = (path: JsonPath, object: KubeObject): unknown => path(object)[0]

const cellText = (value: unknown): string =>
  typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value)

/** What a column shows. Upstream: tableconvertor, cellForJSONValue. */
const cellOf = (type: string, values: readonly unknown[]): string | number | boolean | null => {
  const [value] = values
  if (value === undefined || value === null) return null
  if (type === 'integer') return typeof value === 'number' ? Math.trunc(value) : null
  if (type === 'number') return typeof value === 'number' ? value : null
  if (type === 'boolean') return typeof value === 'boolean' ? value : null
  if (type === 'date') return typeof value === 'string' ? value : null
  return values.length === 1 ? cellText(value) : values.map(cellText).join(',')
}

const columnsOf = (version: Version): readonly PrinterColumn[] => {
  const extra = version.additionalPrinterColumns
  if (extra === undefined || extra.length === 0) return [nameColumn, ageColumn]
  return [
    nameColumn,
    ...extra.map(({ name, type, format, description = '', priority = 0, jsonPath: text }): PrinterColumn => {
      const path = jsonPath(text) ?? nothing
      return {
        name,
        type: type as PrinterColumn['type'],
        ...(format === undefined ? {} : { format }),
        description:
          description === '' ? `Custom resource definition column (in JSONPath format): ${text}` : description,
        priority: priority === 0 ? 0 : 1,
        cell: (object, now) => {
          const value = cellOf(type, path(object))
          return type === 'date' && typeof value === 'string' ? ageOf(value, now) : value
        },
      }
    }),
  ]
}

/** Dates are shown as ages, as that of the built-in column. */
const ageOf = (time: string, now: Date): string =>
  String(ageColumn.cell({ metadata: { creationTimestamp: time } }, now))

/** Sets the field that a plain path of names leads to. */
const setAt = (object: KubeObject, path: string, value: unknown): void => {
  const names = path.split('.').filter((name) => name !== '')
  let at: JsonObject = object
  for (const name of names.slice(0, -1)) {
    const inner = at[name]
    const next: JsonObject = isObject(inner) ? inner : {}
    at[name] = next
    at = next
  }
  at[names.at(-1) ?? ''] = value
}

const numberAt = (path: JsonPath, object: KubeObject): number => {
  const value = first(path, object)
  return typeof value === 'number' ? value : 0
}

const scaleOf = ({ subresources }: Version): ScaleMapping | undefined => {
  const scale = subresources?.scale
  if (scale === undefined) return undefined
  const [spec, status] = [scale.specReplicasPath, scale.statusReplicasPath].map((path) => jsonPath(path) ?? nothing)
  const selector = jsonPath(scale.labelSelectorPath ?? '') ?? nothing
  return {
    getSpecReplicas: (object) => numberAt(spec ?? nothing, object),
    setSpecReplicas: (object, replicas) => setAt(object, scale.specReplicasPath, replicas),
    getStatusReplicas: (object) => numberAt(status ?? nothing, object),
    getSelector: (object) => (scale.labelSelectorPath === undefined ? '' : cellText(first(selector, object))),
  }
}

const selectable = (version: Version): Readonly<Record<string, (object: KubeObject) => string>> =>
  Object.fromEntries(
    (version.selectableFields ?? []).map(({ jsonPath: text }) => {
      const path = jsonPath(text) ?? nothing
      return [text.replace(/^\./, ''), (object: KubeObject) => cellText(first(path, object))]
    }),
  )

const deprecationOf = ({ spec }: CustomResourceDefinition, version: Version): string | undefined => {
  if (version.deprecated !== true) return undefined
  return version.deprecationWarning ?? `${spec.group}/${version.name} ${spec.names.kind} is deprecated`
}

/** The status endpoint changes nothing but the status. */
const keepAllButStatus = (object: KubeObject, old: KubeObject): void => {
  const { status, metadata } = object
  const managedFields = metadata?.managedFields
  const resourceVersion = metadata?.resourceVersion
  for (const name of Object.keys(object)) delete object[name]
  Object.assign(object, clone(old))
  object.metadata = {
    ...object.metadata,
    ...(managedFields === undefined ? {} : { managedFields }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  }
  if (status === undefined) delete object['status']
  else object['status'] = status
}

/** A new object has no status. */
const withoutStatus = (object: KubeObject): void => {
  delete object['status']
}

/** The declaration of a version. */
export const customKind = (definition: CustomResourceDefinition, version: Version): KindDefinition => {
  const { group, names, scope } = definition.spec
  const schema = version.schema?.openAPIV3Schema ?? anything
  const structural = structuralOf(schema)
  const hasStatus = version.subresources?.status !== undefined
  const scale = scaleOf(version)
  const rules = compileRules(structural)
  /** By the object that was updated: what its update left wrong, for the warnings of the answer. */
  const forgiven = new WeakMap<KubeObject, readonly string[]>()
  const validate = (object: KubeObject, old?: KubeObject): readonly FieldError[] => {
    const errors = validateValue(schema, object, '', old)
    // Rules are asked only of values that their types fit.
    if (rules === undefined || errors.length > 0) return errors
    const failures = rules(object, old)
    if (old !== undefined)
      forgiven.set(
        old,
        failures.forgiven.map(({ field, detail }) => `${field}: ${detail}`),
      )
    return failures.errors
  }
  const deprecation = deprecationOf(definition, version)
  return defineKind({
    group,
    version: version.name,
    kind: names.kind,
    plural: names.plural,
    singular: names.singular ?? names.kind.toLowerCase(),
    listKind: names.listKind ?? `${names.kind}List`,
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    scope: scope === 'Cluster' ? 'Cluster' : 'Namespaced',
    subresources: [...(hasStatus ? ['status'] : []), ...(scale === undefined ? [] : ['scale'])],
    hasGeneration: true,
    looseFinalizers: true,
    allowUnconditionalUpdate: false,
    custom: {
      openApi: schema,
      schema: resourceSchema(structural),
      prune: (object) => prune(structural, object),
      fill: (object) => applyDefaults(structural, object),
    },
    setDefaults: (object) => void applyDefaults(structural, object),
    ...(hasStatus ? { prepareForCreate: withoutStatus, prepareForStatusUpdate: keepAllButStatus } : {}),
    validateCreate: (object) => validate(object),
    validateUpdate: validate,
    validateStatusUpdate: validate,
    warnings: (_, old) => (old === undefined ? [] : (forgiven.get(old) ?? [])),
    columns: columnsOf(version),
    selectableFields: selectable(version),
    ...(scale === undefined ? {} : { scale }),
    ...(deprecation === undefined ? {} : { deprecation }),
  })
}
