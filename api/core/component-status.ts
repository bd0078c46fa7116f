import { defineKind } from '../kind.ts'
import { column, nameColumn } from '../printers/columns.ts'
import type { ComponentStatus } from '../types.ts'

const healthy = (component: ComponentStatus) => component.conditions?.find(({ type }) => type === 'Healthy')

export const componentStatusKind = defineKind<ComponentStatus>({
  group: '',
  version: 'v1',
  kind: 'ComponentStatus',
  plural: 'componentstatuses',
  scope: 'Cluster',
  shortNames: ['cs'],
  verbs: ['get', 'list'],
  virtual: true,
  deprecation: 'v1 ComponentStatus is deprecated in v1.19+',
  columns: [
    nameColumn,
    column('Status', 'Whether the component is healthy.', (component) => {
      const condition = healthy(component)
      return condition === undefined ? 'Unknown' : condition.status === 'True' ? 'Healthy' : 'Unhealthy'
    }),
    column('Message', 'What the component says.', (component) => healthy(component)?.message ?? ''),
    column('Error', 'Why the component could not be asked.', (component) => healthy(component)?.error ?? ''),
  ],
})
