import { defineKind } from '../kind.ts'
import type { Secret } from '../types.ts'

export const secretKind = defineKind<Secret>({
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  scope: 'Namespaced',
  selectableFields: { type: (secret) => secret.type ?? '' },
})
