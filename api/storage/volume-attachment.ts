import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import { serverStatus } from '../strategy.ts'
import type { VolumeAttachment } from '../types.ts'
import {
  validateVolumeAttachment,
  validateVolumeAttachmentStatusUpdate,
  validateVolumeAttachmentUpdate,
} from './validation.ts'

export const volumeAttachmentKind = defineKind<VolumeAttachment>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttachment',
  plural: 'volumeattachments',
  scope: 'Cluster',
  subresources: ['status'],
  allowUnconditionalUpdate: false,
  setDefaults: (attachment) => {
    attachment.status ??= { attached: false }
  },
  ...serverStatus<VolumeAttachment>(() => ({ attached: false })),
  validate: validateVolumeAttachment,
  validateUpdate: validateVolumeAttachmentUpdate,
  validateStatusUpdate: validateVolumeAttachmentStatusUpdate,
  columns: [
    nameColumn,
    column('Attacher', 'Driver that attaches.', ({ spec }) => spec?.attacher ?? ''),
    column('PV', 'Volume to attach.', ({ spec }) => spec?.source?.persistentVolumeName ?? ''),
    column('Node', 'Node to attach it to.', ({ spec }) => spec?.nodeName ?? ''),
    column('Attached', 'Whether it is attached.', ({ status }) => status?.attached ?? false, 'boolean'),
    ageColumn,
  ],
})
