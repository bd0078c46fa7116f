/** Nodes. Upstream: ValidateNode, ValidateNodeUpdate. */
import { absent, oneOf, requiredSyntax, syntax } from '../meta/checks.ts'
import { semanticEqual } from '../meta/equal.ts'
import {
  asGoStruct,
  child,
  duplicate,
  type FieldError,
  forbiddenField,
  invalid,
  required,
  type GoField,
} from '../meta/field-error.ts'
import { isQualifiedName, isValidCidr, isValidLabelValue } from '../meta/names.ts'
import type { Node, Taint } from '../types.ts'

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']

const taintFields: readonly GoField[] = [
  ['Key', 'key', ''],
  ['Value', 'value', ''],
  ['Effect', 'effect', ''],
  ['TimeAdded', 'timeAdded', null],
]

const validateTaints = (taints: readonly Taint[] | undefined, path: string): FieldError[] => {
  const seen = new Set<string>()
  return (taints ?? []).flatMap((taint, index) => {
    const at = child(path, index)
    const errors = syntax(child(at, 'key'), taint.key, isQualifiedName)
    errors.push(
      ...isValidLabelValue(taint.value ?? '').map((message) => invalid(child(at, 'value'), taint.value, message)),
    )
    if (absent(taint.effect)) errors.push(required(child(at, 'effect')))
    else errors.push(...oneOf(child(at, 'effect'), taint.effect, effects))
    const pair = `${taint.key}:${taint.effect}`
    if (seen.has(pair))
      errors.push({
        ...duplicate(at, asGoStruct(taint, taintFields)),
        detail: `${duplicate(at, asGoStruct(taint, taintFields)).detail}: taints must be unique by key and effect pair`,
      })
    seen.add(pair)
    return errors
  })
}

const validatePodCidrs = ({ spec }: Node): FieldError[] => {
  const cidrs = spec?.podCIDRs ?? []
  const path = 'spec.podCIDRs'
  const errors = cidrs.flatMap((cidr, index) => syntax(child(path, index), cidr, isValidCidr))
  if (cidrs.length > 2) errors.push(invalid(path, cidrs, 'may specify no more than one CIDR for each IP family'))
  return errors
}

export const validateNode = (node: Node): FieldError[] => [
  ...validateTaints(node.spec?.taints, 'spec.taints'),
  ...validatePodCidrs(node),
]

/** Spec fields that may change; pod CIDRs and provider id may be set once. */
const mutable = ['podCIDR', 'podCIDRs', 'taints', 'unschedulable', 'configSource', 'providerID'] as const

const fixedPart = (spec: Node['spec']): Record<string, unknown> =>
  Object.fromEntries(Object.entries(spec ?? {}).filter(([field]) => !(mutable as readonly string[]).includes(field)))

export const validateNodeUpdate = (node: Node, old: Node): FieldError[] => {
  const errors: FieldError[] = []
  const before = old.spec ?? {}
  if ((before.podCIDRs ?? []).length > 0 && !semanticEqual(before.podCIDRs, node.spec?.podCIDRs)) {
    errors.push(forbiddenField('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'))
  }
  if ((before.providerID ?? '') !== '' && before.providerID !== node.spec?.providerID) {
    errors.push(forbiddenField('spec.providerID', 'node updates may not change providerID except from "" to valid'))
  }
  if (!semanticEqual(fixedPart(node.spec), fixedPart(before))) {
    errors.push(
      forbiddenField(
        'spec',
        'node updates may only change labels, taints, or capacity (or configSource, if the DynamicKubeletConfig feature gate is enabled)',
      ),
    )
  }
  return errors
}

/** Addresses are unique by type and value. */
export const validateNodeStatusUpdate = ({ status }: Node): FieldError[] => {
  const seen = new Set<string>()
  return (status?.addresses ?? []).flatMap((address, index) => {
    const errors = requiredSyntax(child('status.addresses', index, 'type'), address.type)
    const pair = `${address.type}/${address.address}`
    if (seen.has(pair)) errors.push(duplicate(child('status.addresses', index), address))
    seen.add(pair)
    return errors
  })
}
