/** Services. Upstream: ValidateService, ValidateServiceUpdate. */
import { absent, inRange, oneOf, requiredOneOf, requiredSyntax, syntax } from '../meta/checks.ts'
import {
  asGoStruct,
  child,
  duplicate,
  type FieldError,
  forbiddenField,
  type GoField,
  invalid,
  required,
} from '../meta/field-error.ts'
import {
  isDns1123Label,
  isDns1123Subdomain,
  isQualifiedName,
  isValidCidr,
  isValidIp,
  isValidPortName,
  isValidPortNum,
} from '../meta/names.ts'
import { validateLabels } from '../meta/validate-metadata.ts'
import type { Service, ServicePort } from '../types.ts'
import { validateIpFields, validateIpFieldsUpdate } from './service-ip-fields.ts'

type ServiceSpec = NonNullable<Service['spec']>

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']
const protocols = ['SCTP', 'TCP', 'UDP']
const secondsPerDay = 86_400

export const isHeadless = (spec: ServiceSpec): boolean => spec.clusterIP === 'None'
export const usesClusterIp = (spec: ServiceSpec): boolean => spec.type !== 'ExternalName'
export const usesNodePorts = (spec: ServiceSpec): boolean => spec.type === 'NodePort' || spec.type === 'LoadBalancer'

const validatePort = (
  port: ServicePort,
  path: string,
  { needsName, spec }: { needsName: boolean; spec: ServiceSpec },
): FieldError[] => {
  const errors: FieldError[] = []
  if (absent(port.name)) {
    if (needsName) errors.push(required(child(path, 'name')))
  } else errors.push(...syntax(child(path, 'name'), port.name ?? '', isDns1123Label))
  errors.push(...isValidPortNum(port.port ?? 0).map((message) => invalid(child(path, 'port'), port.port ?? 0, message)))
  if (absent(port.protocol)) errors.push(required(child(path, 'protocol')))
  else errors.push(...oneOf(child(path, 'protocol'), port.protocol, protocols))
  const target = port.targetPort
  if (typeof target === 'string') errors.push(...syntax(child(path, 'targetPort'), target, isValidPortName))
  else if (target !== undefined && !(isHeadless(spec) && target === 0)) {
    errors.push(...isValidPortNum(target).map((message) => invalid(child(path, 'targetPort'), target, message)))
  }
  if (!absent(port.appProtocol))
    errors.push(...syntax(child(path, 'appProtocol'), port.appProtocol ?? '', isQualifiedName))
  if ((port.nodePort ?? 0) !== 0) {
    if (!usesNodePorts(spec)) {
      errors.push(forbiddenField(child(path, 'nodePort'), `may not be used when \`type\` is '${spec.type}'`))
    } else
      errors.push(
        ...isValidPortNum(port.nodePort ?? 0).map((message) =>
          invalid(child(path, 'nodePort'), port.nodePort, message),
        ),
      )
  }
  return errors
}

const portFields: readonly GoField[] = [
  ['Name', 'name', ''],
  ['Protocol', 'protocol', ''],
  ['AppProtocol', 'appProtocol', null],
  ['Port', 'port', 0],
  ['TargetPort', 'targetPort', 0],
  ['NodePort', 'nodePort', 0],
]

const validatePorts = (spec: ServiceSpec): FieldError[] => {
  const ports = spec.ports ?? []
  const path = 'spec.ports'
  if (ports.length === 0) return isHeadless(spec) || spec.type === 'ExternalName' ? [] : [required(path)]
  const names = new Set<string>()
  const numbers = new Set<string>()
  const nodePorts = new Set<string>()
  return ports.flatMap((port, index) => {
    const at = child(path, index)
    const errors = validatePort(port, at, { needsName: ports.length > 1, spec })
    const name = port.name ?? ''
    if (name !== '' && names.has(name)) errors.push(duplicate(child(at, 'name'), name))
    names.add(name)
    const number = `${port.protocol}/${port.port}`
    if (numbers.has(number)) {
      errors.push(duplicate(at, asGoStruct({ protocol: port.protocol, port: port.port }, portFields)))
    }
    numbers.add(number)
    if ((port.nodePort ?? 0) !== 0) {
      const nodePort = `${port.protocol}/${port.nodePort}`
      if (nodePorts.has(nodePort)) {
        errors.push(duplicate(at, asGoStruct({ protocol: port.protocol, nodePort: port.nodePort }, portFields)))
      }
      nodePorts.add(nodePort)
    }
    return errors
  })
}

