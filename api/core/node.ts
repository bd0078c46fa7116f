import { defineKind } from '../kind.ts'
import type { Node } from '../types.ts'
import { proxySubresource } from './subresources.ts'

export const nodeKind = defineKind<Node>({
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  scope: 'Cluster',
  shortNames: ['no'],
  subresources: [proxySubresource('NodeProxyOptions'), 'status'],
  selectableFields: { 'spec.unschedulable': (node) => String(node.spec?.unschedulable ?? false) },
})
