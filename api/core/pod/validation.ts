/** Pods: on creation, and what may change later. Upstream: ValidatePodCreate, ValidatePodUpdate. */
import { isIP } from 'node:net'
import { syntax } from '../../meta/checks.ts'
import { semanticEqual } from '../../meta/equal.ts'
import { child, duplicate, type FieldError, forbiddenField, invalid, key } from '../../meta/field-error.ts'
import { isDns1123Subdomain, isValidIp } from '../../meta/names.ts'
import type { Container, Pod, PodSpec, Toleration } from '../../types.ts'
import { fixedAffinity, validateFixedAnnotations, validateGatedSelection } from './update-rules.ts'
import { validatePodSpec } from '../pod-spec/validate.ts'

const mirrorAnnotation = 'kubernetes.io/config.mirror'
const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost'
const maxInt32 = 2 ** 31 - 1

/** The API server's image of a Pod that a kubelet runs from a file. */
export const isMirrorPod = (pod: Pod): boolean => pod.metadata?.annotations?.[mirrorAnnotation] !== undefined

const validateAnnotationValues = (pod: Pod): FieldError[] => {
  const annotations = pod.metadata?.annotations ?? {}
  const path = 'metadata.annotations'
  const errors: FieldError[] = []
  const mirror = annotations[mirrorAnnotation]
  if (mirror !== undefined && (pod.spec?.nodeName ?? '') === '') {
    errors.push(invalid(key(path, mirrorAnnotation), mirror, 'must set spec.nodeName if mirror pod annotation is set'))
  }
  const cost = annotations[deletionCostAnnotation]
  if (cost !== undefined && (!/^(0|-?[1-9]\d*)$/.test(cost) || Math.abs(Number(cost)) > maxInt32)) {
    errors.push(invalid(key(path, deletionCostAnnotation), cost, 'must be a 32bit integer'))
  }
  return errors
}

/** Holds for a Pod at any time. */
export const validatePod = (pod: Pod): FieldError[] => [
  ...validateAnnotationValues(pod),
  ...validatePodSpec(pod.spec ?? { containers: [] }, 'spec', true),
]

/** A new Pod has no ephemeral containers. */
export const validatePodCreate = (pod: Pod): FieldError[] =>
  (pod.spec?.ephemeralContainers ?? []).length > 0
    ? [forbiddenField('spec.ephemeralContainers', 'cannot be set on create')]
    : []

const validateContainerImages = (
  next: readonly Container[] | undefined,
  old: readonly Container[] | undefined,
  path: string,
  what: string,
): FieldError[] =>
  (next ?? []).length === (old ?? []).length ? [] : [forbiddenField(path, `pod updates may not add or remove ${what}`)]

const sameToleration = (a: Toleration, b: Toleration): boolean =>
  a.key === b.key && a.value === b.value && a.operator === b.operator && a.effect === b.effect

/** Tolerations may be added; a present one may change its seconds only. */
const validateTolerationChanges = (next: readonly Toleration[], old: readonly Toleration[]): FieldError[] => {
  const allKept = old.every((toleration) => next.some((candidate) => sameToleration(candidate, toleration)))
  return allKept
    ? []
    : [forbiddenField('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')]
}

const validateDeadline = (spec: PodSpec, old: PodSpec): FieldError[] => {
  const path = 'spec.activeDeadlineSeconds'
  const [next, before] = [spec.activeDeadlineSeconds, old.activeDeadlineSeconds]
  if (next === undefined)
    return before === undefined ? [] : [invalid(path, next, 'must not update from a positive integer to nil value')]
  return before !== undefined && next > before
    ? [invalid(path, next, 'must be less than or equal to previous value')]
    : []
}

const validateGateChanges = (spec: PodSpec, old: PodSpec): FieldError[] => {
  const before = new Set((old.schedulingGates ?? []).map(({ name }) => name))
  const added = (spec.schedulingGates ?? []).filter(({ name }) => !before.has(name)).map(({ name }) => name)
  if (added.length === 0) return []
  return [
    forbiddenField(
      'spec.schedulingGates',
      `only deletion is allowed, but found new scheduling gates '${added.join(', ')}'`,
    ),
  ]
}

