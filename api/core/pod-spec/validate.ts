/** A whole Pod spec, in a Pod or a template. Upstream: ValidatePodSpec, ValidatePodTemplateSpec. */
import { absent, oneOf, requiredOneOf, syntax } from '../../meta/checks.ts'
import {
  asGoStruct,
  child,
  duplicate,
  type FieldError,
  forbiddenField,
  invalid,
  required,
  type GoField,
} from '../../meta/field-error.ts'
import { isDns1123Label, isDns1123Subdomain, isQualifiedName, isValidIp } from '../../meta/names.ts'
import { validateAnnotations, validateLabels } from '../../meta/validate-metadata.ts'
import type { PodSpec, PodTemplateSpec } from '../../types.ts'
import { surroundingsOf, validateAppContainers, validateInitContainers } from './validate-containers.ts'
import { validateEphemeralContainers } from './validate-ephemeral.ts'
import { validateOs } from './validate-os.ts'
import { quantityOf, validateResources } from './validate-resources.ts'
import { validateAffinity, validateSpreadConstraints, validateTolerations } from './validate-scheduling.ts'
import { validatePodSecurity } from './validate-security.ts'
import { validateVolumes } from './validate-volumes.ts'

const maxInt32 = 2 ** 31 - 1
const maxNameservers = 3
const maxSearchPaths = 32

const validateDns = (spec: PodSpec, path: string): FieldError[] => {
  const errors = requiredOneOf(child(path, 'dnsPolicy'), spec.dnsPolicy, [
    'ClusterFirstWithHostNet',
    'ClusterFirst',
    'Default',
    'None',
  ])
  const config = spec.dnsConfig
  const at = child(path, 'dnsConfig')
  const nameservers = config?.nameservers ?? []
  if (spec.dnsPolicy === 'None') {
    if (config === undefined) return [...errors, required(at, 'must provide `dnsConfig` when `dnsPolicy` is None')]
    if (nameservers.length === 0) {
      return [
        ...errors,
        required(child(at, 'nameservers'), 'must provide at least one DNS nameserver when `dnsPolicy` is None'),
      ]
    }
  }
  if (nameservers.length > maxNameservers) {
    errors.push(invalid(child(at, 'nameservers'), nameservers, `must not have more than ${maxNameservers} nameservers`))
  }
  for (const [index, server] of nameservers.entries())
    errors.push(...syntax(child(at, 'nameservers', index), server, isValidIp))
  const searches = config?.searches ?? []
  if (searches.length > maxSearchPaths) {
    errors.push(invalid(child(at, 'searches'), searches, `must not have more than ${maxSearchPaths} search paths`))
  }
  for (const [index, option] of (config?.options ?? []).entries()) {
    if (absent(option.name)) errors.push(required(child(at, 'options', index), 'must not be empty'))
  }
  return errors
}

const validateNamesOfSpec = (spec: PodSpec, path: string): FieldError[] => {
  const errors: FieldError[] = []
  const check = (
    field: 'nodeName' | 'serviceAccountName' | 'priorityClassName' | 'runtimeClassName' | 'schedulerName',
  ): void => {
    const value = spec[field]
    if (!absent(value)) errors.push(...syntax(child(path, field), value ?? '', isDns1123Subdomain))
  }
  if (!absent(spec.schedulerName))
    errors.push(...syntax(child(path, 'schedulerName'), spec.schedulerName ?? '', isQualifiedName))
  check('serviceAccountName')
  check('nodeName')
  for (const field of ['hostname', 'subdomain'] as const) {
    const value = spec[field]
    if (!absent(value)) errors.push(...syntax(child(path, field), value ?? '', isDns1123Label))
  }
  check('priorityClassName')
  check('runtimeClassName')
  return errors
}

const validateHostAliases = (spec: PodSpec, path: string): FieldError[] =>
  (spec.hostAliases ?? []).flatMap((alias, index) => [
    ...syntax(child(path, index, 'ip'), alias.ip, isValidIp),
    ...(alias.hostnames ?? []).flatMap((name) => syntax(child(path, index, 'hostnames'), name, isDns1123Subdomain)),
  ])

const validateGates = (spec: PodSpec, path: string): FieldError[] => {
  const errors = (spec.readinessGates ?? []).flatMap(({ conditionType }, index) =>
    syntax(child(path, 'readinessGates', index, 'conditionType'), conditionType, isQualifiedName),
  )
  const names = new Set<string>()
  for (const [index, { name }] of (spec.schedulingGates ?? []).entries()) {
    const at = child(path, 'schedulingGates', index)
    errors.push(...syntax(at, name, isQualifiedName))
    if (names.has(name)) errors.push(duplicate(at, name))
    names.add(name)
  }
  if (names.size > 0 && !absent(spec.nodeName)) {
    errors.push(forbiddenField(child(path, 'nodeName'), 'cannot be set until all schedulingGates have been cleared'))
  }
  return errors
}

const claimFields: readonly GoField[] = [
  ['Name', 'name', ''],
  ['ResourceClaimName', 'resourceClaimName', null],
  ['ResourceClaimTemplateName', 'resourceClaimTemplateName', null],
]

