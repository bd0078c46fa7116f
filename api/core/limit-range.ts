import { defineKind } from '../kind.ts'
import type { LimitRange } from '../types.ts'

export const limitRangeKind = defineKind<LimitRange>({
  group: '',
  version: 'v1',
  kind: 'LimitRange',
  plural: 'limitranges',
  scope: 'Namespaced',
  shortNames: ['limits'],
  allowCreateOnUpdate: true,
})
