/** EndpointSlices. Upstream: pkg/apis/discovery/validation. */
import { isIPv4, isIPv6 } from 'node:net'
import { absent, immutable, requiredOneOf, syntax } from '../meta/checks.ts'
import { child, duplicate, type FieldError, invalid, required, tooMany } from '../meta/field-error.ts'
import {
  isDns1123Label,
  isDns1123Subdomain,
  isNonSpecialIp,
  isQualifiedName,
  isValidLabelValue,
  isValidPortNum,
} from '../meta/names.ts'
import { validateLabels } from '../meta/validate-metadata.ts'
import type { EndpointSlice } from '../types.ts'

const maxAddresses = 100
const maxEndpoints = 1000
const maxPorts = 20_000
const addressTypes = ['FQDN', 'IPv4', 'IPv6']

const validateAddress = (address: string, type: string, path: string): FieldError[] => {
  switch (type) {
    case 'IPv4':
      return isIPv4(address)
        ? syntax(path, address, isNonSpecialIp)
        : [invalid(path, address, 'must be an IPv4 address')]
    case 'IPv6':
      return isIPv6(address)
        ? syntax(path, address, isNonSpecialIp)
        : [invalid(path, address, 'must be an IPv6 address')]
    case 'FQDN':
      return syntax(path, address, isDns1123Subdomain)
    default:
      return []
  }
}

type Endpoint = NonNullable<EndpointSlice['endpoints']>[number]

const validateEndpoint = (endpoint: Endpoint, type: string, path: string): FieldError[] => {
  const addresses = endpoint.addresses ?? []
  const at = child(path, 'addresses')
  const errors: FieldError[] = []
  if (addresses.length === 0) errors.push(required(at, 'must contain at least 1 address'))
  else if (addresses.length > maxAddresses) errors.push(tooMany(at, addresses.length, maxAddresses))
  for (const [index, address] of addresses.entries()) errors.push(...validateAddress(address, type, child(at, index)))
  errors.push(
    ...validateLabels(endpoint.deprecatedTopology, child(path, 'deprecatedTopology')),
    ...validateHints(endpoint.hints, child(path, 'hints')),
  )
  if (!absent(endpoint.hostname))
    errors.push(...syntax(child(path, 'hostname'), endpoint.hostname ?? '', isDns1123Label))
  if (!absent(endpoint.nodeName))
    errors.push(...syntax(child(path, 'nodeName'), endpoint.nodeName ?? '', isDns1123Subdomain))
  return errors
}

const maxZoneHints = 8

const validateHints = (hints: Endpoint['hints'], path: string): FieldError[] => {
  const zones = hints?.forZones ?? []
  if (zones.length > maxZoneHints) return [tooMany(child(path, 'forZones'), zones.length, maxZoneHints)]
  const seen = new Set<string>()
  return zones.flatMap(({ name }, index) => {
    const at = child(path, 'forZones', index, 'name')
    const errors = seen.has(name) ? [duplicate(at, name)] : []
    seen.add(name)
    return [...errors, ...syntax(at, name, isValidLabelValue)]
  })
}

const validatePorts = (ports: EndpointSlice['ports']): FieldError[] => {
  const list = ports ?? []
  if (list.length > maxPorts) return [tooMany('ports', list.length, maxPorts)]
  const names = new Set<string>()
  return list.flatMap((port, index) => {
    const at = child('ports', index)
    const name = port.name ?? ''
    const errors = name === '' ? [] : syntax(child(at, 'name'), name, isDns1123Label)
    if (names.has(name)) errors.push(duplicate(child(at, 'name'), name))
    names.add(name)
    if (!absent(port.appProtocol)) errors.push(...syntax(child(at, 'appProtocol'), port.appProtocol, isQualifiedName))
    errors.push(...requiredOneOf(child(at, 'protocol'), port.protocol, ['SCTP', 'TCP', 'UDP']))
    if (port.port !== undefined && port.port !== null) {
      errors.push(...isValidPortNum(port.port).map((message) => invalid(child(at, 'port'), port.port, message)))
    }
    return errors
  })
}

export const validateEndpointSlice = (slice: EndpointSlice): FieldError[] => {
  const endpoints = slice.endpoints ?? []
  const errors = requiredOneOf('addressType', slice.addressType, addressTypes)
  if (endpoints.length > maxEndpoints) errors.push(tooMany('endpoints', endpoints.length, maxEndpoints))
  for (const [index, endpoint] of endpoints.entries()) {
    errors.push(...validateEndpoint(endpoint, slice.addressType, child('endpoints', index)))
  }
  return [...errors, ...validatePorts(slice.ports)]
}

export const validateEndpointSliceUpdate = (next: EndpointSlice, old: EndpointSlice): FieldError[] =>
  immutable('addressType', next.addressType, old.addressType)
