/**
 * CustomResourceDefinitions: names, versions, scope, conversion and the outline of schemas.
 * Upstream: apiextensions-apiserver/pkg/apis/apiextensions/validation.
 */
import { absent, requiredOneOf, syntax } from '../meta/checks.ts'
import { child, duplicate, type FieldError, forbiddenField, invalid, required } from '../meta/field-error.ts'
import { equalJson } from '../meta/clone.ts'
import { isDns1035Label, isDns1123Subdomain } from '../meta/names.ts'
import { validateStructure } from './structural/invariants.ts'
import { costErrors } from './structural/rule-costs.ts'
import { validateDefaults } from './structural/validate-defaults.ts'
import { checkRules, type RuleCheck } from './structural/rules.ts'
import { validateWebhookClientConfig } from '../meta/webhook-client-config.ts'
import type { CustomResourceDefinition } from '../types.ts'

type Spec = CustomResourceDefinition['spec']
type Version = Spec['versions'][number]
type Schema = NonNullable<NonNullable<Version['schema']>['openAPIV3Schema']>

const columnTypes = ['integer', 'number', 'string', 'boolean', 'date']
const approvedAnnotation = 'api-approved.kubernetes.io'

const validateNames = (names: Spec['names'] | undefined, path: string): FieldError[] => {
  if (names === undefined) return [required(child(path, 'plural')), required(child(path, 'kind'))]
  const errors = syntax(child(path, 'plural'), names.plural ?? '', isDns1035Label)
  if (!absent(names.singular)) errors.push(...syntax(child(path, 'singular'), names.singular ?? '', isDns1035Label))
  for (const field of ['kind', 'listKind'] as const) {
    const value = names[field] ?? ''
    if (value === '') errors.push(...(field === 'kind' ? [required(child(path, field))] : []))
    else
      errors.push(
        ...isDns1035Label(value.toLowerCase()).map((message) =>
          invalid(child(path, field), value, `may have mixed case, but should otherwise match: ${message}`),
        ),
      )
  }
  if (!absent(names.listKind) && names.listKind === names.kind) {
    errors.push(invalid(child(path, 'listKind'), names.listKind, 'kind and listKind may not be the same'))
  }
  for (const [index, name] of (names.shortNames ?? []).entries())
    errors.push(...syntax(child(path, 'shortNames', index), name, isDns1035Label))
  for (const [index, name] of (names.categories ?? []).entries())
    errors.push(...syntax(child(path, 'categories', index), name, isDns1035Label))
  return errors
}

const validateSubresources = (version: Version, path: string): FieldError[] => {
  const scale = version.subresources?.scale
  if (scale === undefined) return []
  const at = child(path, 'subresources', 'scale')
  const errors: FieldError[] = []
  const jsonPath = (field: 'specReplicasPath' | 'statusReplicasPath', below: string): void => {
    const value = scale[field] ?? ''
    if (value === '') errors.push(required(child(at, field)))
    else if (!value.startsWith(`.${below}.`)) {
      errors.push(invalid(child(at, field), value, `should be a json path under .${below}`))
    }
  }
  jsonPath('specReplicasPath', 'spec')
  jsonPath('statusReplicasPath', 'status')
  return errors
}

const validateColumns = (version: Version, path: string): FieldError[] =>
  (version.additionalPrinterColumns ?? []).flatMap((column, index) => {
    const at = child(path, 'additionalPrinterColumns', index)
    const errors = absent(column.name) ? [required(child(at, 'name'))] : []
    errors.push(...requiredOneOf(child(at, 'type'), column.type, columnTypes))
    if (absent(column.jsonPath)) errors.push(required(child(at, 'jsonPath')))
    return errors
  })

