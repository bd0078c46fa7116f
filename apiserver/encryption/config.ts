/** EncryptionConfiguration, read and checked. Upstream: apis/apiserver (v1) and its validation_encryption.go */
import { parseYaml } from '../../api/codec/yaml.ts'
import { type FieldError, invalid, required } from '../../api/meta/field-error.ts'
import { decodeConfig, type Shape } from '../../component-base/config/decode-config.ts'
import { formatDuration, parseDuration } from '../../component-base/flags/duration.ts'
import { resourceNameErrors, resourceOverlapErrors } from './resource-names.ts'

export interface NamedKey {
  readonly name: string
  /** base64. */
  readonly secret: string
}

export interface KmsProvider {
  /** v1 or v2. */
  readonly apiVersion: string
  readonly name: string
  /** `unix:///…`. */
  readonly endpoint: string
  readonly timeoutMs: number
  readonly cacheSize: number | undefined
}

export type Provider =
  | { readonly type: 'identity' }
  | { readonly type: 'aesgcm' | 'aescbc' | 'secretbox'; readonly keys: readonly NamedKey[] }
  | { readonly type: 'kms'; readonly kms: KmsProvider }

export interface ResourceConfiguration {
  /** `secrets`, `deployments.apps`, `*.apps`, `*.` (the core group), `*.*`. */
  readonly resources: readonly string[]
  readonly providers: readonly Provider[]
}

export interface EncryptionConfiguration {
  readonly resources: readonly ResourceConfiguration[]
}

const keys: Shape = { fields: { keys: { list: { fields: { name: 'string', secret: 'string' } } } } }
const configurationFields: Readonly<Record<string, Shape>> = {
  apiVersion: 'string',
  kind: 'string',
  resources: {
    list: {
      fields: {
        resources: { list: 'string' },
        providers: {
          list: {
            fields: {
              identity: { fields: {} },
              aesgcm: keys,
              aescbc: keys,
              secretbox: keys,
              kms: {
                fields: {
                  apiVersion: 'string',
                  name: 'string',
                  cachesize: 'int',
                  endpoint: 'string',
                  timeout: 'duration',
                },
              },
            },
          },
        },
      },
    },
  },
}

interface RawKeys {
  readonly keys?: readonly { readonly name?: string; readonly secret?: string }[]
}
interface RawProvider {
  readonly identity?: object
  readonly aesgcm?: RawKeys
  readonly aescbc?: RawKeys
  readonly secretbox?: RawKeys
  readonly kms?: {
    readonly apiVersion?: string
    readonly name?: string
    readonly cachesize?: number
    readonly endpoint?: string
    readonly timeout?: string
  }
}
interface RawConfiguration {
  readonly apiVersion?: string
  readonly kind?: string
  readonly resources?: readonly {
    readonly resources?: readonly string[]
    readonly providers?: readonly RawProvider[]
  }[]
}

const defaultTimeout = '3s'
const defaultCacheSize = 1000
const providerNames = ['kms', 'aesgcm', 'aescbc', 'secretbox', 'identity'] as const
const keySizes = { aesgcm: [16, 24, 32], aescbc: [16, 24, 32], secretbox: [32] } as const

/** The provider of an element, or what is wrong with it. */
const readProvider = (raw: RawProvider, path: string): { provider?: Provider; errors: FieldError[] } => {
  const given = providerNames.filter((name) => raw[name] !== undefined)
  const [type] = given
  if (type === undefined) {
    const why = 'provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity'
    return { errors: [invalid(path, {}, why)] }
  }
  if (given.length > 1) {
    const why = 'more than one provider specified in a single element, should split into different list elements'
    return { errors: [invalid(path, given, why)] }
  }
  if (type === 'identity') return { provider: { type }, errors: [] }
  if (type === 'kms') return readKms(raw.kms ?? {}, `${path}.kms`)
  const named = (raw[type]?.keys ?? []).map(({ name = '', secret = '' }) => ({ name, secret }))
  return { provider: { type, keys: named }, errors: keyErrors(named, `${path}.${type}.keys`, keySizes[type]) }
}

const readKms = (raw: NonNullable<RawProvider['kms']>, path: string): { provider: Provider; errors: FieldError[] } => {
  const { apiVersion = 'v1', name = '', endpoint = '', timeout = defaultTimeout } = raw
  const timeoutMs = parseDuration(timeout)
  const cacheSize = raw.cachesize ?? (apiVersion === 'v1' ? defaultCacheSize : undefined)
  const errors: FieldError[] = []
  if (name === '') errors.push(required(`${path}.name`, 'name is a mandatory field for a provider'))
  if (apiVersion !== 'v1' && name.includes(':')) {
    errors.push(invalid(`${path}.name`, name, `invalid KMS provider name ${name}, must not contain ':'`))
  }
  if (timeoutMs === undefined) {
    errors.push(invalid(`${path}.timeout`, timeout, `time: invalid duration ${JSON.stringify(timeout)}`))
  } else if (timeoutMs <= 0) {
    errors.push(invalid(`${path}.timeout`, formatDuration(timeoutMs), 'timeout should be a positive value'))
  }
  errors.push(...endpointErrors(endpoint, `${path}.endpoint`))
  if (apiVersion !== 'v1' && cacheSize !== undefined) {
    errors.push(invalid(`${path}.cachesize`, cacheSize, 'cachesize is not supported in v2'))
  }
  if (apiVersion === 'v1' && cacheSize === 0) {
    errors.push(invalid(`${path}.cachesize`, cacheSize, 'cachesize should be a positive value, or negative to disable'))
  }
  if (apiVersion !== 'v1' && apiVersion !== 'v2') {
    const why = 'unsupported apiVersion apiVersion for KMS provider, only v1 and v2 are supported'
    errors.push(invalid(`${path}.apiVersion`, apiVersion, why))
  }
  return {
    provider: { type: 'kms', kms: { apiVersion, name, endpoint, timeoutMs: timeoutMs ?? 0, cacheSize } },
    errors,
  }
}

