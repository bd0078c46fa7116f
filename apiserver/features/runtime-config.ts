/**
 * `--runtime-config`: which built-in APIs are served. Upstream: pkg/server/resourceconfig, and the validation of
 * APIEnablementOptions. Of what upstream serves only when it is asked to, `optionalKinds` is built here; another version
 * is refused when it is asked for by name, and passed over with a word when `api/beta` or the like asks for all.
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

const preferenceOf = (
  key: string,
  text: string,
  { known, built }: { readonly known: ReadonlySet<string>; readonly built: ReadonlySet<string> },
): Preference => {
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
  if (enabled && !built.has(groupVersion)) throw notBuilt(key)
  return { groupVersion, plural, enabled }
}

/** Which group versions are served, by what `api/all`, `api/ga` … say, applied in upstream's order. */
const byClass = (
  settings: ReadonlyMap<string, string>,
  byDefault: ReadonlyMap<string, boolean>,
): Map<string, boolean> => {
  const enabled = new Map(byDefault)
  for (const [key, pattern] of versionClasses) {
    const text = settings.get(key)
    if (text === undefined) continue
    if (text !== 'true' && text !== 'false') throw new UsageError(`invalid value ${key}=${text}`)
    for (const groupVersion of enabled.keys()) {
      if (pattern.test(versionOf(groupVersion))) enabled.set(groupVersion, text === 'true')
    }
  }
  return enabled
}

export interface RuntimeConfig {
  readonly serves: ServesApi
  /** Group versions that `api/beta` and the like ask for, and that are not built here. */
  readonly missing: readonly string[]
}

/** What there is to serve. */
export interface BuiltApis {
  readonly byDefault: Iterable<ApiResource>
  /** Served only when they are asked for. */
  readonly optional: Iterable<ApiResource>
}

const groupVersionsOf = (resources: Iterable<ApiResource>): string[] =>
  [...resources].map(({ group, version }) => `${group}/${version}`)

/** Throws UsageError in upstream's words, or naming what is not built. */
export const parseRuntimeConfig = (texts: readonly string[], apis: BuiltApis): RuntimeConfig => {
  const settings = parseFlag(texts)
  const byDefault = new Map([
    ...[...offByDefault, ...groupVersionsOf(apis.optional)].map((name) => [name, false] as const),
    ...groupVersionsOf(apis.byDefault).map((name) => [name, true] as const),
  ])
  const known = new Set(byDefault.keys())
  const built = new Set([...groupVersionsOf(apis.byDefault), ...groupVersionsOf(apis.optional)])
  checkKeys(settings, new Set([...known].map(groupOf)))
  const enabled = byClass(settings, byDefault)
  const missing = [...enabled].flatMap(([name, value]) => (value && !built.has(name) ? [name] : []))
  const preferences = [...settings]
    .filter(([key]) => !versionClasses.has(key))
    .map(([key, text]) => preferenceOf(key, text, { known, built }))
  for (const { groupVersion, plural, enabled: value } of preferences) {
    if (plural === undefined) enabled.set(groupVersion, value)
  }
  const single = new Map(
    preferences.flatMap(({ groupVersion, plural, enabled: value }) =>
      plural === undefined ? [] : [[`${groupVersion}/${plural}`, value] as const],
    ),
  )
  const serves: ServesApi = ({ group, version, plural }) => {
    const groupVersion = `${group}/${version}`
    return single.get(`${groupVersion}/${plural}`) ?? enabled.get(groupVersion) ?? true
  }
  return { serves, missing }
}
