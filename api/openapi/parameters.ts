/** Parameters of the REST API, named once. The texts are ours; names and types are the contract. */

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly type: 'string' | 'integer' | 'boolean'
  readonly description: string
  /**
   * Written out at each operation of OpenAPI v2 rather than referred to: kubectl looks for these by name in place
   * to learn what the server supports.
   */
  readonly inline: boolean
}

const query = (name: string, type: Parameter['type'], description: string): Parameter => ({
  name,
  in: 'query',
  type,
  description,
  inline: false,
})

export const nameParameter = (kind: string): Parameter => ({
  name: 'name',
  in: 'path',
  type: 'string',
  description: `name of the ${kind}`,
  inline: true,
})
export const namespaceParameter: Parameter = {
  name: 'namespace',
  in: 'path',
  type: 'string',
  description: 'namespace of the object',
  inline: false,
}
export const pathParameter: Parameter = {
  name: 'path',
  in: 'path',
  type: 'string',
  description: 'path below the proxied resource',
  inline: true,
}

export const pretty = query('pretty', 'string', "If 'true', the answer is indented for people.")

const dryRun: Parameter = {
  ...query('dryRun', 'string', "'All' runs every stage of the request and stores nothing."),
  inline: true,
}
const fieldManager = query('fieldManager', 'string', 'Name of the actor that makes the change, up to 128 characters.')
const fieldValidation: Parameter = {
  ...query(
    'fieldValidation',
    'string',
    'What to do with unknown or repeated fields: Ignore, Warn (the default) or Strict.',
  ),
  inline: true,
}
const force = query('force', 'boolean', 'Take over fields that other managers own; only for apply patches.')

export const createParameters = [dryRun, fieldManager, fieldValidation] as const
export const updateParameters = createParameters
export const patchParameters = [dryRun, fieldManager, fieldValidation, force] as const

const gracePeriodSeconds = query(
  'gracePeriodSeconds',
  'integer',
  'Seconds before the object is deleted; 0 deletes at once.',
)
const ignoreStoreReadError = query(
  'ignoreStoreReadErrorWithClusterBreakingPotential',
  'boolean',
  'Delete an object that cannot be read from the store. It may break the cluster.',
)
const orphanDependents = query('orphanDependents', 'boolean', 'Deprecated: use propagationPolicy.')
const propagationPolicy = query(
  'propagationPolicy',
  'string',
  'What becomes of dependents: Orphan, Background or Foreground.',
)

export const deleteParameters = [
  dryRun,
  gracePeriodSeconds,
  ignoreStoreReadError,
  orphanDependents,
  propagationPolicy,
] as const

const allowWatchBookmarks = query('allowWatchBookmarks', 'boolean', 'Ask for BOOKMARK events in a watch.')
const continueToken = query('continue', 'string', 'Token of a former answer, to read the next page of a list.')
const fieldSelector = query('fieldSelector', 'string', 'Only objects with these fields.')
const labelSelector = query('labelSelector', 'string', 'Only objects with these labels.')
const limit = query('limit', 'integer', 'At most so many objects in one answer.')
const resourceVersion = query('resourceVersion', 'string', 'Which state of the collection to serve.')
const resourceVersionMatch = query(
  'resourceVersionMatch',
  'string',
  'How resourceVersion is meant: NotOlderThan or Exact.',
)
const sendInitialEvents = query('sendInitialEvents', 'boolean', 'Begin a watch with the objects that exist.')
const shardSelector = query('shardSelector', 'string', 'Only objects of these shards.')
const timeoutSeconds = query('timeoutSeconds', 'integer', 'End a list or watch after so many seconds.')
const watch = query('watch', 'boolean', 'Stream changes instead of listing.')

export const listParameters = [
  allowWatchBookmarks,
  continueToken,
  fieldSelector,
  labelSelector,
  limit,
  resourceVersion,
  resourceVersionMatch,
  sendInitialEvents,
  shardSelector,
  timeoutSeconds,
  watch,
] as const

export const deleteCollectionParameters = [
  continueToken,
  dryRun,
  fieldSelector,
  gracePeriodSeconds,
  ignoreStoreReadError,
  labelSelector,
  limit,
  orphanDependents,
  propagationPolicy,
  resourceVersion,
  resourceVersionMatch,
  sendInitialEvents,
  shardSelector,
  timeoutSeconds,
] as const

/** A parameter that only one subresource has: `container` of pods/log. */
export const subresourceParameter = (name: string, type: string): Parameter => ({
  ...query(name, type === 'boolean' || type === 'integer' ? type : 'string', `${name} of the request`),
  inline: true,
})

/** Every parameter that OpenAPI v2 keeps under `parameters`, by name. */
export const sharedParameters: ReadonlyMap<string, Parameter> = new Map(
  [namespaceParameter, pretty, ...patchParameters, ...deleteParameters, ...listParameters]
    .filter((parameter) => !parameter.inline)
    .map((parameter) => [parameter.name, parameter]),
)
