import { defineKind } from '../kind.ts'
import type { ControllerRevision } from '../types.ts'

export const controllerRevisionKind = defineKind<ControllerRevision>({
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  scope: 'Namespaced',
})