const endpointErrors = (endpoint: string, path: string): FieldError[] => {
  if (endpoint === '') return [invalid(path, '', 'endpoint is a mandatory field for a kms')]
  const scheme = /^([a-zA-Z][\w+.-]*):/.exec(endpoint)?.[1]?.toLowerCase() ?? ''
  if (scheme === 'unix') return []
  const why = `unsupported scheme ${JSON.stringify(scheme)} for KMS provider, only unix is supported`
  return [invalid(path, endpoint, why)]
}

const base64Pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

const keyErrors = (named: readonly NamedKey[], path: string, sizes: readonly number[]): FieldError[] => {
  if (named.length === 0) return [required(path, 'at least one keys is required')]
  return named.flatMap(({ name, secret }, index) => {
    const errors: FieldError[] = []
    if (name === '') errors.push(required(`${path}[${index}].name`, 'name is a mandatory field for a key'))
    const at = `${path}[${index}].secret`
    if (secret === '') return [...errors, required(at, 'secret is a mandatory field for a key')]
    if (!base64Pattern.test(secret)) return [...errors, invalid(at, 'REDACTED', 'secrets must be base64 encoded')]
    const { length } = Buffer.from(secret, 'base64')
    if (sizes.includes(length)) return errors
    const why = `secret is not of the expected length, got ${length}, expected one of [${sizes.join(' ')}]`
    return [...errors, invalid(at, 'REDACTED', why)]
  })
}

const duplicateNames = (providers: readonly Provider[], path: string, seen: Set<string>, reload: boolean) =>
  providers.flatMap((provider, index): FieldError[] => {
    if (provider.type !== 'kms') return []
    const { name, apiVersion } = provider.kms
    const taken = seen.has(name) && (reload || apiVersion !== 'v1')
    seen.add(name)
    const why = `duplicate KMS provider name ${name}, names must be unique`
    return taken ? [invalid(`${path}[${index}].kms.name`, name, why)] : []
  })

const isOurKind = ({ apiVersion = '', kind = '' }: RawConfiguration): boolean =>
  (apiVersion === 'apiserver.config.k8s.io/v1' && kind === 'EncryptionConfiguration') ||
  // The name of its first days, by which upstream still knows it.
  (apiVersion === 'v1' && kind === 'EncryptionConfig')

/** Throws an Error in upstream's words. `reload`: whether it may be replaced while the server runs. */
export const parseEncryptionConfiguration = (text: string, reload: boolean): EncryptionConfiguration => {
  const { value, problems } = decodeConfig(configurationFields, parseYaml(Buffer.from(text)).value ?? {})
  const raw = value as RawConfiguration
  if (!isOurKind(raw)) {
    throw new Error(`no kind "${raw.kind ?? ''}" is registered for version "${raw.apiVersion ?? ''}"`)
  }
  if (problems.length > 0) throw new Error(`strict decoding error: ${problems.join(', ')}`)
  const errors: FieldError[] = []
  const resources: ResourceConfiguration[] = []
  const kmsNames = new Set<string>()
  if ((raw.resources ?? []).length === 0) errors.push(required('resources', 'at least one resources is required'))
  for (const [index, configuration] of (raw.resources ?? []).entries()) {
    const names = configuration.resources ?? []
    const listed = `resources[${index}].resources`
    const provided = `resources[${index}].providers`
    if (names.length === 0) errors.push(required(listed, `at least one ${listed} is required`))
    errors.push(...resourceOverlapErrors(names, listed), ...resourceNameErrors(names, listed))
    const read = (configuration.providers ?? []).map((one, at) => readProvider(one, `${provided}[${at}]`))
    if (read.length === 0) errors.push(required(provided, `at least one ${provided} is required`))
    const providers = read.flatMap(({ provider }) => provider ?? [])
    errors.push(...read.flatMap((one) => one.errors), ...duplicateNames(providers, provided, kmsNames, reload))
    resources.push({ resources: names, providers })
  }
  const texts = errors.map(({ field, detail }) => `${field}: ${detail}`)
  if (texts.length > 0) throw new Error(texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`)
  return { resources }
}
