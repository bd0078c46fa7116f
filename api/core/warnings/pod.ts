/** What is allowed in a Pod or template and probably not meant. Upstream: pkg/api/pod/warnings.go. */
import { child, key } from '../../meta/field-error.ts'
import { ipWarnings } from '../../meta/ip-warnings.ts'
import { warnOfHostname } from '../../strategy.ts'
import type { Container, KubeObject, ObjectMeta, Pod, PodSpec, PodTemplateSpec } from '../../types.ts'
import { containerPortWarnings } from './container-ports.ts'
import { byKey, expressionWarnings, labelWarnings, nodeSelectorWarnings } from './node-labels.ts'
import { fractionalByteWarnings } from './quantities.ts'
import { podVolumeWarnings } from './volumes.ts'

const deprecatedAnnotations = [
  ['scheduler.alpha.kubernetes.io/critical-pod', 'non-functional in v1.16+; use the "priorityClassName" field instead'],
  ['security.alpha.kubernetes.io/sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
  ['security.alpha.kubernetes.io/unsafe-sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
] as const
const seccompPodAnnotation = 'seccomp.security.alpha.kubernetes.io/pod'
const seccompContainerPrefix = 'container.seccomp.security.alpha.kubernetes.io/'
const appArmorPrefix = 'container.apparmor.security.beta.kubernetes.io/'
const seccompMessage = 'non-functional in v1.27+; use the "seccompProfile" field instead'
const appArmorMessage = 'deprecated since v1.30; use the "appArmorProfile" field instead'
const noSelectorMessage = 'a null labelSelector results in matching no pod'
const bytes = ['memory', 'ephemeral-storage']

type Affinity = NonNullable<PodSpec['affinity']>

const nodeAffinityWarnings = ({ nodeAffinity }: Affinity, path: string): string[] => {
  const required = 'requiredDuringSchedulingIgnoredDuringExecution'
  const preferred = 'preferredDuringSchedulingIgnoredDuringExecution'
  const at = child(path, 'nodeAffinity')
  return [
    ...(nodeAffinity?.[required]?.nodeSelectorTerms ?? []).flatMap((term, index) =>
      expressionWarnings(term.matchExpressions, child(at, required, 'nodeSelectorTerms', index, 'matchExpressions')),
    ),
    ...(nodeAffinity?.[preferred] ?? []).flatMap(({ preference }, index) =>
      expressionWarnings(preference?.matchExpressions, child(at, preferred, index, 'preference', 'matchExpressions')),
    ),
  ]
}

const podAffinityWarnings = (affinity: Affinity, path: string): string[] =>
  (['podAffinity', 'podAntiAffinity'] as const).flatMap((kind) => {
    const at = child(path, kind)
    const without = (list: string, index: number, ...parts: readonly string[]): string =>
      `${child(at, list, index, ...parts, 'labelSelector')}: ${noSelectorMessage}`
    const required = affinity[kind]?.requiredDuringSchedulingIgnoredDuringExecution ?? []
    const preferred = affinity[kind]?.preferredDuringSchedulingIgnoredDuringExecution ?? []
    return [
      ...required.flatMap(({ labelSelector }, index) =>
        labelSelector === undefined ? [without('requiredDuringSchedulingIgnoredDuringExecution', index)] : [],
      ),
      ...preferred.flatMap(({ podAffinityTerm }, index) =>
        podAffinityTerm?.labelSelector === undefined
          ? [without('preferredDuringSchedulingIgnoredDuringExecution', index, 'podAffinityTerm')]
          : [],
      ),
    ]
  })

const spreadWarnings = (spec: PodSpec, path: string): string[] =>
  (spec.topologySpreadConstraints ?? []).flatMap(({ topologyKey, labelSelector }, index) => {
    const at = child(path, 'topologySpreadConstraints', index)
    const warnings = labelWarnings(topologyKey, child(at, 'topologyKey'))
    if (labelSelector === undefined) warnings.push(`${child(at, 'labelSelector')}: ${noSelectorMessage}`)
    return warnings
  })

/** Second and later items of a name. */
const repeated = <T>(items: readonly T[] | undefined, name: (item: T) => string): [string, number][] => {
  if (items === undefined || items.length < 2) return []
  const seen = new Set<string>()
  return items.flatMap((item, index): [string, number][] => {
    const own = name(item)
    if (seen.has(own)) return [[own, index]]
    seen.add(own)
    return []
  })
}

const listWarnings = (spec: PodSpec, path: string): string[] => [
  ...repeated(spec.hostAliases, ({ ip }) => ip ?? '').map(
    ([ip, index]) => `${child(path, 'hostAliases', index, 'ip')}: duplicate ip ${JSON.stringify(ip)}`,
  ),
  ...repeated(spec.imagePullSecrets, ({ name }) => name ?? '').map(
    ([name, index]) => `${child(path, 'imagePullSecrets', index, 'name')}: duplicate name ${JSON.stringify(name)}`,
  ),
  ...(spec.imagePullSecrets ?? []).flatMap(({ name }, index) =>
    (name ?? '') === '' ? [`${child(path, 'imagePullSecrets', index, 'name')}: invalid empty name ""`] : [],
  ),
]

/** A later variable of a name hides the earlier one, unless it is made of it. */
const envWarnings = ({ env }: Container, path: string): string[] => {
  if (env === undefined || env.length < 2) return []
  const seen = new Set<string>()
  return env.flatMap(({ name: given, value = '', valueFrom }, index) => {
    const name = given ?? ''
    if (!seen.has(name)) {
      seen.add(name)
      return []
    }
    const reference = `$(${name})`
    const extends_ = valueFrom === undefined && value !== reference && value.includes(reference)
    return extends_
      ? []
      : [
          `${child(path, 'env', index)}: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`,
        ]
  })
}

/** Visits all containers with their paths, in upstream's order. */
const eachContainer = (
  spec: PodSpec,
  path: string,
  visit: (container: Container, at: string) => readonly string[],
): string[] =>
  (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) =>
    (spec[list] ?? []).flatMap((container, index) => visit(container, child(path, list, index))),
  )

const containerWarnings = (
  container: Container,
  path: string,
  pod: { spec: PodSpec; metadata: ObjectMeta; annotationsPath: string },
): string[] => {
  const { securityContext, resources, name } = container
  const { annotations } = pod.metadata
  const warnings: string[] = []
  if (annotations !== undefined) {
    const seccomp = `${seccompContainerPrefix}${name}`
    if (securityContext?.seccompProfile === undefined && annotations[seccomp] !== undefined) {
      warnings.push(`${key(pod.annotationsPath, seccomp)}: ${seccompMessage}`)
    }
    const appArmor = `${appArmorPrefix}${name}`
    const profile = securityContext?.appArmorProfile ?? pod.spec.securityContext?.appArmorProfile
    if (profile === undefined && annotations[appArmor] !== undefined) {
      warnings.push(`${key(pod.annotationsPath, appArmor)}: ${appArmorMessage}`)
    }
  }
  for (const name of bytes) {
    warnings.push(
      ...fractionalByteWarnings(resources?.limits, [name], () => child(path, 'resources', 'limits')),
      ...fractionalByteWarnings(resources?.requests, [name], () => child(path, 'resources', 'requests')),
    )
  }
  warnings.push(...envWarnings(container, path))
  return warnings
}

const annotationWarnings = (spec: PodSpec, { annotations }: ObjectMeta, path: string): string[] => {
  if (annotations === undefined) return []
  const warnings = deprecatedAnnotations.flatMap(([name, message]) =>
    annotations[name] === undefined ? [] : [`${key(path, name)}: ${message}`],
  )
  if (spec.securityContext?.seccompProfile === undefined && annotations[seccompPodAnnotation] !== undefined) {
    warnings.push(`${key(path, seccompPodAnnotation)}: ${seccompMessage}`)
  }
  return warnings
}

const addressWarnings = (spec: PodSpec, path: string): string[] => [
  ...(spec.dnsConfig?.nameservers ?? []).flatMap((ip, index) =>
    ipWarnings(child(path, 'dnsConfig', 'nameservers', index), ip),
  ),
  ...(spec.hostAliases ?? []).flatMap(({ ip }, index) => ipWarnings(child(path, 'hostAliases', index, 'ip'), ip)),
]

/** `path` is the template's, '' for a Pod itself. */
const podWarnings = (spec: PodSpec, metadata: ObjectMeta, path: string): string[] => {
  const at = child(path, 'spec')
  const annotationsPath = child(path, 'metadata', 'annotations')
  const warnings = nodeSelectorWarnings(spec.nodeSelector, byKey(child(at, 'nodeSelector')))
  if (spec.affinity !== undefined) warnings.push(...nodeAffinityWarnings(spec.affinity, child(at, 'affinity')))
  warnings.push(
    ...spreadWarnings(spec, at),
    ...annotationWarnings(spec, metadata, annotationsPath),
    ...podVolumeWarnings(spec.volumes, child(at, 'volumes')),
    ...listWarnings(spec, at),
    ...fractionalByteWarnings(spec.overhead, bytes, () => child(at, 'overhead')),
    ...eachContainer(spec, at, (container, containerPath) =>
      containerWarnings(container, containerPath, { spec, metadata, annotationsPath }),
    ),
    ...containerPortWarnings((visit) => eachContainer(spec, at, visit)),
  )
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) {
    warnings.push(
      `${child(at, 'terminationGracePeriodSeconds')}: must be >= 0; negative values are invalid and will be treated as 1`,
    )
  }
  if (spec.affinity !== undefined) warnings.push(...podAffinityWarnings(spec.affinity, child(at, 'affinity')))
  warnings.push(...addressWarnings(spec, at))
  return warnings
}