const withoutImages = (containers: readonly Container[] | undefined): Partial<Container>[] =>
  (containers ?? []).map(({ image: _image, ...rest }) => rest)

/** The spec without what an update may change. */
const fixedPart = (spec: PodSpec, gated: boolean): Record<string, unknown> => {
  const { activeDeadlineSeconds: _d, tolerations: _t, schedulingGates: _s, ...rest } = spec
  const fixed: Record<string, unknown> = {
    ...rest,
    containers: withoutImages(spec.containers),
    initContainers: withoutImages(spec.initContainers),
  }
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) fixed['terminationGracePeriodSeconds'] = 1
  // While gates hold the Pod back, its node selection may still be narrowed.
  if (gated) {
    delete fixed['nodeSelector']
    fixed['affinity'] = fixedAffinity(spec)
  }
  return fixed
}

/** Lines of the two sides that differ, for people. */
const difference = (next: Readonly<Record<string, unknown>>, old: Readonly<Record<string, unknown>>): string =>
  [...new Set([...Object.keys(old), ...Object.keys(next)])]
    .filter((field) => !semanticEqual(next[field], old[field]))
    .map((field) => `- \t${field}: ${JSON.stringify(old[field])},\n+ \t${field}: ${JSON.stringify(next[field])},`)
    .join('\n')

const fixedMessage =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'

/** What PUT and PATCH of a Pod may not do. */
export const validatePodUpdate = (pod: Pod, old: Pod): FieldError[] => {
  const spec = pod.spec ?? { containers: [] }
  const before = old.spec ?? { containers: [] }
  const errors = [
    ...validateFixedAnnotations(pod, old),
    ...validateContainerImages(spec.containers, before.containers, 'spec.containers', 'containers'),
    ...validateContainerImages(spec.initContainers, before.initContainers, 'spec.initContainers', 'containers'),
  ]
  if (errors.length > 0) return errors
  errors.push(
    ...validateDeadline(spec, before),
    ...validateGateChanges(spec, before),
    ...validateTolerationChanges(spec.tolerations ?? [], before.tolerations ?? []),
  )
  const gated = (before.schedulingGates ?? []).length > 0
  if (gated) errors.push(...validateGatedSelection(spec, before))
  const next = fixedPart(spec, gated)
  const fixed = fixedPart(before, gated)
  if (!semanticEqual(next, fixed)) errors.push(forbiddenField('spec', `${fixedMessage}\n${difference(next, fixed)}`))
  return errors
}

/** Addresses of a Pod: one a family at most. */
const validatePodIps = (ips: readonly { readonly ip?: string }[] | undefined): FieldError[] => {
  const path = 'status.podIPs'
  const list = ips ?? []
  const errors: FieldError[] = []
  const seen = new Set<string>()
  let [ipv4, ipv6] = [0, 0]
  for (const [index, { ip = '' }] of list.entries()) {
    const at = child(path, index)
    errors.push(...syntax(at, ip, isValidIp))
    if (seen.has(ip)) errors.push(duplicate(at, list[index]))
    seen.add(ip)
    if (isIP(ip) === 4) ipv4++
    if (isIP(ip) === 6) ipv6++
  }
  if (ipv4 > 1 || ipv6 > 1) {
    errors.push(invalid(path, list, 'may specify no more than one IP for each IP family'))
  }
  return errors
}

/** Status: the node name may be set once, the quality of service never changes. */
export const validatePodStatusUpdate = (pod: Pod, old: Pod): FieldError[] => {
  const errors: FieldError[] = []
  if (pod.spec?.nodeName !== old.spec?.nodeName) {
    errors.push(forbiddenField('status.nodeName', 'may not be changed directly'))
  }
  if ((old.status?.qosClass ?? '') !== '' && pod.status?.qosClass !== old.status?.qosClass) {
    errors.push(invalid(child('status', 'qosClass'), pod.status?.qosClass, 'field is immutable'))
  }
  const nominated = pod.status?.nominatedNodeName ?? ''
  if (nominated !== '') errors.push(...syntax('status.nominatedNodeName', nominated, isDns1123Subdomain))
  errors.push(...validatePodIps(pod.status?.podIPs))
  return errors
}
