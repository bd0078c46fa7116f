import { child } from '../meta/field-error.ts'
import { cidrWarnings } from '../meta/ip-warnings.ts'
import { defineKind } from '../kind.ts'
import { findCondition } from '../meta/conditions.ts'
import { ageColumn, column, nameColumn, textOr, wideColumn } from '../printers/columns.ts'
import { keepField } from '../strategy.ts'
import type { Node } from '../types.ts'
import { proxySubresource } from './subresources.ts'
import { validateNode, validateNodeStatusUpdate, validateNodeUpdate } from './node-validation.ts'

const rolePrefix = 'node-role.kubernetes.io/'
const roleLabel = 'kubernetes.io/role'

/** Fields that upstream writes even when nothing is known. */
const emptyNodeInfo = () => ({
  machineID: '',
  systemUUID: '',
  bootID: '',
  kernelVersion: '',
  osImage: '',
  containerRuntimeVersion: '',
  kubeletVersion: '',
  kubeProxyVersion: '',
  operatingSystem: '',
  architecture: '',
})

const setDefaults = (node: Node): void => {
  node.spec ??= {}
  const status = (node.status ??= {})
  if (status.capacity !== undefined) status.allocatable ??= { ...status.capacity }
  status.daemonEndpoints ??= { kubeletEndpoint: { Port: 0 } }
  status.nodeInfo = { ...emptyNodeInfo(), ...status.nodeInfo }
}

const statusText = (node: Node): string => {
  const ready = findCondition(node.status?.conditions, 'Ready')
  const words = [ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady']
  if (node.spec?.unschedulable === true) words.push('SchedulingDisabled')
  return words.join(',')
}

const roles = (node: Node): string => {
  const found = new Set<string>()
  for (const [name, value] of Object.entries(node.metadata?.labels ?? {})) {
    if (name.startsWith(rolePrefix) && name.length > rolePrefix.length) found.add(name.slice(rolePrefix.length))
    else if (name === roleLabel && value !== '') found.add(value)
  }
  return found.size === 0 ? '<none>' : [...found].sort().join(',')
}

const addressOf = (node: Node, type: 'InternalIP' | 'ExternalIP'): string =>
  textOr(node.status?.addresses?.find((address) => address.type === type)?.address, '<none>')

const warnings = ({ spec }: Node): readonly string[] => {
  const found: string[] = []
  if (spec?.configSource !== undefined) {
    found.push('spec.configSource: the support for DynamicKubeletConfig was removed in v1.24')
  }
  if ((spec?.externalID ?? '') !== '') {
    found.push('spec.externalID: this field is deprecated, and is unused by Kubernetes')
  }
  for (const [index, cidr] of (spec?.podCIDRs ?? []).entries()) {
    found.push(...cidrWarnings(child('spec.podCIDRs', index), cidr))
  }
  return found
}

export const nodeKind = defineKind<Node>({
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  scope: 'Cluster',
  shortNames: ['no'],
  subresources: [proxySubresource('NodeProxyOptions'), 'status'],
  selectableFields: { 'spec.unschedulable': (node) => String(node.spec?.unschedulable ?? false) },
  setDefaults,
  // A kubelet registers its node with status: create keeps it.
  prepareForCreate: () => {},
  prepareForUpdate: (node, old) => keepField(node, old, 'status'),
  validate: validateNode,
  validateUpdate: validateNodeUpdate,
  warnings,
  validateStatusUpdate: validateNodeStatusUpdate,
  columns: [
    nameColumn,
    column('Status', 'Whether the node is ready, and whether it takes new Pods.', statusText),
    column('Roles', 'Roles that labels give the node.', roles),
    ageColumn,
    column('Version', 'Version of the kubelet.', (node) => node.status?.nodeInfo?.kubeletVersion ?? ''),
    wideColumn('Internal-IP', 'Address inside the cluster network.', (node) => addressOf(node, 'InternalIP')),
    wideColumn('External-IP', 'Address outside the cluster network.', (node) => addressOf(node, 'ExternalIP')),
    wideColumn('OS-Image', 'Operating system.', (node) => textOr(node.status?.nodeInfo?.osImage, '<unknown>')),
    wideColumn('Kernel-Version', 'Version of the kernel.', (node) =>
      textOr(node.status?.nodeInfo?.kernelVersion, '<unknown>'),
    ),
    wideColumn('Container-Runtime', 'Container runtime and its version.', (node) =>
      textOr(node.status?.nodeInfo?.containerRuntimeVersion, '<unknown>'),
    ),
  ],
})
