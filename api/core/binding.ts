import { defineKind } from '../kind.ts'
import type { Binding } from '../types.ts'

export const bindingKind = defineKind<Binding>({
  group: '',
  version: 'v1',
  kind: 'Binding',
  plural: 'bindings',
  scope: 'Namespaced',
  verbs: ['create'],
  virtual: true,
})
