/** The 409 of an apply that would change fields of others. Upstream: NewConflictError. */
import { StatusError } from '../../meta/status-error.ts'
import { pathsOf } from './field-set.ts'
import { byIdentity, type Manager } from './managed-fields.ts'
import type { Conflict } from './ownership.ts'

/** `"kubectl" with subresource "scale" using apps/v1`; appliers are of no version. */
const describe = ({ name, subresource, operation, apiVersion }: Manager): string => {
  const who = `${JSON.stringify(name)}${subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`}`
  return operation === 'Apply' ? who : `${who} using ${apiVersion}`
}

export const conflictError = (conflicts: readonly Conflict[]): StatusError => {
  const listed = conflicts
    .toSorted((a, b) => byIdentity(a.manager, b.manager))
    .map(({ manager, fields }) => ({ who: describe(manager), paths: pathsOf(fields) }))
  const causes = listed.flatMap(({ who, paths }) =>
    paths.map((field) => ({ reason: 'FieldManagerConflict', message: `conflict with ${who}`, field })),
  )
  const [first] = causes
  const text =
    causes.length === 1 && first !== undefined
      ? `1 conflict: ${first.message}: ${first.field}`
      : `${causes.length} conflicts: ${listed
          .map(({ who, paths }) => [`conflicts with ${who}:`, ...paths.map((path) => `- ${path}`)].join('\n'))
          .join('\n')}`
  return new StatusError('Conflict', `Apply failed with ${text}`, { details: { causes } })
}
