/** Ingress, IngressClass, NetworkPolicy, ServiceCIDR, IPAddress. Upstream: pkg/apis/networking/validation. */
import {
  absent,
  domainPrefixedPath,
  immutable,
  oneOf,
  requiredOneOf,
  requiredSyntax,
  requiredText,
  syntax,
  validateLabelSelector,
} from '../meta/checks.ts'
import { cidrFamily, isStrictCidr, isStrictSubset } from '../meta/cidr.ts'
import { semanticEqual } from '../meta/equal.ts'
import {
  asGoStruct,
  child,
  type FieldError,
  forbiddenField,
  type GoField,
  invalid,
  notSupported,
  required,
} from '../meta/field-error.ts'
import {
  isDns1035Label,
  isDns1123Label,
  isDns1123Subdomain,
  isValidCidr,
  isValidIp,
  isValidPathSegmentName,
  isValidPortName,
  isValidPortNum,
  isWildcardDns1123Subdomain,
} from '../meta/names.ts'
import { immutableMessage } from '../meta/validate-metadata.ts'
import type { Ingress, IngressClass, IPAddress, NetworkPolicy, ServiceCIDR } from '../types.ts'

type IngressSpec = NonNullable<Ingress['spec']>
type Backend = NonNullable<IngressSpec['defaultBackend']>
type Rule = NonNullable<IngressSpec['rules']>[number]
type HttpPath = NonNullable<Rule['http']>['paths'][number]

const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix']
const invalidPathSequences = ['//', '/./', '/../', '%2f', '%2F']
const invalidPathSuffixes = ['/..', '/.']

const host = (value: string | undefined, path: string): FieldError[] => {
  const name = value ?? ''
  if (name === '') return []
  if (isValidIp(name).length === 0) return [invalid(path, name, 'must be a DNS name, not an IP address')]
  return syntax(path, name, name.includes('*') ? isWildcardDns1123Subdomain : isDns1123Subdomain)
}

const validateBackend = (backend: Backend, path: string): FieldError[] => {
  const { service, resource } = backend
  if (service !== undefined && resource !== undefined) {
    return [invalid(path, '', 'cannot set both resource and service backends')]
  }
  if (resource !== undefined) {
    return [
      ...requiredText(child(path, 'resource', 'kind'), resource.kind),
      ...requiredText(child(path, 'resource', 'name'), resource.name),
    ]
  }
  if (service === undefined) return [required(path, 'must specify either a resource or service backend')]
  const at = child(path, 'service')
  const errors = requiredSyntax(child(at, 'name'), service.name, isDns1035Label)
  const { name, number } = service.port ?? {}
  if (!absent(name) && (number ?? 0) !== 0) errors.push(invalid(path, '', 'cannot set both port name & port number'))
  else if (!absent(name)) errors.push(...syntax(child(at, 'port', 'name'), name ?? '', isValidPortName))
  else if ((number ?? 0) !== 0) {
    errors.push(...isValidPortNum(number ?? 0).map((message) => invalid(child(at, 'port', 'number'), number, message)))
  } else errors.push(required(path, 'port name or number is required'))
  return errors
}

const validateHttpPath = (httpPath: HttpPath, path: string): FieldError[] => {
  const at = child(path, 'path')
  const value = httpPath.path ?? ''
  const errors: FieldError[] = []
  if (absent(httpPath.pathType)) return [required(child(path, 'pathType'), 'pathType must be specified')]
  switch (httpPath.pathType) {
    case 'Exact':
    case 'Prefix':
      if (!value.startsWith('/')) errors.push(invalid(at, value, 'must be an absolute path'))
      for (const bad of invalidPathSequences)
        if (value.includes(bad)) errors.push(invalid(at, value, `must not contain '${bad}'`))
      for (const bad of invalidPathSuffixes)
        if (value.endsWith(bad)) errors.push(invalid(at, value, `cannot end with '${bad}'`))
      break
    case 'ImplementationSpecific':
      if (value !== '' && !value.startsWith('/')) errors.push(invalid(at, value, 'must be an absolute path'))
      break
    default:
      errors.push(notSupported(child(path, 'pathType'), httpPath.pathType, pathTypes))
  }
  return [...errors, ...validateBackend(httpPath.backend ?? {}, child(path, 'backend'))]
}

