/**
 * PodSecurity: the Pod Security Standards, by labels of the namespace.
 *
 * Pods that violate what is enforced are refused; violations of what is audited become annotations of the audit event,
 * of what is warned of, warnings. Kinds that make Pods are never refused, only audited and warned of. A namespace's
 * labels must be readable, and a stricter policy warns of the Pods that are there already.
 * Upstream: k8s.io/pod-security-admission/admission
 */
import { invalidObject } from '../../../api/meta/field-error.ts'
import { forbidden, internalError } from '../../../api/meta/status-error.ts'
import type { Namespace, Pod } from '../../../api/types.ts'
import type { Clock } from '../../../component-base/clock.ts'
import type { Resource } from '../../registry/resource.ts'
import { type AdmissionAttributes, type AdmissionPlugin, isResource } from '../admission.ts'
import type { PodFacts, Violation } from './checks/check.ts'
import type { PodSecurityConfiguration } from './configuration.ts'
import { detailsText, evaluatePod } from './evaluator.ts'
import type { PodSecurityMetrics } from './metrics.ts'
import { namespaceWarnings } from './namespace-pods.ts'
import { hasPodSpec, podFactsOf } from '../pod-template.ts'
import {
  compareLevels,
  equivalent,
  isFullyPrivileged,
  levelLabel,
  modes,
  type LevelVersion,
  type Policy,
  policyOf,
  policyText,
  prefix,
  samePolicy,
  versionLabel,
} from './policy.ts'
import { isSignificantPodUpdate } from './significant-update.ts'

export interface PodSecurityOptions {
  readonly namespaces: Resource
  readonly pods: Resource
  readonly configuration: PodSecurityConfiguration
  readonly metrics: PodSecurityMetrics
  readonly clock: Clock
}

/** Subresources that do not carry a Pod's spec. Any other is a Pod and is looked at. */
const ignoredSubresources = new Set(['exec', 'attach', 'binding', 'eviction', 'log', 'portforward', 'proxy', 'status'])

const exempt = (attributes: AdmissionAttributes, options: PodSecurityOptions, why: string): void => {
  options.metrics.exemption(attributes)
  attributes.annotate(`${prefix}exempt`, why)
}

/** True if nothing is asked of this namespace or user. */
const isExempt = (attributes: AdmissionAttributes, options: PodSecurityOptions): boolean => {
  const { namespaces, usernames } = options.configuration.exemptions
  if (namespaces.has(attributes.namespace)) exempt(attributes, options, 'namespace')
  else if (usernames.has(attributes.user.name)) exempt(attributes, options, 'user')
  else return false
  return true
}

const namespaceOf = async (
  { namespace }: AdmissionAttributes,
  { namespaces }: PodSecurityOptions,
): Promise<Namespace | undefined> => (await namespaces.store.getCached(namespace))?.object as Namespace | undefined

const evaluate = (
  attributes: AdmissionAttributes,
  { metrics, configuration, ...rest }: PodSecurityOptions,
  { policy, errors }: ReturnType<typeof policyOf>,
  pod: PodFacts,
): void => {
  const runtimeClass = pod.spec.runtimeClassName ?? ''
  if (runtimeClass !== '' && configuration.exemptions.runtimeClasses.has(runtimeClass)) {
    exempt(attributes, { metrics, configuration, ...rest }, 'runtimeClass')
    return
  }
  const results = new Map<string, readonly Violation[]>()
  const check = (wanted: LevelVersion): readonly Violation[] => {
    const key = policyText(wanted)
    const found = results.get(key) ?? evaluatePod(wanted, pod)
    results.set(key, found)
    return found
  }
  if (errors.length > 0) {
    const lines = errors.map(({ field, detail }) => `${field}: ${detail}`)
    const text = lines.length === 1 ? String(lines[0]) : `[${lines.join(', ')}]`
    attributes.annotate(`${prefix}error`, `Failed to parse policy: ${text}`)
    metrics.error(false, attributes)
  }
  const enforced = attributes.resource === 'pods' ? check(policy.enforce) : []
  if (attributes.resource === 'pods') {
    attributes.annotate(`${prefix}enforce-policy`, policyText(policy.enforce))
    metrics.evaluation(enforced.length === 0 ? 'allow' : 'deny', policy.enforce, 'enforce', attributes)
  }
  const audited = check(policy.audit)
  if (audited.length > 0) {
    attributes.annotate(
      `${prefix}audit-violations`,
      `would violate PodSecurity "${policyText(policy.audit)}": ${detailsText(audited)}`,
    )
    metrics.evaluation('deny', policy.audit, 'audit', attributes)
  }
  if (enforced.length > 0) {
    throw forbidden(
      { group: attributes.group, resource: attributes.resource },
      attributes.name,
      `violates PodSecurity "${policyText(policy.enforce)}": ${detailsText(enforced)}`,
    )
  }
  const warned = check(policy.warn)
  if (warned.length === 0) return
  attributes.warn(`would violate PodSecurity "${policyText(policy.warn)}": ${detailsText(warned)}`)
  metrics.evaluation('deny', policy.warn, 'warn', attributes)
}

