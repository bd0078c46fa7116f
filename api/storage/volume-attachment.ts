import { defineKind } from '../kind.ts'
import type { VolumeAttachment } from '../types.ts'

export const volumeAttachmentKind = defineKind<VolumeAttachment>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttachment',
  plural: 'volumeattachments',
  scope: 'Cluster',
  subresources: ['status'],
  allowUnconditionalUpdate: false,
})
