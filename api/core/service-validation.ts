/** Services, in upstream's order: errors are told as they are found. Upstream: ValidateService, ValidateServiceUpdate. */
import { absent, oneOf, requiredOneOf, requiredSyntax, syntax } from '../meta/checks.ts'
import { child, type FieldError, forbiddenField, invalid, key, required } from '../meta/field-error.ts'
import {
  isDns1123Subdomain,
  isNonSpecialIp,
  isQualifiedName,
  isValidCidr,
  isValidIp,
  isValidPortNum,
} from '../meta/names.ts'
import { immutableMessage, validateLabels } from '../meta/validate-metadata.ts'
import type { Service } from '../types.ts'
import { validateIpFields, validateIpFieldsUpdate } from './service-ip-fields.ts'
import { validateEachPort, validatePortsTogether } from './service-port-validation.ts'

type ServiceSpec = NonNullable<Service['spec']>

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']
const policies = ['Cluster', 'Local']
const secondsPerDay = 86_400
const sourceRangesAnnotation = 'service.beta.kubernetes.io/load-balancer-source-ranges'
const topologyMode = 'service.kubernetes.io/topology-mode'
const topologyHints = 'service.kubernetes.io/topology-aware-hints'
const onlyLoadBalancer = "may only be used when `type` is 'LoadBalancer'"

export const isHeadless = (spec: ServiceSpec): boolean => spec.clusterIP === 'None'
export const usesClusterIp = (spec: ServiceSpec): boolean => spec.type !== 'ExternalName'
export const usesNodePorts = (spec: ServiceSpec): boolean => spec.type === 'NodePort' || spec.type === 'LoadBalancer'

/** Reachable from outside, so that externalTrafficPolicy means something. */
export const isExternallyAccessible = (spec: ServiceSpec): boolean =>
  usesNodePorts(spec) || (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0)

/** True if the load balancer asks the nodes for health on a port of the Service's own. */
export const needsHealthCheckPort = ({ type, externalTrafficPolicy }: ServiceSpec): boolean =>
  type === 'LoadBalancer' && externalTrafficPolicy === 'Local'

const validateAnnotations = ({ metadata }: Service): FieldError[] => {
  const { [topologyMode]: mode, [topologyHints]: hints } = metadata?.annotations ?? {}
  if (mode === undefined || hints === undefined || mode === hints) return []
  const message = `must match annotations[${topologyHints}] when both are specified`
  return [invalid(key('metadata.annotations', topologyMode), mode, message)]
}

