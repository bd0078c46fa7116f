import { defineKind } from '../kind.ts'
import type { VolumeAttributesClass } from '../types.ts'

export const volumeAttributesClassKind = defineKind<VolumeAttributesClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttributesClass',
  plural: 'volumeattributesclasses',
  scope: 'Cluster',
  shortNames: ['vac'],
})
