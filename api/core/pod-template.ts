import { defineKind } from '../kind.ts'
import type { PodTemplate } from '../types.ts'

export const podTemplateKind = defineKind<PodTemplate>({
  group: '',
  version: 'v1',
  kind: 'PodTemplate',
  plural: 'podtemplates',
  scope: 'Namespaced',
  hasGeneration: true,
})
