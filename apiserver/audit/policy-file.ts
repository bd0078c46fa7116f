/** Reads `--audit-policy-file`. Upstream: audit/policy/reader.go and apis/audit/validation */
import { readFileSync } from 'node:fs'
import { parseYaml } from '../../api/codec/yaml.ts'
import { type FieldError, invalid, notSupported, required } from '../../api/meta/field-error.ts'
import { isDns1123Subdomain } from '../../api/meta/names.ts'
import { decodeConfig, type Shape } from '../../component-base/config/decode-config.ts'
import { type Level, levels, type Stage, stages } from './event.ts'
import type { GroupResources, Policy, PolicyRule } from './policy.ts'

const strings: Shape = { list: 'string' }
const policyFields: Readonly<Record<string, Shape>> = {
  apiVersion: 'string',
  kind: 'string',
  metadata: 'any',
  omitStages: strings,
  omitManagedFields: 'bool',
  rules: {
    list: {
      fields: {
        level: 'string',
        users: strings,
        userGroups: strings,
        verbs: strings,
        resources: { list: { fields: { group: 'string', resources: strings, resourceNames: strings } } },
        namespaces: strings,
        nonResourceURLs: strings,
        omitStages: strings,
        omitManagedFields: 'bool',
      },
    },
  },
}

type Raw<T> = { readonly [Name in keyof T]?: T[Name] }
interface RawPolicy {
  readonly apiVersion?: string
  readonly kind?: string
  readonly omitStages?: readonly Stage[]
  readonly omitManagedFields?: boolean
  readonly rules?: readonly (Omit<Raw<PolicyRule>, 'resources'> & { resources?: readonly Raw<GroupResources>[] })[]
}

const completeRule = (rule: NonNullable<RawPolicy['rules']>[number]): PolicyRule => ({
  level: rule.level ?? ('' as Level),
  users: rule.users ?? [],
  userGroups: rule.userGroups ?? [],
  verbs: rule.verbs ?? [],
  resources: (rule.resources ?? []).map(({ group = '', resources = [], resourceNames = [] }) => ({
    group,
    resources,
    resourceNames,
  })),
  namespaces: rule.namespaces ?? [],
  nonResourceURLs: rule.nonResourceURLs ?? [],
  omitStages: rule.omitStages ?? [],
  omitManagedFields: rule.omitManagedFields,
})

const validateStages = (omitted: readonly Stage[], path: string): FieldError[] =>
  omitted.flatMap((stage, index) =>
    stages.includes(stage) ? [] : [invalid(`${path}[${index}]`, stage, `allowed stages are ${stages.join(',')}`)],
  )

const validateUrls = (urls: readonly string[], path: string): FieldError[] =>
  urls.flatMap((url, index) => {
    if (url === '*') return []
    const at = `${path}[${index}]`
    const errors: FieldError[] = []
    if (!url.startsWith('/')) errors.push(invalid(at, url, "non-resource URL rules must begin with a '/' character"))
    if (url.slice(0, -1).includes('*')) {
      errors.push(invalid(at, url, "non-resource URL wildcards '*' must be the final character of the rule"))
    }
    return errors
  })

const validateResources = (groups: readonly GroupResources[], path: string): FieldError[] =>
  groups.flatMap(({ group, resources, resourceNames }) => {
    const problems = group === '' || group === '*' ? [] : isDns1123Subdomain(group)
    const errors = problems.length === 0 ? [] : [invalid(`${path}.group`, group, problems.join(','))]
    if (resourceNames.length > 0 && resources.length === 0) {
      errors.push(invalid(`${path}.resourceNames`, resourceNames, 'using resourceNames requires at least one resource'))
    }
    return errors
  })

const validateRule = (rule: PolicyRule, path: string): FieldError[] => {
  const { level, nonResourceURLs } = rule
  const errors: FieldError[] = []
  if ((level as string) === '') errors.push(required(`${path}.level`))
  else if (!levels.includes(level)) errors.push(notSupported(`${path}.level`, level, levels))
  errors.push(
    ...validateUrls(nonResourceURLs, `${path}.nonResourceURLs`),
    ...validateResources(rule.resources, `${path}.resources`),
    ...validateStages(rule.omitStages, `${path}.omitStages`),
  )
  if (nonResourceURLs.length > 0 && (rule.resources.length > 0 || rule.namespaces.length > 0)) {
    const why = 'rules cannot apply to both regular resources and non-resource URLs'
    errors.push(invalid(`${path}.nonResourceURLs`, nonResourceURLs, why))
  }
  return errors
}

export interface LoadedPolicy {
  readonly policy: Policy
  /** Unknown fields: told of, and passed over. */
  readonly problems: readonly string[]
}

/** Throws an Error in upstream's words. */
export const parsePolicy = (text: string): LoadedPolicy => {
  const { value, problems } = decodeConfig(policyFields, parseYaml(Buffer.from(text)).value ?? {})
  const raw = value as RawPolicy
  const { apiVersion = '', kind = '' } = raw
  if (kind === '') throw new Error("failed decoding: Object 'Kind' is missing")
  if (apiVersion !== 'audit.k8s.io/v1' || kind !== 'Policy') {
    throw new Error(`failed decoding: no kind "${kind}" is registered for version "${apiVersion}"`)
  }
  const policy: Policy = {
    rules: (raw.rules ?? []).map(completeRule),
    omitStages: raw.omitStages ?? [],
    omitManagedFields: raw.omitManagedFields ?? false,
  }
  const errors = [
    ...validateStages(policy.omitStages, 'omitStages'),
    ...policy.rules.flatMap((rule, index) => validateRule(rule, `rules[${index}]`)),
  ].map(({ field, detail }) => `${field}: ${detail}`)
  if (errors.length > 0) throw new Error(errors.length === 1 ? errors[0] : `[${errors.join(', ')}]`)
  if (policy.rules.length === 0) throw new Error('loaded illegal policy with 0 rules')
  return { policy, problems }
}

/** Throws an Error that names the file. */
export const loadPolicyFile = (path: string): LoadedPolicy => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(`failed to read file path ${JSON.stringify(path)}: ${(error as Error).message}`)
  }
  try {
    return parsePolicy(text)
  } catch (error) {
    throw new Error(`${(error as Error).message}: from file ${path}`, { cause: error })
  }
}