/** Where the schema of each version stands in messages: upstream keeps one that all of them have beside them. */
const schemaPaths = (versions: readonly Version[]): readonly string[] => {
  const [first, ...others] = versions.map((version) => version.schema?.openAPIV3Schema)
  const shared = first !== undefined && others.every((schema) => equalJson(schema, first))
  return versions.map((_, index) =>
    shared ? 'spec.validation.openAPIV3Schema' : child('spec.versions', index, 'schema', 'openAPIV3Schema'),
  )
}

const examinations = new WeakMap<Schema, { readonly at: string; readonly check: RuleCheck }>()

/** What is wrong with a schema, and what its rules may cost; found once for each schema that is written. */
const examineSchema = (schema: Schema, at: string): RuleCheck => {
  const known = examinations.get(schema)
  if (known?.at === at) return known.check
  const structure = validateStructure(schema, at)
  // Types of rules are read from a schema that has them.
  const rules = structure.length === 0 ? checkRules(schema, at) : { errors: structure, costs: [] }
  const check = rules.errors.length > 0 ? rules : { ...rules, errors: validateDefaults(schema, at) }
  examinations.set(schema, { at, check })
  return check
}

const validateSchema = (version: Version, at: string): readonly FieldError[] => {
  const schema = version.schema?.openAPIV3Schema
  if (schema === undefined) return [required(at, 'schemas are required')]
  if (!absent(schema.type) && schema.type !== 'object')
    return [invalid(child(at, 'type'), schema.type, 'must be object at the root')]
  return examineSchema(schema, at).errors
}

const validateVersion = (version: Version, path: string): FieldError[] => {
  const errors = syntax(child(path, 'name'), version.name ?? '', isDns1035Label)
  if (version.deprecationWarning !== undefined && version.deprecated !== true) {
    errors.push(
      invalid(child(path, 'deprecationWarning'), version.deprecationWarning, 'can only be set for deprecated versions'),
    )
  }
  return [...errors, ...validateSubresources(version, path), ...validateColumns(version, path)]
}

const knownReviewVersions = ['v1', 'v1beta1']

const validateReviewVersions = (versions: readonly string[], path: string): FieldError[] => {
  if (versions.length === 0) return [required(path)]
  const errors = versions.flatMap((version, index) => {
    const at = child(path, index)
    if (versions.indexOf(version) < index) return [invalid(at, version, 'duplicate version')]
    return isDns1035Label(version).map((message) => invalid(at, version, message))
  })
  return versions.some((version) => knownReviewVersions.includes(version))
    ? errors
    : [...errors, invalid(path, versions, `must include at least one of ${knownReviewVersions.join(', ')}`)]
}

const validateConversion = (spec: Spec, path: string): FieldError[] => {
  const conversion = spec.conversion
  const errors = requiredOneOf(child(path, 'strategy'), conversion?.strategy, ['None', 'Webhook'])
  const { clientConfig, conversionReviewVersions = [] } = conversion?.webhook ?? {}
  // The names of the internal type.
  const [configPath, versionsPath] = [child(path, 'webhookClientConfig'), child(path, 'conversionReviewVersions')]
  if (conversion?.strategy === 'Webhook') {
    if (clientConfig === undefined) errors.push(required(configPath, 'required when strategy is set to Webhook'))
    else errors.push(...validateWebhookClientConfig(clientConfig, configPath))
    errors.push(...validateReviewVersions(conversionReviewVersions, versionsPath))
    return errors
  }
  const why = 'should not be set when strategy is not set to Webhook'
  if (clientConfig !== undefined) errors.push(forbiddenField(configPath, why))
  if (conversionReviewVersions.length > 0) errors.push(forbiddenField(versionsPath, why))
  return errors
}

