/** Query parameters of the verbs, checked as upstream checks its options types. */
import { type FieldError, forbiddenField, invalid, invalidObject, notSupported } from '../../api/meta/field-error.ts'
import { badRequest } from '../../api/meta/status-error.ts'
import { queryBool } from '../../api/meta/query-bool.ts'

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict'

export interface WriteQuery {
  readonly dryRun: boolean
  readonly fieldValidation: FieldValidation
  readonly fieldManager: string
  readonly force: boolean
}

type OptionsKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions' | 'DeleteOptions' | 'ListOptions'

export const invalidOptions = (kind: OptionsKind, errors: readonly FieldError[]) =>
  invalidObject({ group: 'meta.k8s.io', kind }, '', errors)

const fieldValidations: readonly string[] = ['', 'Ignore', 'Warn', 'Strict']
const maxFieldManagerLength = 128

/** Throws Invalid as CreateOptions, UpdateOptions and PatchOptions are validated upstream. */
export const parseWriteQuery = (query: URLSearchParams, kind: OptionsKind, isApply = false): WriteQuery => {
  const dryRuns = query.getAll('dryRun').filter((value) => value !== '')
  const fieldValidation = query.get('fieldValidation') ?? ''
  const fieldManager = query.get('fieldManager') ?? ''
  const errors: FieldError[] = []
  if (dryRuns.some((value) => value !== 'All')) errors.push(notSupported('dryRun', dryRuns, ['All']))
  if (!fieldValidations.includes(fieldValidation)) {
    errors.push(notSupported('fieldValidation', fieldValidation, ['Ignore', 'Strict', 'Warn']))
  }
  if (fieldManager.length > maxFieldManagerLength) {
    errors.push(invalid('fieldManager', fieldManager, `may not be more than ${maxFieldManagerLength} bytes`))
  }
  const force = query.get('force')
  if (kind === 'PatchOptions') {
    if (isApply && fieldManager === '') {
      errors.push({
        type: 'FieldValueRequired',
        field: 'fieldManager',
        detail: 'Required value: is required for apply patch',
      })
    }
    if (!isApply && force !== null) errors.push(forbiddenField('force', 'may not be specified for non-apply patch'))
  }
  if (errors.length > 0) throw invalidOptions(kind, errors)
  return {
    dryRun: dryRuns.length > 0,
    fieldValidation: fieldValidation === 'Strict' || fieldValidation === 'Ignore' ? fieldValidation : 'Warn',
    fieldManager,
    force: queryBool(query, 'force'),
  }
}

export interface ListQuery {
  readonly labelSelector: string
  readonly fieldSelector: string
  readonly resourceVersion: string
  readonly resourceVersionMatch: string
  readonly limit: number
  readonly continue: string
}

const parseInteger = (query: URLSearchParams, name: string): number => {
  const text = query.get(name)
  if (text === null || text === '') return 0
  if (!/^-?\d{1,18}$/.test(text)) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
  }
  return Number(text)
}

const readListQuery = (query: URLSearchParams): ListQuery => ({
  labelSelector: query.get('labelSelector') ?? '',
  fieldSelector: query.get('fieldSelector') ?? '',
  resourceVersion: query.get('resourceVersion') ?? '',
  resourceVersionMatch: query.get('resourceVersionMatch') ?? '',
  limit: Math.max(parseInteger(query, 'limit'), 0),
  continue: query.get('continue') ?? '',
})

/** Parameters of a list or of the deletion of a collection. Upstream: ValidateListOptions. */
export const parseListQuery = (query: URLSearchParams): ListQuery => {
  const parsed = readListQuery(query)
  const { resourceVersionMatch: match, resourceVersion } = parsed
  const errors: FieldError[] = []
  const forbid = (field: string, detail: string): void => void errors.push(forbiddenField(field, detail))
  if (match !== '') {
    const field = 'resourceVersionMatch'
    if (resourceVersion === '') forbid(field, 'resourceVersionMatch is forbidden unless resourceVersion is provided')
    if (parsed.continue !== '') forbid(field, 'resourceVersionMatch is forbidden when continue is provided')
    if (match !== 'Exact' && match !== 'NotOlderThan') {
      errors.push(notSupported(field, match, ['Exact', 'NotOlderThan', '']))
    }
    if (match === 'Exact' && resourceVersion === '0') {
      forbid(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
    }
  }
  if (query.get('sendInitialEvents') !== null) forbid('sendInitialEvents', 'sendInitialEvents is forbidden for list')
  if (errors.length > 0) throw invalidOptions('ListOptions', errors)
  return parsed
}

export interface WatchQuery extends ListQuery {
  readonly allowWatchBookmarks: boolean
  readonly sendInitialEvents: boolean
  /** 0 is the server's choice. */
  readonly timeoutSeconds: number
}

/** Upstream: ValidateListOptions, the part for watches. */
export const parseWatchQuery = (query: URLSearchParams): WatchQuery => {
  const parsed: WatchQuery = {
    ...readListQuery(query),
    allowWatchBookmarks: queryBool(query, 'allowWatchBookmarks'),
    sendInitialEvents: queryBool(query, 'sendInitialEvents'),
    timeoutSeconds: parseInteger(query, 'timeoutSeconds'),
  }
  const sendInitialEvents = query.get('sendInitialEvents')
  const match = parsed.resourceVersionMatch
  const errors: FieldError[] = []
  if (sendInitialEvents === null) {
    if (match !== '') {
      errors.push(
        forbiddenField(
          'resourceVersionMatch',
          'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
        ),
      )
    }
  } else {
    if (match !== 'NotOlderThan') {
      errors.push(
        forbiddenField(
          'resourceVersionMatch',
          'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
        ),
      )
    }
    if (parsed.continue !== '')
      errors.push(forbiddenField('continue', 'sendInitialEvents is forbidden when continue is provided'))
  }
  if (errors.length > 0) throw invalidOptions('ListOptions', errors)
  return parsed
}
