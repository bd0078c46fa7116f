/** Ports of Services: each by itself, and all among each other. Upstream: validateServicePort and its loops. */
import { absent, oneOf, syntax } from '../meta/checks.ts'
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
import { isDns1123Label, isQualifiedName, isValidPortName, isValidPortNum } from '../meta/names.ts'
import type { Service, ServicePort } from '../types.ts'

type ServiceSpec = NonNullable<Service['spec']>

const portsPath = 'spec.ports'
const protocols = ['SCTP', 'TCP', 'UDP']

const portNumber = (path: string, value: number): FieldError[] =>
  isValidPortNum(value).map((message) => invalid(path, value, message))

const validateTarget = (target: ServicePort['targetPort'], path: string): FieldError[] => {
  if (target === undefined) return []
  return typeof target === 'string' ? syntax(path, target, isValidPortName) : portNumber(path, target)
}

const validateName = (name: string, ports: readonly ServicePort[], index: number): FieldError[] => {
  const path = child(portsPath, index, 'name')
  if (name === '') return ports.length > 1 ? [required(path)] : []
  const isTaken = ports.slice(0, index).some((other) => other.name === name)
  return [...syntax(path, name, isDns1123Label), ...(isTaken ? [duplicate(path, name)] : [])]
}

/** Each port by itself; names are told apart. */
export const validateEachPort = ({ ports = [] }: ServiceSpec): FieldError[] =>
  ports.flatMap((port, index) => {
    const at = child(portsPath, index)
    const { name = '', protocol, targetPort, appProtocol } = port
    const protocolPath = child(at, 'protocol')
    return [
      ...validateName(name, ports, index),
      ...portNumber(child(at, 'port'), port.port ?? 0),
      ...(absent(protocol) ? [required(protocolPath)] : oneOf(protocolPath, protocol, protocols)),
      ...validateTarget(targetPort, child(at, 'targetPort')),
      ...(appProtocol === undefined ? [] : syntax(child(at, 'appProtocol'), appProtocol, isQualifiedName)),
    ]
  })

const portFields: readonly GoField[] = [
  ['Name', 'name', ''],
  ['Protocol', 'protocol', ''],
  ['AppProtocol', 'appProtocol', null],
  ['Port', 'port', 0],
  ['TargetPort', 'targetPort', 0],
  ['NodePort', 'nodePort', 0],
]

const repeated = (
  ports: readonly ServicePort[],
  keyOf: (port: ServicePort) => string | undefined,
  error: (port: ServicePort, path: string) => FieldError,
): FieldError[] => {
  const seen = new Set<string>()
  return ports.flatMap((port, index) => {
    const key = keyOf(port)
    const isRepeated = key !== undefined && seen.has(key)
    if (key !== undefined) seen.add(key)
    return isRepeated ? [error(port, child(portsPath, index))] : []
  })
}

/** Node ports where the type has none, and what is there twice for one protocol. */
export const validatePortsTogether = ({ type, ports = [] }: ServiceSpec): FieldError[] => {
  const nodePortOf = ({ protocol, nodePort = 0 }: ServicePort): string | undefined =>
    nodePort === 0 ? undefined : `${protocol}/${nodePort}`
  return [
    ...ports.flatMap(({ nodePort = 0 }, index) =>
      type === 'ClusterIP' && nodePort !== 0
        ? [forbiddenField(child(portsPath, index, 'nodePort'), "may not be used when `type` is 'ClusterIP'")]
        : [],
    ),
    ...repeated(ports, nodePortOf, ({ nodePort }, path) => duplicate(child(path, 'nodePort'), nodePort)),
    ...repeated(
      ports,
      ({ protocol, port }) => `${protocol}/${port}`,
      ({ protocol, port }, path) => duplicate(path, asGoStruct({ protocol, port }, portFields)),
    ),
  ]
}
