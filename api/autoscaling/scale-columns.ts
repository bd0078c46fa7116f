/** What `kubectl get --subresource=scale` prints. */
import type { PrinterColumn } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import type { Scale } from '../types.ts'

export const scaleColumns: readonly PrinterColumn[] = [
  nameColumn,
  column('Desired', 'Replicas wanted.', ({ spec }: Scale) => spec?.replicas ?? 0, 'integer') as PrinterColumn,
  column('Available', 'Replicas there are.', ({ status }: Scale) => status?.replicas ?? 0, 'integer') as PrinterColumn,
  ageColumn,
]