const validateResourceClaims = (spec: PodSpec, path: string): FieldError[] => {
  const names = new Set<string>()
  return (spec.resourceClaims ?? []).flatMap((claim, index) => {
    const at = child(path, index)
    const errors = syntax(child(at, 'name'), claim.name, isDns1123Label)
    if (names.has(claim.name)) errors.push(duplicate(child(at, 'name'), claim.name))
    names.add(claim.name)
    const sources = [claim.resourceClaimName, claim.resourceClaimTemplateName].filter((source) => source !== undefined)
    if (sources.length > 1) {
      errors.push(
        invalid(
          at,
          asGoStruct(claim, claimFields),
          'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified',
        ),
      )
    }
    if (sources.length === 0) {
      errors.push(
        invalid(
          at,
          asGoStruct(claim, claimFields),
          'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`',
        ),
      )
    }
    return errors
  })
}

const validateRestartPolicy = (spec: PodSpec, path: string): FieldError[] =>
  requiredOneOf(child(path, 'restartPolicy'), spec.restartPolicy, ['Always', 'OnFailure', 'Never'])

const validateDeadlines = (spec: PodSpec, path: string): FieldError[] => {
  const errors: FieldError[] = []
  const deadline = spec.activeDeadlineSeconds
  if (deadline !== undefined && (deadline < 1 || deadline > maxInt32)) {
    errors.push(invalid(child(path, 'activeDeadlineSeconds'), deadline, `must be between 1 and ${maxInt32}, inclusive`))
  }
  return errors
}

const validateOverhead = (spec: PodSpec, path: string): FieldError[] =>
  spec.overhead === undefined ? [] : validateResources({ limits: spec.overhead }, path)

/** Pod-level resources: only those that a Pod can have as a whole, and no less than its containers ask for. */
const validatePodLevelResources = (spec: PodSpec, path: string): FieldError[] => {
  if (spec.resources === undefined) return []
  const errors = validateResources(spec.resources, path)
  for (const which of ['limits', 'requests'] as const) {
    for (const name of Object.keys(spec.resources[which] ?? {})) {
      if (name !== 'cpu' && name !== 'memory' && !name.startsWith('hugepages-')) {
        errors.push({
          type: 'FieldValueNotSupported',
          field: `${child(path, which)}[${name}]`,
          detail: `Unsupported value: ${JSON.stringify(name)}: supported values: "cpu", "hugepages-", "memory"`,
        })
      }
    }
  }
  for (const [name, text] of Object.entries(spec.resources.limits ?? {})) {
    if (quantityOf(text) === undefined) errors.push(invalid(child(path, 'limits'), name, 'must be a quantity'))
  }
  return errors
}

/** Everything about the spec itself. `isPod` is false for templates. */
export const validatePodSpec = (spec: PodSpec, path: string, isPod: boolean): FieldError[] => {
  const around = surroundingsOf(spec, isPod)
  return [
    ...validateVolumes(spec.volumes, child(path, 'volumes')),
    ...validateResourceClaims(spec, child(path, 'resourceClaims')),
    ...validateAppContainers(spec, child(path, 'containers'), around),
    ...validateInitContainers(spec, child(path, 'initContainers'), around),
    ...validateEphemeralContainers(spec, child(path, 'ephemeralContainers'), around),
    ...validatePodLevelResources(spec, child(path, 'resources')),
    ...validateRestartPolicy(spec, path),
    ...validateDns(spec, path),
    ...validateLabels(spec.nodeSelector, child(path, 'nodeSelector')),
    ...validatePodSecurity(spec, path),
    ...validateAffinity(spec.affinity, child(path, 'affinity')),
    ...validateGates(spec, path),
    ...validateSpreadConstraints(spec.topologySpreadConstraints, child(path, 'topologySpreadConstraints')),
    ...validateNamesOfSpec(spec, path),
    ...validateDeadlines(spec, path),
    ...validateHostAliases(spec, child(path, 'hostAliases')),
    ...validateTolerations(spec.tolerations, child(path, 'tolerations')),
    ...oneOf(child(path, 'preemptionPolicy'), spec.preemptionPolicy, ['PreemptLowerPriority', 'Never']),
    ...validateOverhead(spec, child(path, 'overhead')),
    ...validateOs(spec, path),
  ]
}

/** Labels, annotations and spec of a template. */
export const validatePodTemplateSpec = (template: PodTemplateSpec, path: string): FieldError[] => {
  const spec = template.spec ?? { containers: [] }
  const errors = [
    ...validateLabels(template.metadata?.labels, child(path, 'labels')),
    ...validateAnnotations(template.metadata?.annotations, child(path, 'annotations')),
    ...validatePodSpec(spec, child(path, 'spec'), false),
  ]
  if ((spec.ephemeralContainers ?? []).length > 0) {
    errors.push(
      forbiddenField(child(path, 'spec', 'ephemeralContainers'), 'ephemeral containers not allowed in pod template'),
    )
  }
  return errors
}