export const podTemplateWarnings = (template: PodTemplateSpec | undefined, path: string): string[] =>
  template?.spec === undefined ? [] : podWarnings(template.spec, template.metadata ?? {}, path)

const hostnameWarnings = warnOfHostname("the Pod's hostname")

/** On creation only: updates of Pods come from machines, often. */
export const warningsForPod = (pod: Pod, old: Pod | undefined): readonly string[] =>
  old !== undefined || pod.spec === undefined
    ? []
    : [...hostnameWarnings(pod, old), ...podWarnings(pod.spec, pod.metadata ?? {}, '')]

/** True where an update changed the spec. */
export const specIsNew = (object: KubeObject, old: KubeObject | undefined): boolean =>
  old === undefined || object.metadata?.generation !== old.metadata?.generation

/** Warnings about the template of a workload, on creation and when the spec changes. */
export const warnOfTemplate =
  <T extends KubeObject>(path: string, template: (object: T) => PodTemplateSpec | undefined) =>
  (object: T, old: T | undefined): readonly string[] =>
    specIsNew(object, old) ? podTemplateWarnings(template(object), path) : []

const podNameWarnings = warnOfHostname('Pod names and hostnames')

/** The same for workloads whose name becomes part of the names of their Pods. */
export const warnOfNameAndTemplate = <T extends KubeObject>(
  path: string,
  template: (object: T) => PodTemplateSpec | undefined,
): ((object: T, old: T | undefined) => readonly string[]) => {
  const ofTemplate = warnOfTemplate(path, template)
  return (object, old) => [...podNameWarnings(object, old), ...ofTemplate(object, old)]
}