const validateByType = (spec: ServiceSpec): FieldError[] => {
  const errors: FieldError[] = []
  switch (spec.type) {
    case 'LoadBalancer':
      if (isHeadless(spec)) {
        errors.push(invalid('spec.clusterIPs[0]', 'None', "may not be set to 'None' for LoadBalancer services"))
      }
      break
    case 'NodePort':
      if (isHeadless(spec))
        errors.push(invalid('spec.clusterIPs[0]', 'None', "may not be set to 'None' for NodePort services"))
      break
    case 'ExternalName':
      for (const field of ['clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const) {
        if ((spec[field] ?? []).length > 0) {
          errors.push(forbiddenField(child('spec', field), 'may not be set for ExternalName services'))
        }
      }
      errors.push(
        ...requiredSyntax('spec.externalName', (spec.externalName ?? '').replace(/\.$/, ''), isDns1123Subdomain),
      )
      break
    case 'ClusterIP':
    case undefined:
    default:
  }
  return errors
}

const validateAffinity = (spec: ServiceSpec): FieldError[] => {
  const errors = requiredOneOf('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None'])
  const config = spec.sessionAffinityConfig
  if (spec.sessionAffinity === 'ClientIP') {
    const seconds = config?.clientIP?.timeoutSeconds
    if (seconds === undefined)
      errors.push(required('spec.sessionAffinityConfig', 'when session affinity type is ClientIP'))
    else {
      const path = 'spec.sessionAffinityConfig.clientIP.timeoutSeconds'
      if (seconds <= 0 || seconds > secondsPerDay) {
        errors.push(invalid(path, seconds, `must be greater than 0 and less than ${secondsPerDay}`))
      }
    }
  } else if (config !== undefined) {
    errors.push(forbiddenField('spec.sessionAffinityConfig', 'must not be set when session affinity is None'))
  }
  return errors
}

const validateTrafficPolicies = (spec: ServiceSpec): FieldError[] => {
  const errors: FieldError[] = []
  const policies = ['Cluster', 'Local']
  const external = spec.externalTrafficPolicy ?? ''
  const accessible = usesNodePorts(spec) || (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0)
  if (!accessible && external !== '') {
    errors.push(invalid('spec.externalTrafficPolicy', external, 'may only be set for externally-accessible services'))
  } else if (accessible) errors.push(...requiredOneOf('spec.externalTrafficPolicy', external, policies))
  const healthPort = spec.healthCheckNodePort ?? 0
  if (healthPort !== 0 && !(spec.type === 'LoadBalancer' && external === 'Local')) {
    errors.push(
      invalid(
        'spec.healthCheckNodePort',
        healthPort,
        "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
      ),
    )
  }
  if (usesClusterIp(spec))
    errors.push(...requiredOneOf('spec.internalTrafficPolicy', spec.internalTrafficPolicy, policies))
  return [
    ...errors,
    ...oneOf('spec.trafficDistribution', spec.trafficDistribution, ['PreferClose', 'PreferSameZone', 'PreferSameNode']),
  ]
}

const validateLoadBalancer = (spec: ServiceSpec): FieldError[] => {
  const errors: FieldError[] = []
  const ranges = spec.loadBalancerSourceRanges ?? []
  // Upstream's word for it.
  const path = 'spec.LoadBalancerSourceRanges'
  if (ranges.length > 0 && spec.type !== 'LoadBalancer') {
    errors.push(forbiddenField(path, "may only be used when `type` is 'LoadBalancer'"))
  }
  for (const [index, range] of ranges.entries()) errors.push(...syntax(child(path, index), range.trim(), isValidCidr))
  if (spec.type !== 'LoadBalancer') {
    for (const field of ['allocateLoadBalancerNodePorts', 'loadBalancerClass'] as const) {
      if (spec[field] !== undefined) {
        errors.push(forbiddenField(child('spec', field), "may only be used when `type` is 'LoadBalancer'"))
      }
    }
  } else if (spec.allocateLoadBalancerNodePorts === undefined)
    errors.push(required('spec.allocateLoadBalancerNodePorts'))
  return errors
}

export const validateService = ({ spec }: Service): FieldError[] => {
  if (spec === undefined) return []
  return [
    ...validateByType(spec),
    ...validatePorts(spec),
    ...validateLabels(spec.selector, 'spec.selector'),
    ...validateAffinity(spec),
    ...(absent(spec.type) ? [required('spec.type')] : oneOf('spec.type', spec.type, types)),
    ...(spec.externalIPs ?? []).flatMap((ip, index) => syntax(child('spec.externalIPs', index), ip, isValidIp)),
    ...validateTrafficPolicies(spec),
    ...validateIpFields(spec),
    ...validateLoadBalancer(spec),
    ...inRange('spec.healthCheckNodePort', spec.healthCheckNodePort, 0, 65535),
  ]
}

/** Once allocated, addresses stay; only a change from or to ExternalName lets go of them. */
export const validateServiceUpdate = ({ spec }: Service, old: Service): FieldError[] => {
  const errors: FieldError[] = []
  if (spec === undefined || old.spec === undefined) return errors
  errors.push(...validateIpFieldsUpdate(spec, old.spec))
  if (
    spec.type === 'LoadBalancer' &&
    old.spec.type === 'LoadBalancer' &&
    spec.loadBalancerClass !== old.spec.loadBalancerClass
  ) {
    errors.push(invalid('spec.loadBalancerClass', spec.loadBalancerClass, 'may not change once set'))
  }
  return errors
}
