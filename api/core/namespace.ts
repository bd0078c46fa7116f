import { defineKind } from '../kind.ts'
import { isDns1123Label } from '../meta/names.ts'
import type { Namespace } from '../types.ts'

export const namespaceKind = defineKind<Namespace>({
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  scope: 'Cluster',
  shortNames: ['ns'],
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  subresources: [{ name: 'finalize', verbs: ['update'] }, 'status'],
  validateName: isDns1123Label,
  selectableFields: { 'status.phase': (namespace) => namespace.status?.phase ?? '' },
})