export const validateIngress = ({ spec }: Ingress): FieldError[] => {
  if (spec === undefined) return []
  const errors: FieldError[] = []
  if ((spec.rules ?? []).length === 0 && spec.defaultBackend === undefined) {
    errors.push(invalid('spec', spec.rules ?? null, 'either `defaultBackend` or `rules` must be specified'))
  }
  if (spec.defaultBackend !== undefined) errors.push(...validateBackend(spec.defaultBackend, 'spec.defaultBackend'))
  for (const [index, rule] of (spec.rules ?? []).entries()) {
    const at = child('spec.rules', index)
    errors.push(...host(rule.host, child(at, 'host')))
    if (rule.http === undefined) continue
    const paths = rule.http.paths ?? []
    if (paths.length === 0) errors.push(required(child(at, 'http', 'paths')))
    for (const [pathIndex, path] of paths.entries())
      errors.push(...validateHttpPath(path, child(at, 'http', 'paths', pathIndex)))
  }
  for (const [index, tls] of (spec.tls ?? []).entries()) {
    for (const [hostIndex, name] of (tls.hosts ?? []).entries()) {
      errors.push(...host(name, child('spec.tls', index, 'hosts', hostIndex)))
    }
    if (!absent(tls.secretName))
      errors.push(...syntax(child('spec.tls', index, 'secretName'), tls.secretName ?? '', isDns1123Subdomain))
  }
  if (spec.ingressClassName !== undefined)
    errors.push(...syntax('spec.ingressClassName', spec.ingressClassName, isDns1123Subdomain))
  return errors
}

const maxControllerBytes = 250

export const validateIngressClass = ({ spec }: IngressClass): FieldError[] => {
  const controller = spec?.controller ?? ''
  const path = 'spec.controller'
  const errors = controller === '' ? [required(path)] : domainPrefixedPath(path, controller)
  if (controller.length > maxControllerBytes)
    errors.push({
      type: 'FieldValueTooLong',
      field: path,
      detail: `Too long: may not be more than ${maxControllerBytes} bytes`,
    })
  const parameters = spec?.parameters
  if (parameters === undefined) return errors
  const at = 'spec.parameters'
  errors.push(
    ...requiredText(child(at, 'kind'), parameters.kind, 'kind is required'),
    ...requiredText(child(at, 'name'), parameters.name, 'name is required'),
    ...requiredOneOf(child(at, 'scope'), parameters.scope, ['Cluster', 'Namespace']),
  )
  if (parameters.scope === 'Namespace') {
    if (absent(parameters.namespace))
      errors.push(required(child(at, 'namespace'), "`parameters.scope` is set to 'Namespace'"))
    else errors.push(...syntax(child(at, 'namespace'), parameters.namespace ?? '', isDns1123Label))
  } else if (!absent(parameters.namespace)) {
    errors.push(forbiddenField(child(at, 'namespace'), "`parameters.scope` is set to 'Cluster'"))
  }
  return errors
}

export const validateIngressClassUpdate = (next: IngressClass, old: IngressClass): FieldError[] =>
  immutable('spec.controller', next.spec?.controller, old.spec?.controller)

type PolicySpec = NonNullable<NetworkPolicy['spec']>
type PolicyPort = NonNullable<NonNullable<PolicySpec['ingress']>[number]['ports']>[number]
type Peer = NonNullable<NonNullable<PolicySpec['ingress']>[number]['from']>[number]

const validatePolicyPort = (port: PolicyPort, path: string): FieldError[] => {
  const errors = oneOf(child(path, 'protocol'), port.protocol, ['TCP', 'UDP', 'SCTP'])
  if (port.port !== undefined) {
    if (typeof port.port === 'string') {
      if (port.endPort !== undefined)
        errors.push(invalid(child(path, 'endPort'), port.endPort, 'may not be specified when `port` is non-numeric'))
      errors.push(...syntax(child(path, 'port'), port.port, isValidPortName))
    } else {
      const { port: number, endPort } = port
      errors.push(...isValidPortNum(number).map((message) => invalid(child(path, 'port'), number, message)))
      if (endPort !== undefined && endPort < number) {
        errors.push(invalid(child(path, 'endPort'), endPort, 'must be greater than or equal to `port`'))
      }
    }
  } else if (port.endPort !== undefined) {
    errors.push(invalid(child(path, 'endPort'), port.endPort, 'may not be specified when `port` is not specified'))
  }
  return errors
}

