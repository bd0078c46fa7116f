/** Parameters of the REST API, named once. The texts are ours; names and types are the contract. */

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly type: 'string' | 'integer' | 'boolean'
  readonly description: string
  /**
   * What upstream calls it among the shared parameters of OpenAPI v2: generated clients have the name in their types.
   * Without one it is written out at each operation: kubectl looks for those in place to learn what the server supports.
   */
  readonly shared?: string
}

const query = (name: string, type: Parameter['type'], description: string): Parameter => ({
  name,
  in: 'query',
  type,
  description,
})

const shared = (suffix: string, parameter: Parameter): Parameter => ({
  ...parameter,
  shared: `${parameter.name}-${suffix}`,
})

export const nameParameter = (kind: string): Parameter => ({
  name: 'name',
  in: 'path',
  type: 'string',
  description: `name of the ${kind}`,
})
export const namespaceParameter: Parameter = {
  name: 'namespace',
  in: 'path',
  type: 'string',
  description: 'namespace of the object',
  shared: 'namespace-vgWSWtn3',
}
export const pathParameter: Parameter = {
  name: 'path',
  in: 'path',
  type: 'string',
  description: 'path below the proxied resource',
  shared: 'path-z6Ciiujn',
}

export const pretty = shared('tJGM1-ng', query('pretty', 'string', "If 'true', the answer is indented for people."))

const dryRun = query('dryRun', 'string', "'All' runs every stage of the request and stores nothing.")
const manager = query('fieldManager', 'string', 'Name of the actor that makes the change, up to 128 characters.')
const fieldManager = shared('Qy4HdaTW', manager)
/** An apply needs one. */
const patchFieldManager = shared('7c6nTn1T', manager)
const fieldValidation = query(
  'fieldValidation',
  'string',
  'What to do with unknown or repeated fields: Ignore, Warn (the default) or Strict.',
)
const force = shared(
  'tOGGb0Yi',
  query('force', 'boolean', 'Take over fields that other managers own; only for apply patches.'),
)

export const createParameters = [dryRun, fieldManager, fieldValidation] as const
export const updateParameters = createParameters
export const patchParameters = [dryRun, patchFieldManager, fieldValidation, force] as const

const gracePeriodSeconds = shared(
  '-K5HaBOS',
  query('gracePeriodSeconds', 'integer', 'Seconds before the object is deleted; 0 deletes at once.'),
)
const ignoreStoreReadError = shared(
  'QbNkfIqj',
  query(
    'ignoreStoreReadErrorWithClusterBreakingPotential',
    'boolean',
    'Delete an object that cannot be read from the store. It may break the cluster.',
  ),
)
const orphanDependents = shared('uRB25kX5', query('orphanDependents', 'boolean', 'Deprecated: use propagationPolicy.'))
const propagationPolicy = shared(
  '6jk3prlO',
  query('propagationPolicy', 'string', 'What becomes of dependents: Orphan, Background or Foreground.'),
)

export const deleteParameters = [
  dryRun,
  gracePeriodSeconds,
  ignoreStoreReadError,
  orphanDependents,
  propagationPolicy,
] as const

const allowWatchBookmarks = shared(
  'HC2hJt-J',
  query('allowWatchBookmarks', 'boolean', 'Ask for BOOKMARK events in a watch.'),
)
const continueToken = shared(
  'QfD61s0i',
  query('continue', 'string', 'Token of a former answer, to read the next page of a list.'),
)
const fieldSelector = shared('xIcQKXFG', query('fieldSelector', 'string', 'Only objects with these fields.'))
const labelSelector = shared('5Zw57w4C', query('labelSelector', 'string', 'Only objects with these labels.'))
const limit = shared('1NfNmdNH', query('limit', 'integer', 'At most so many objects in one answer.'))
const resourceVersion = shared(
  '5WAnf1kx',
  query('resourceVersion', 'string', 'Which state of the collection to serve.'),
)
const resourceVersionMatch = shared(
  't8XhRHeC',
  query('resourceVersionMatch', 'string', 'How resourceVersion is meant: NotOlderThan or Exact.'),
)
const sendInitialEvents = shared(
  'rLXlEK_k',
  query('sendInitialEvents', 'boolean', 'Begin a watch with the objects that exist.'),
)
const shardSelector = shared('Kgyki_3_', query('shardSelector', 'string', 'Only objects of these shards.'))
const timeoutSeconds = shared(
  'yvYezaOC',
  query('timeoutSeconds', 'integer', 'End a list or watch after so many seconds.'),
)
const watch = shared('XNNPZGbK', query('watch', 'boolean', 'Stream changes instead of listing.'))

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

/** Ends of the shared names of parameters that only one subresource has. */
const subresourceNames: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'pods/attach': {
    container: '_Q-EJ3nR',
    stderr: '26jJhFUR',
    stdin: 'sEFnN3IS',
    stdout: '005YMKE6',
    tty: 'g7MlET_l',
  },
  'pods/exec': {
    command: 'Py3eQybp',
    container: 'i5dOmRiM',
    stderr: 'W_1TNlWc',
    stdin: 'PSzNhyUC',
    stdout: '-EZLRwV1',
    tty: 's0flW37O',
  },
  'pods/log': {
    container: '1GeXxFDC',
    follow: '9OIXh_2R',
    insecureSkipTLSVerifyBackend: 'gM00jVbe',
    limitBytes: 'zwd1RXuc',
    previous: '1jxDPu3y',
    sinceSeconds: 'vE2NLdnP',
    stream: 'l-48cgXv',
    tailLines: '9xQLWHMV',
    timestamps: 'c17fW1w_',
  },
  'pods/portforward': { ports: '91KROJmm' },
  'pods/proxy': { path: 'oPbzgLUj' },
  'services/proxy': { path: 'QCf0eosM' },
  'nodes/proxy': { path: 'rFDtV0x9' },
}

/** A parameter that only one subresource has: `container` of `pods/log`. */
export const subresourceParameter = (subresource: string, name: string, type: string): Parameter => {
  const parameter = query(name, type === 'boolean' || type === 'integer' ? type : 'string', `${name} of the request`)
  const suffix = subresourceNames[subresource]?.[name]
  return suffix === undefined ? parameter : shared(suffix, parameter)
}

/** Bodies that OpenAPI v2 shares, by definition. */
export const sharedBodies: ReadonlyMap<string, string> = new Map([
  ['io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions', 'body-2Y1dVQaQ'],
  ['io.k8s.apimachinery.pkg.apis.meta.v1.Patch', 'body-78PwaGsr'],
])

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** By name and place, as upstream sorts those of a path. */
export const byName = (a: Parameter, b: Parameter): number => compare(a.name, b.name) || compare(a.in, b.in)