const validatePod = async (attributes: AdmissionAttributes, options: PodSecurityOptions): Promise<void> => {
  if (ignoredSubresources.has(attributes.subresource) || isExempt(attributes, options)) return
  const namespace = await namespaceOf(attributes, options)
  if (namespace === undefined) {
    options.metrics.error(true, attributes)
    throw internalError(`failed to lookup namespace ${JSON.stringify(attributes.namespace)}`)
  }
  const resolved = policyOf(namespace.metadata?.labels ?? {}, options.configuration.defaults)
  if (resolved.errors.length === 0 && isFullyPrivileged(resolved.policy)) {
    options.metrics.evaluation('allow', resolved.policy.enforce, 'enforce', attributes)
    attributes.annotate(`${prefix}enforce-policy`, 'privileged:latest')
    return
  }
  const pod = podFactsOf(attributes)
  if (pod === undefined) return
  const { operation, object, oldObject } = attributes
  if (operation === 'UPDATE' && !isSignificantPodUpdate(object as Pod, oldObject as Pod)) return
  evaluate(attributes, options, resolved, pod)
}

const validatePodController = async (attributes: AdmissionAttributes, options: PodSecurityOptions): Promise<void> => {
  if (attributes.subresource !== '' || isExempt(attributes, options)) return
  const namespace = await namespaceOf(attributes, options)
  if (namespace === undefined) {
    options.metrics.error(true, attributes)
    const name = JSON.stringify(attributes.namespace)
    attributes.annotate(`${prefix}error`, `failed to lookup namespace ${name}: namespaces ${name} not found`)
    return
  }
  const resolved = policyOf(namespace.metadata?.labels ?? {}, options.configuration.defaults)
  const { audit, warn } = resolved.policy
  if (resolved.errors.length === 0 && audit.level === 'privileged' && warn.level === 'privileged') return
  const pod = podFactsOf(attributes)
  if (pod !== undefined) evaluate(attributes, options, resolved, pod)
}

const warnOfExemption = (attributes: AdmissionAttributes, policy: Policy, defaults: Policy): void => {
  if (isFullyPrivileged(policy) || equivalent(policy, defaults)) return
  const { labels = {} } = attributes.object?.metadata ?? {}
  const asked = modes
    .filter((mode) => policy[mode].level !== 'privileged')
    .filter((mode) => labels[levelLabel(mode)] !== undefined || labels[versionLabel(mode)] !== undefined)
    .map((mode) => `${mode}=${policyText(policy[mode])}`)
  attributes.warn(
    `namespace "${attributes.name}" is exempt from Pod Security, and the policy (${asked.join(', ')}) will be ignored`,
  )
}

const validateNamespace = async (attributes: AdmissionAttributes, options: PodSecurityOptions): Promise<void> => {
  if (attributes.subresource !== '') return
  const { defaults, exemptions } = options.configuration
  const { object, oldObject, name, kind } = attributes
  const { policy, errors } = policyOf(object?.metadata?.labels ?? {}, defaults)
  const isExemptNamespace = exemptions.namespaces.has(name)
  if (attributes.operation === 'CREATE') {
    if (errors.length > 0) throw invalidObject(kind, name, errors)
    if (isExemptNamespace) warnOfExemption(attributes, policy, defaults)
    return
  }
  const old = policyOf(oldObject?.metadata?.labels ?? {}, defaults)
  const textOf = (found: typeof errors): string => found.map(({ field, detail }) => `${field}: ${detail}`).join()
  if (errors.length > 0 && textOf(errors) !== textOf(old.errors)) throw invalidObject(kind, name, errors)
  const { enforce } = policy
  const before = old.policy.enforce
  if (samePolicy(enforce, before) || enforce.level === 'privileged') return
  if (enforce.version === before.version && compareLevels(enforce.level, before.level) < 1) return
  if (isExemptNamespace) {
    warnOfExemption(attributes, policy, defaults)
    return
  }
  await options.pods.store.consistent()
  const pods = options.pods.store.cache
    .range(`${name}/`)
    .map((entry) => entry.object as Pod)
    .filter(({ spec }) => !exemptions.runtimeClasses.has(spec?.runtimeClassName ?? ''))
  for (const warning of namespaceWarnings(name, enforce, pods, options.clock)) attributes.warn(warning)
}

export const podSecurity = (options: PodSecurityOptions): AdmissionPlugin => ({
  name: 'PodSecurity',
  operations: ['CREATE', 'UPDATE'],
  validate: (attributes) => {
    if (isResource(attributes, 'namespaces', attributes.subresource)) return validateNamespace(attributes, options)
    if (!hasPodSpec(attributes)) return undefined
    return attributes.resource === 'pods'
      ? validatePod(attributes, options)
      : validatePodController(attributes, options)
  },
})
