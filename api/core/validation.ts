/** The small kinds of the core group. Upstream: pkg/apis/core/validation. */
import { validateCounts } from '../apps/validate-workload.ts'
import { absent, requiredOneOf, requiredSyntax, syntax } from '../meta/checks.ts'
import { child, type FieldError, forbiddenField, invalid, notSupported, required } from '../meta/field-error.ts'
import { matchesSet } from '../meta/labels.ts'
import { isDns1123Label, isNonSpecialIp, isValidIp, isValidPortNum } from '../meta/names.ts'
import { validateFinalizerName } from '../meta/validate-metadata.ts'
import type { Endpoints, Namespace, PodTemplate, ReplicationController } from '../types.ts'
import { validatePodTemplateSpec } from './pod-spec/validate.ts'

export const validateNamespace = ({ spec }: Namespace): FieldError[] =>
  (spec?.finalizers ?? []).flatMap((finalizer) => validateFinalizerName(finalizer, 'spec.finalizers'))

/** For namespaces/finalize. */
export const validateNamespaceFinalizers = ({ spec }: Namespace): FieldError[] =>
  (spec?.finalizers ?? []).flatMap((finalizer, index) =>
    validateFinalizerName(finalizer, child('spec.finalizers', index)),
  )

export const validatePodTemplate = ({ template }: PodTemplate): FieldError[] =>
  template === undefined ? [] : validatePodTemplateSpec(template, 'template')

export const validateReplicationController = ({ spec }: ReplicationController): FieldError[] => {
  if (spec === undefined) return []
  const errors = validateCounts({ ...spec, selector: {} })
  const selector = spec.selector ?? {}
  if (Object.keys(selector).length === 0) errors.push(required('spec.selector'))
  if (spec.template === undefined) return [...errors, required('spec.template')]
  const labels = spec.template.metadata?.labels ?? {}
  if (Object.keys(selector).length > 0 && !matchesSet(selector, labels)) {
    errors.push(invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'))
  }
  errors.push(...validatePodTemplateSpec(spec.template, 'spec.template'))
  const restartPolicy = spec.template.spec?.restartPolicy
  if (!absent(restartPolicy) && restartPolicy !== 'Always') {
    errors.push(notSupported('spec.template.spec.restartPolicy', restartPolicy, ['Always']))
  }
  if (spec.template.spec?.activeDeadlineSeconds !== undefined) {
    errors.push(
      forbiddenField(
        'spec.template.spec.activeDeadlineSeconds',
        'activeDeadlineSeconds in ReplicationController is not Supported',
      ),
    )
  }
  return errors
}

type Subset = NonNullable<Endpoints['subsets']>[number]

const validateSubset = (subset: Subset, path: string): FieldError[] => {
  const errors: FieldError[] = []
  const [ready, notReady] = [subset.addresses ?? [], subset.notReadyAddresses ?? []]
  if (ready.length + notReady.length === 0)
    errors.push(required(path, 'must specify `addresses` or `notReadyAddresses`'))
  for (const [field, addresses] of [
    ['addresses', ready],
    ['notReadyAddresses', notReady],
  ] as const) {
    for (const [index, { ip, hostname }] of addresses.entries()) {
      const at = child(path, field, index, 'ip')
      const malformed = syntax(at, ip, isValidIp)
      errors.push(...malformed)
      if (!absent(hostname))
        errors.push(...syntax(child(path, field, index, 'hostname'), hostname ?? '', isDns1123Label))
      if (malformed.length === 0) errors.push(...syntax(at, ip, isNonSpecialIp))
    }
  }
  const ports = subset.ports ?? []
  for (const [index, port] of ports.entries()) {
    const at = child(path, 'ports', index)
    if (ports.length > 1 || !absent(port.name))
      errors.push(...requiredSyntax(child(at, 'name'), port.name, isDns1123Label))
    errors.push(...isValidPortNum(port.port).map((message) => invalid(child(at, 'port'), port.port, message)))
    errors.push(...requiredOneOf(child(at, 'protocol'), port.protocol, ['SCTP', 'TCP', 'UDP']))
  }
  return errors
}

export const validateEndpoints = ({ subsets }: Endpoints): FieldError[] =>
  (subsets ?? []).flatMap((subset, index) => validateSubset(subset, child('subsets', index)))
