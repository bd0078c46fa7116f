/** Counters of PodSecurity's decisions, under upstream's names. */
import { Counter, type Registry } from '../../../component-base/metrics/prometheus.ts'
import type { AdmissionAttributes } from '../admission.ts'
import { type LevelVersion, type Mode, versionText } from './policy.ts'

export interface PodSecurityMetrics {
  evaluation(decision: 'allow' | 'deny', policy: LevelVersion, mode: Mode, attributes: AdmissionAttributes): void
  exemption(attributes: AdmissionAttributes): void
  error(fatal: boolean, attributes: AdmissionAttributes): void
}

/** Policies of versions that are not out yet are one label value: names that users invent must not grow the registry. */
const newestMinor = 36

const resourceLabel = ({ resource }: AdmissionAttributes): string => {
  if (resource === 'pods') return 'pod'
  return resource === 'namespaces' ? 'namespace' : 'controller'
}

const versionLabelOf = ({ level, version }: LevelVersion): string => {
  if (level === 'privileged' || version === 'latest') return 'latest'
  return version > newestMinor ? 'future' : versionText(version)
}

export const createPodSecurityMetrics = (registry: Registry): PodSecurityMetrics => {
  const requestLabels = ['request_operation', 'resource', 'subresource'] as const
  const evaluations = new Counter({
    name: 'pod_security_evaluations_total',
    help: 'Number of policy evaluations, without requests that are ignored or exempt.',
    labelNames: ['decision', 'policy_level', 'policy_version', 'mode', ...requestLabels],
    registers: [registry],
  })
  const exemptions = new Counter({
    name: 'pod_security_exemptions_total',
    help: 'Number of exempt requests, without those that are ignored or out of scope.',
    labelNames: [...requestLabels],
    registers: [registry],
  })
  const errors = new Counter({
    name: 'pod_security_errors_total',
    help: 'Number of errors that kept a request from being evaluated as usual.',
    labelNames: ['fatal', ...requestLabels],
    registers: [registry],
  })
  const request = (attributes: AdmissionAttributes): [string, string, string] => [
    attributes.operation.toLowerCase(),
    resourceLabel(attributes),
    attributes.subresource,
  ]
  /** prom-client hashes labels at every call: children are looked up once. */
  const children = new Map<string, Counter.Internal>()
  return {
    evaluation: (decision, policy, mode, attributes) => {
      const labels = [decision, policy.level, versionLabelOf(policy), mode, ...request(attributes)]
      const key = labels.join(' ')
      const child = children.get(key) ?? evaluations.labels(...labels)
      children.set(key, child)
      child.inc()
    },
    exemption: (attributes) => exemptions.labels(...request(attributes)).inc(),
    error: (fatal, attributes) => errors.labels(String(fatal), ...request(attributes)).inc(),
  }
}
