import { defineKind } from '../kind.ts'
import { controllerOf } from '../meta/owners.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import type { ControllerRevision } from '../types.ts'
import { validateControllerRevision, validateControllerRevisionUpdate } from './validation.ts'

/** `statefulset.apps/web`. */
const controller = (revision: ControllerRevision): string => {
  const owner = controllerOf(revision)
  if (owner === undefined) return '<none>'
  const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.split('/')[0] ?? ''}` : ''
  return `${owner.kind.toLowerCase()}${group}/${owner.name}`
}

export const controllerRevisionKind = defineKind<ControllerRevision>({
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  scope: 'Namespaced',
  validate: validateControllerRevision,
  validateUpdate: validateControllerRevisionUpdate,
  columns: [
    nameColumn,
    column('Controller', 'What the revision is of.', controller),
    column('Revision', 'Number of the revision.', ({ revision }) => revision, 'integer'),
    ageColumn,
  ],
})
