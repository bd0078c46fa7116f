/**
 * `--runtime-config`: which built-in APIs are served. Upstream: pkg/server/resourceconfig, and the validation of
 * APIEnablementOptions. What upstream serves only when it is asked to is not built here, and refused when asked for.
 */
import { UsageError } from '../../component-base/process/run.ts'

export interface ApiResource {
  readonly group: string
  readonly version: string
  readonly plural: string
}

/** True for what is served. */
export type ServesApi = (resource: ApiResource) => boolean

/** Group versions of v1.36 that are off by default. */
const offByDefault: ReadonlySet<string> = new Set([
  'admissionregistration.k8s.io/v1alpha1',
  'admissionregistration.k8s.io/v1beta1',
  'certificates.k8s.io/v1alpha1',
  'certificates.k8s.io/v1beta1',
  'coordination.k8s.io/v1alpha2',
  'coordination.k8s.io/v1beta1',
  'internal.apiserver.k8s.io/v1alpha1',
  'networking.k8s.io/v1beta1',
  'resource.k8s.io/v1alpha3',
  'resource.k8s.io/v1beta1',
  'resource.k8s.io/v1beta2',
  'scheduling.k8s.io/v1alpha2',
  'storage.k8s.io/v1beta1',
  'storagemigration.k8s.io/v1beta1',
])

const versionClasses: ReadonlyMap<string, RegExp> = new Map([
  ['api/all', /^/],
  ['api/ga', /^v\d+$/],
  ['api/beta', /^v\d+beta\d+$/],
  ['api/alpha', /^v\d+alpha\d+$/],
])

const versionOf = (groupVersion: string): string => groupVersion.split('/')[1] ?? ''
const groupOf = (groupVersion: string): string => groupVersion.split('/')[0] ?? ''

/** A key without a value means true. */
const parseFlag = (texts: readonly string[]): ReadonlyMap<string, string> =>
  new Map(
    texts.map((text) => {
      const equals = text.indexOf('=')
      return equals < 0 ? [text.trim(), ''] : [text.slice(0, equals).trim(), text.slice(equals + 1).trim()]
    }),
  )

const booleans: ReadonlyMap<string, boolean> = new Map([
  ['', true],
  ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((text) => [text, true] as const),
  ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map((text) => [text, false] as const),
])

const parseBoolean = (key: string, text: string): boolean => {
  const value = booleans.get(text)
  if (value !== undefined) return value
  const why = `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`
  throw new UsageError(`invalid value of ${key}: ${text}, err: ${why}`)
}

interface Preference {
  readonly groupVersion: string
  /** undefined: all of them. */
  readonly plural: string | undefined
  readonly enabled: boolean
}

const notBuilt = (key: string): UsageError => new UsageError(`--runtime-config ${key} is not implemented by kubets`)

const checkKeys = (settings: ReadonlyMap<string, string>, groups: ReadonlySet<string>): void => {
  if (settings.get('api/all') === 'false' && settings.size === 1) {
    throw new UsageError('invalid runtime-config with only api/all=false')
  }
  const keys = [...settings.keys()].filter((key) => !versionClasses.has(key))
  const invalid = keys.find((key) => ![2, 3].includes(key.split('/').length))
  if (invalid !== undefined) throw new UsageError(`runtime-config invalid key ${invalid}`)
  const unknown = keys.map((key) => key.split('/').slice(0, 2).join('/')).filter((name) => !groups.has(groupOf(name)))
  if (unknown.length > 0) throw new UsageError(`unknown api groups ${[...new Set(unknown)].toSorted().join(',')}`)
}

const preferenceOf = (key: string, text: string, known: ReadonlySet<string>): Preference => {
  const [group = '', version = '', plural] = key.split('/')
  const groupVersion = `${group}/${version}`
  if (!known.has(groupVersion)) {
    throw new UsageError(`group version ${group === '' ? version : groupVersion} that has not been registered`)
  }
  const enabled = parseBoolean(key, text)
  if (plural !== undefined && plural.toLowerCase() !== plural) {
    throw new UsageError(
      `invalid key ${key}: group/version/resource and resource is always lowercase plural, not ${JSON.stringify(plural)}`,
    )
  }
  if (enabled && offByDefault.has(groupVersion)) throw notBuilt(key)
  return { groupVersion, plural, enabled }
}

/** Group versions that are served after `api/all`, `api/ga` … were applied in upstream's order. */
const byClass = (settings: ReadonlyMap<string, string>, served: ReadonlySet<string>): Map<string, boolean> => {
  const enabled = new Map([...served].map((groupVersion) => [groupVersion, true]))
  for (const [key, pattern] of versionClasses) {
    const text = settings.get(key)
    if (text === undefined) continue
    if (text !== 'true' && text !== 'false') throw new UsageError(`invalid value ${key}=${text}`)
    const matching = (groupVersion: string): boolean => pattern.test(versionOf(groupVersion))
    if (text === 'true' && [...offByDefault].some(matching)) throw notBuilt(`${key}=true`)
    for (const groupVersion of served) if (matching(groupVersion)) enabled.set(groupVersion, text === 'true')
  }
  return enabled
}

/** Throws UsageError in upstream's words, or naming what is not built. */
export const parseRuntimeConfig = (texts: readonly string[], builtIn: Iterable<ApiResource>): ServesApi => {
  const settings = parseFlag(texts)
  const served = new Set([...builtIn].map(({ group, version }) => `${group}/${version}`))
  const known = new Set([...served, ...offByDefault])
  checkKeys(settings, new Set([...known].map(groupOf)))
  const enabled = byClass(settings, served)
  const preferences = [...settings]
    .filter(([key]) => !versionClasses.has(key))
    .map(([key, text]) => preferenceOf(key, text, known))
  for (const { groupVersion, plural, enabled: value } of preferences) {
    if (plural === undefined) enabled.set(groupVersion, value)
  }
  const single = new Map(
    preferences.flatMap(({ groupVersion, plural, enabled: value }) =>
      plural === undefined ? [] : [[`${groupVersion}/${plural}`, value] as const],
    ),
  )
  return ({ group, version, plural }) => {
    const groupVersion = `${group}/${version}`
    return single.get(`${groupVersion}/${plural}`) ?? enabled.get(groupVersion) ?? true
  }
}