const validatePeer = (peer: Peer, path: string): FieldError[] => {
  const errors: FieldError[] = []
  const { podSelector, namespaceSelector, ipBlock } = peer
  errors.push(
    ...validateLabelSelector(podSelector, child(path, 'podSelector')),
    ...validateLabelSelector(namespaceSelector, child(path, 'namespaceSelector')),
  )
  if (ipBlock !== undefined) {
    const at = child(path, 'ipBlock')
    if (absent(ipBlock.cidr)) errors.push(required(child(at, 'cidr')))
    else errors.push(...syntax(child(at, 'cidr'), ipBlock.cidr, isValidCidr))
    for (const [index, except] of (ipBlock.except ?? []).entries()) {
      const exceptPath = child(at, 'except', index)
      const problems = syntax(exceptPath, except, isValidCidr)
      if (problems.length === 0 && isValidCidr(ipBlock.cidr).length === 0 && !isStrictSubset(except, ipBlock.cidr)) {
        problems.push(invalid(exceptPath, except, 'must be a strict subset of `cidr`'))
      }
      errors.push(...problems)
    }
    if (podSelector !== undefined || namespaceSelector !== undefined) {
      errors.push(forbiddenField(path, 'may not specify both ipBlock and another peer'))
    }
  }
  if (podSelector === undefined && namespaceSelector === undefined && ipBlock === undefined) {
    errors.push(required(path, 'must specify a peer'))
  }
  return errors
}

export const validateNetworkPolicy = ({ spec }: NetworkPolicy): FieldError[] => {
  if (spec === undefined) return []
  const errors = validateLabelSelector(spec.podSelector, 'spec.podSelector')
  for (const [index, rule] of (spec.ingress ?? []).entries()) {
    const at = child('spec.ingress', index)
    errors.push(...(rule.ports ?? []).flatMap((port, i) => validatePolicyPort(port, child(at, 'ports', i))))
    errors.push(...(rule.from ?? []).flatMap((peer, i) => validatePeer(peer, child(at, 'from', i))))
  }
  for (const [index, rule] of (spec.egress ?? []).entries()) {
    const at = child('spec.egress', index)
    errors.push(...(rule.ports ?? []).flatMap((port, i) => validatePolicyPort(port, child(at, 'ports', i))))
    errors.push(...(rule.to ?? []).flatMap((peer, i) => validatePeer(peer, child(at, 'to', i))))
  }
  const types = spec.policyTypes ?? []
  if (types.length > 2) {
    errors.push(invalid('spec.policyTypes', types, 'may not specify more than two policyTypes'))
    return errors
  }
  errors.push(...types.flatMap((type, index) => oneOf(child('spec.policyTypes', index), type, ['Egress', 'Ingress'])))
  return errors
}

export const validateServiceCIDR = ({ spec }: ServiceCIDR): FieldError[] => {
  const cidrs = spec?.cidrs ?? []
  const path = 'spec.cidrs'
  if (cidrs.length === 0) return [required(path, 'at least one CIDR required')]
  if (cidrs.length > 2) return [invalid(path, spec, 'may only hold up to 2 values')]
  if (cidrs.length === 2) {
    const [first, second] = cidrs.map(cidrFamily)
    if (first === undefined || second === undefined || first === second) {
      return [
        invalid(path, spec, 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64'),
      ]
    }
  }
  return cidrs.flatMap((cidr, index) => syntax(child(path, index), cidr, isStrictCidr))
}

/** A second family may be added; nothing else changes. */
export const validateServiceCIDRUpdate = (next: ServiceCIDR, old: ServiceCIDR): FieldError[] => {
  const [cidrs, before] = [next.spec?.cidrs ?? [], old.spec?.cidrs ?? []]
  const path = 'spec.cidrs'
  const added = cidrs.length - before.length
  if (added !== 0 && !(added === 1 && before.length === 1)) return [invalid(path, cidrs, immutableMessage)]
  return before.flatMap((cidr, index) => immutable(child(path, index), cidrs[index], cidr))
}

export const validateIPAddress = ({ spec }: IPAddress): FieldError[] => {
  const parent = spec?.parentRef
  const path = 'spec.parentRef'
  if (parent === undefined) return [required(path)]
  const errors: FieldError[] = []
  if (!absent(parent.group)) errors.push(...syntax(child(path, 'group'), parent.group ?? '', isDns1123Subdomain))
  errors.push(
    ...requiredSyntax(child(path, 'resource'), parent.resource, isValidPathSegmentName),
    ...requiredSyntax(child(path, 'name'), parent.name, isValidPathSegmentName),
  )
  if (!absent(parent.namespace))
    errors.push(...syntax(child(path, 'namespace'), parent.namespace ?? '', isValidPathSegmentName))
  return errors
}

const parentFields: readonly GoField[] = [
  ['Group', 'group', ''],
  ['Resource', 'resource', ''],
  ['Namespace', 'namespace', ''],
  ['Name', 'name', ''],
]

export const validateIPAddressUpdate = (next: IPAddress, old: IPAddress): FieldError[] =>
  semanticEqual(next.spec?.parentRef, old.spec?.parentRef)
    ? []
    : [invalid('spec.parentRef', asGoStruct(next.spec?.parentRef ?? {}, parentFields), immutableMessage)]
