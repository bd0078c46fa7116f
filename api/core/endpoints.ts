import { defineKind } from '../kind.ts'
import type { Endpoints } from '../types.ts'

export const endpointsKind = defineKind<Endpoints>({
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  scope: 'Namespaced',
  shortNames: ['ep'],
  allowCreateOnUpdate: true,
})