export const validateCustomResourceDefinition = ({ metadata, spec }: CustomResourceDefinition): FieldError[] => {
  if (spec === undefined) return [required('spec')]
  const errors: FieldError[] = []
  const wanted = `${spec.names?.plural ?? ''}.${spec.group ?? ''}`
  if ((metadata?.name ?? '') !== wanted) {
    errors.push(invalid('metadata.name', metadata?.name, 'must be spec.names.plural+"."+spec.group'))
  }
  const group = spec.group ?? ''
  errors.push(...(group === '' ? [required('spec.group')] : syntax('spec.group', group, isDns1123Subdomain)))
  if (group !== '' && group.split('.').length < 2)
    errors.push(invalid('spec.group', group, 'should be a domain with at least one dot'))
  if (/(^|\.)(k8s|kubernetes)\.io$/.test(group) && metadata?.annotations?.[approvedAnnotation] === undefined) {
    errors.push(
      required(
        `metadata.annotations[${approvedAnnotation}]`,
        'protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111',
      ),
    )
  }
  errors.push(...requiredOneOf('spec.scope', spec.scope, ['Cluster', 'Namespaced']))
  const versions = spec.versions ?? []
  const names = new Set<string>()
  const paths = schemaPaths(versions)
  for (const [index, version] of versions.entries()) {
    const at = child('spec.versions', index)
    const schemaPath = paths[index] ?? at
    if (!paths.slice(0, index).includes(schemaPath)) errors.push(...validateSchema(version, schemaPath))
    errors.push(...validateVersion(version, at))
    if (names.has(version.name)) errors.push(duplicate(child(at, 'name'), version.name))
    names.add(version.name)
  }
  const storage = versions.filter((version) => version.storage).length
  if (storage !== 1)
    errors.push(
      invalid(
        'spec.versions',
        versions.map(({ name }) => name),
        'must have exactly one version marked as storage version',
      ),
    )
  return [...errors, ...validateNames(spec.names, 'spec.names'), ...validateConversion(spec, 'spec.conversion')]
}

/** Whether rules may cost too much: asked of schemas that are new, so that none is refused later on. */
const validateCosts = ({ spec }: CustomResourceDefinition, old?: CustomResourceDefinition): FieldError[] => {
  const versions = spec?.versions ?? []
  const paths = schemaPaths(versions)
  const before = old?.spec?.versions?.map(({ schema }) => schema?.openAPIV3Schema) ?? []
  return versions.flatMap(({ schema }, index) => {
    const written = schema?.openAPIV3Schema
    const at = paths[index] ?? ''
    if (written === undefined || paths.slice(0, index).includes(at)) return []
    if (before.some((known) => equalJson(known, written))) return []
    return costErrors(examineSchema(written, at).costs, at)
  })
}

export const validateCustomResourceDefinitionCreate = (definition: CustomResourceDefinition): FieldError[] =>
  validateCosts(definition)

const isEstablished = ({ status }: CustomResourceDefinition): boolean =>
  status?.conditions?.some(({ type, status: value }) => type === 'Established' && value === 'True') ?? false

export const validateCustomResourceDefinitionUpdate = (
  next: CustomResourceDefinition,
  old: CustomResourceDefinition,
): FieldError[] => {
  const errors = validateCosts(next, old)
  if (isEstablished(old)) {
    if (next.spec?.scope !== old.spec?.scope) errors.push(invalid('spec.scope', next.spec?.scope, 'field is immutable'))
    if (next.spec?.names?.kind !== old.spec?.names?.kind)
      errors.push(invalid('spec.names.kind', next.spec?.names?.kind, 'field is immutable'))
  }
  if (next.spec?.group !== old.spec?.group) errors.push(invalid('spec.group', next.spec?.group, 'field is immutable'))
  if (next.spec?.names?.plural !== old.spec?.names?.plural) {
    errors.push(invalid('spec.names.plural', next.spec?.names?.plural, 'field is immutable'))
  }
  const versions = new Set(next.spec?.versions?.map(({ name }) => name))
  for (const [index, stored] of (next.status?.storedVersions ?? []).entries()) {
    if (!versions.has(stored)) {
      errors.push(invalid(child('status.storedVersions', index), stored, 'must appear in spec.versions'))
    }
  }
  return errors
}
