import { validateNamespaceStatusUpdate } from './validate-status.ts'
import { defineKind } from '../kind.ts'
import { isDns1123Label } from '../meta/names.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import { keepField } from '../strategy.ts'
import type { Namespace } from '../types.ts'
import { validateNamespace } from './validation.ts'

const nameLabel = 'kubernetes.io/metadata.name'
/** The finalizer that the namespace controller takes away once the namespace is empty. */
const kubernetesFinalizer = 'kubernetes'

/** Selectors can name a namespace by this label; it always holds the real name. */
const setNameLabel = (namespace: Namespace): void => {
  const metadata = (namespace.metadata ??= {})
  const name = metadata.name ?? ''
  if (name !== '') metadata.labels = { ...metadata.labels, [nameLabel]: name }
}

const setDefaults = (namespace: Namespace): void => {
  setNameLabel(namespace)
  namespace.spec ??= {}
  namespace.status ??= {}
  namespace.status.phase ||= 'Active'
}

const prepareForCreate = (namespace: Namespace): void => {
  // Again: a generated name is known only now.
  setNameLabel(namespace)
  namespace.status = { phase: 'Active' }
  const spec = (namespace.spec ??= {})
  const finalizers = spec.finalizers ?? []
  if (!finalizers.includes(kubernetesFinalizer)) spec.finalizers = [...finalizers, kubernetesFinalizer]
}

/** Finalizers change only through /finalize, the phase only through /status and deletion. */
const prepareForUpdate = (namespace: Namespace, old: Namespace): void => {
  const spec = (namespace.spec ??= {})
  keepField(spec, old.spec ?? {}, 'finalizers')
  keepField(namespace, old, 'status')
}

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
  setDefaults,
  prepareForCreate,
  prepareForUpdate,
  validate: validateNamespace,
  validateStatusUpdate: validateNamespaceStatusUpdate,
  columns: [
    nameColumn,
    column('Status', 'Active, or Terminating while it is being emptied.', (namespace) => namespace.status?.phase ?? ''),
    ageColumn,
  ],
})