const validateExternalName = (spec: ServiceSpec): FieldError[] => [
  ...(['clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const).flatMap((field) =>
    (spec[field] ?? []).length > 0
      ? [forbiddenField(child('spec', field), 'may not be set for ExternalName services')]
      : [],
  ),
  ...requiredSyntax('spec.externalName', (spec.externalName ?? '').replace(/\.$/, ''), isDns1123Subdomain),
]

const validateByType = (spec: ServiceSpec): FieldError[] => {
  if (spec.type === 'ExternalName') return validateExternalName(spec)
  if (!isHeadless(spec) || !usesNodePorts(spec)) return []
  return [invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`)]
}

const validateAffinity = ({ sessionAffinity, sessionAffinityConfig: config }: ServiceSpec): FieldError[] => {
  const errors = requiredOneOf('spec.sessionAffinity', sessionAffinity, ['ClientIP', 'None'])
  const path = 'spec.sessionAffinityConfig'
  if (sessionAffinity === 'None' && config !== undefined) {
    errors.push(forbiddenField(path, 'must not be set when session affinity is None'))
  }
  if (sessionAffinity !== 'ClientIP') return errors
  const seconds = config?.clientIP?.timeoutSeconds
  if (seconds === undefined) return [...errors, required(path, 'when session affinity type is ClientIP')]
  if (seconds > 0 && seconds <= secondsPerDay) return errors
  const message = `must be greater than 0 and less than ${secondsPerDay}`
  return [...errors, invalid(child(path, 'clientIP', 'timeoutSeconds'), seconds, message)]
}

const validateExternalIps = ({ externalIPs = [] }: ServiceSpec): FieldError[] =>
  externalIPs.flatMap((ip, index) => {
    const path = child('spec.externalIPs', index)
    const malformed = syntax(path, ip, isValidIp)
    return malformed.length > 0 ? malformed : syntax(path, ip, isNonSpecialIp)
  })

/** The field, or the annotation that was there before it. */
const validateSourceRanges = ({ metadata, spec = {} }: Service): FieldError[] => {
  const ranges = spec.loadBalancerSourceRanges ?? []
  const annotation = metadata?.annotations?.[sourceRangesAnnotation]
  if (ranges.length === 0 && annotation === undefined) return []
  // Upstream spells the field with a capital letter.
  const path = ranges.length > 0 ? 'spec.LoadBalancerSourceRanges' : key('metadata.annotations', sourceRangesAnnotation)
  const errors = spec.type === 'LoadBalancer' ? [] : [forbiddenField(path, onlyLoadBalancer)]
  if (ranges.length > 0) {
    return [...errors, ...ranges.flatMap((range, index) => syntax(child(path, index), range.trim(), isValidCidr))]
  }
  const texts = (annotation ?? '').trim() === '' ? [] : (annotation ?? '').split(',')
  return [...errors, ...texts.flatMap((range) => syntax(path, range.trim(), isValidCidr))]
}

const validateLoadBalancer = (spec: ServiceSpec): FieldError[] => {
  const { type, allocateLoadBalancerNodePorts: allocate, loadBalancerClass } = spec
  const classPath = 'spec.loadBalancerClass'
  if (type !== 'LoadBalancer') {
    return [
      ...(allocate === undefined ? [] : [forbiddenField('spec.allocateLoadBalancerNodePorts', onlyLoadBalancer)]),
      ...(loadBalancerClass === undefined ? [] : [forbiddenField(classPath, onlyLoadBalancer)]),
    ]
  }
  return [
    ...(allocate === undefined ? [required('allocateLoadBalancerNodePorts')] : []),
    ...(loadBalancerClass === undefined ? [] : syntax(classPath, loadBalancerClass, isQualifiedName)),
  ]
}

const validateHealthCheckPort = (spec: ServiceSpec): FieldError[] => {
  const path = 'spec.healthCheckNodePort'
  const port = spec.healthCheckNodePort ?? 0
  if (needsHealthCheckPort(spec)) {
    return port === 0 ? [required(path)] : isValidPortNum(port).map((message) => invalid(path, port, message))
  }
  const message = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
  return port === 0 ? [] : [invalid(path, port, message)]
}

const validateTrafficPolicies = (spec: ServiceSpec): FieldError[] => {
  const external = spec.externalTrafficPolicy ?? ''
  const path = 'spec.externalTrafficPolicy'
  const ofExternal = (): FieldError[] => {
    if (isExternallyAccessible(spec)) return requiredOneOf(path, external, policies)
    return external === '' ? [] : [invalid(path, external, 'may only be set for externally-accessible services')]
  }
  const internal = usesClusterIp(spec) ? requiredOneOf : oneOf
  return [
    ...ofExternal(),
    ...validateHealthCheckPort(spec),
    ...internal('spec.internalTrafficPolicy', spec.internalTrafficPolicy, policies),
    ...oneOf('spec.trafficDistribution', spec.trafficDistribution, ['PreferClose', 'PreferSameZone', 'PreferSameNode']),
  ]
}

export const validateService = (service: Service): FieldError[] => {
  const { spec } = service
  if (spec === undefined) return validateAnnotations(service)
  const needsPorts = !isHeadless(spec) && spec.type !== 'ExternalName'
  return [
    ...validateAnnotations(service),
    ...(needsPorts && (spec.ports ?? []).length === 0 ? [required('spec.ports')] : []),
    ...validateByType(spec),
    ...validateEachPort(spec),
    ...validateLabels(spec.selector, 'spec.selector'),
    ...validateAffinity(spec),
    ...validateIpFields(spec),
    ...validateExternalIps(spec),
    ...(absent(spec.type) ? [required('spec.type')] : oneOf('spec.type', spec.type, types)),
    ...validatePortsTogether(spec),
    ...validateSourceRanges(service),
    ...validateLoadBalancer(spec),
    ...validateTrafficPolicies(spec),
  ]
}

/** Once allocated, addresses stay; only a change from or to ExternalName lets go of them. */
export const validateServiceUpdate = ({ spec }: Service, old: Service): FieldError[] => {
  const before = old.spec
  if (spec === undefined || before === undefined) return []
  const areBalanced = spec.type === 'LoadBalancer' && before.type === 'LoadBalancer'
  const areChecked = needsHealthCheckPort(spec) && needsHealthCheckPort(before)
  return [
    ...validateIpFieldsUpdate(spec, before),
    ...(areBalanced && spec.loadBalancerClass !== before.loadBalancerClass
      ? [invalid('spec.loadBalancerClass', spec.loadBalancerClass, 'may not change once set')]
      : []),
    ...(areChecked && spec.healthCheckNodePort !== before.healthCheckNodePort
      ? [forbiddenField('spec.healthCheckNodePort', immutableMessage)]
      : []),
  ]
}
