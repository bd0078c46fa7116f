/** Reads and checks `--authorization-config`. Upstream: LoadAndValidateData and ValidateAuthorizationConfiguration */
import { type Stats, statSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { boolResult } from '../../api/cel/admission-environment.ts'
import { checkExpression } from '../../api/cel/validate.ts'
import { parseYaml } from '../../api/codec/yaml.ts'
import { duplicate, type FieldError, invalid, notSupported, required, tooMany } from '../../api/meta/field-error.ts'
import { isDns1123Subdomain } from '../../api/meta/names.ts'
import { decodeConfig, type Shape } from '../../component-base/config/decode-config.ts'
import { formatDuration, parseDuration } from '../../component-base/flags/duration.ts'
import {
  type AuthorizerConfig,
  type AuthorizerConfigs,
  type AuthorizerType,
  authorizerTypeOf,
  authorizerTypes,
  type ConnectionInfo,
  type WebhookAuthorizerConfig,
} from './configuration.ts'
import { matchConditionEnvironment } from './match-conditions.ts'

const fields: Readonly<Record<string, Shape>> = {
  apiVersion: 'string',
  kind: 'string',
  authorizers: {
    list: {
      fields: {
        type: 'string',
        name: 'string',
        webhook: {
          fields: {
            authorizedTTL: 'duration',
            cacheAuthorizedRequests: 'bool',
            unauthorizedTTL: 'duration',
            cacheUnauthorizedRequests: 'bool',
            timeout: 'duration',
            subjectAccessReviewVersion: 'string',
            matchConditionSubjectAccessReviewVersion: 'string',
            failurePolicy: 'string',
            connectionInfo: { fields: { type: 'string', kubeConfigFile: 'string' } },
            matchConditions: { list: { fields: { expression: 'string' } } },
          },
        },
      },
    },
  },
}

interface RawWebhook {
  readonly authorizedTTL?: string
  readonly cacheAuthorizedRequests?: boolean
  readonly unauthorizedTTL?: string
  readonly cacheUnauthorizedRequests?: boolean
  readonly timeout?: string
  readonly subjectAccessReviewVersion?: string
  readonly matchConditionSubjectAccessReviewVersion?: string
  readonly failurePolicy?: string
  readonly connectionInfo?: { readonly type?: string; readonly kubeConfigFile?: string }
  readonly matchConditions?: readonly { readonly expression?: string }[]
}
interface RawConfiguration {
  readonly apiVersion?: string
  readonly kind?: string
  readonly authorizers?: readonly { readonly type?: string; readonly name?: string; readonly webhook?: RawWebhook }[]
}

const versions: readonly string[] = ['v1', 'v1beta1', 'v1alpha1'].map((version) => `apiserver.config.k8s.io/${version}`)

type Report = (...errors: readonly FieldError[]) => void

const milliseconds = (text: string | undefined): number => {
  if (text === undefined) return 0
  const ms = parseDuration(text)
  if (ms === undefined) throw new Error(`time: invalid duration ${JSON.stringify(text)}`)
  return ms
}

const readTtl = (text: string | undefined, defaultMs: number, path: string, report: Report): number => {
  // Go has 0 for what is not there: both are the default.
  const ms = milliseconds(text) || defaultMs
  if (ms < 0) report(invalid(path, formatDuration(ms), 'must be > 0s'))
  return ms
}

const maxTimeoutMs = 30_000

const readTimeout = (text: string | undefined, path: string, report: Report): number => {
  const ms = milliseconds(text)
  if (ms === 0) report(required(path))
  else if (ms > maxTimeoutMs || ms < 0) report(invalid(path, formatDuration(ms), 'must be > 0s and <= 30s'))
  return ms
}

/** One of `choices`, or `fallback` where an error was reported. */
const readChoice = <T extends string>(
  text: string | undefined,
  choices: readonly [T, ...T[]],
  path: string,
  report: Report,
): T => {
  const choice = choices.find((candidate) => candidate === text)
  if (choice !== undefined) return choice
  report((text ?? '') === '' ? required(path) : notSupported(path, text, choices))
  return choices[0]
}

const fileErrors = (file: string, path: string): FieldError[] => {
  if (file === '') return [required(path)]
  if (!isAbsolute(file)) return [invalid(path, file, 'must be an absolute path')]
  let found: Stats
  try {
    found = statSync(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'no such file or directory' : (error as Error).message
    return [invalid(path, file, `error loading file: stat ${file}: ${why}`)]
  }
  return found.isFile() ? [] : [invalid(path, file, 'must be a regular file')]
}

const readConnection = (raw: RawWebhook['connectionInfo'], path: string, report: Report): ConnectionInfo => {
  const { type = '', kubeConfigFile } = raw ?? {}
  const choice = readChoice(type, ['InClusterConfig', 'KubeConfigFile'], `${path}.type`, report)
  if (choice === 'InClusterConfig') {
    if (type === 'InClusterConfig' && kubeConfigFile !== undefined) {
      report(invalid(`${path}.kubeConfigFile`, kubeConfigFile, 'can only be set when type=KubeConfigFile'))
    }
    return { type: 'InClusterConfig' }
  }
  report(...fileErrors(kubeConfigFile ?? '', `${path}.kubeConfigFile`))
  return { type: 'KubeConfigFile', path: kubeConfigFile ?? '' }
}

const maxConditions = 64

const readConditions = (raw: RawWebhook, path: string, report: Report): string[] => {
  const expressions = (raw.matchConditions ?? []).map(({ expression = '' }) => expression)
  const version = raw.matchConditionSubjectAccessReviewVersion ?? ''
  const versionPath = `${path}.matchConditionSubjectAccessReviewVersion`
  if (version === '' && expressions.length > 0)
    report(required(versionPath, 'required if match conditions are specified'))
  if (version !== '' && version !== 'v1') report(notSupported(versionPath, version, ['v1']))
  if (expressions.length > maxConditions) {
    report(tooMany(`${path}.matchConditions`, expressions.length, maxConditions))
    return []
  }
  for (const [index, expression] of expressions.entries()) {
    const at = `${path}.matchConditions[${index}].expression`
    if (expression.trim() === '') report(required(at))
    else if (expressions.indexOf(expression) < index) report(duplicate(at, expression))
    else report(...checkExpression(at, expression, matchConditionEnvironment(), boolResult).errors)
  }
  return expressions
}

/** Upstream reports a webhook's fields beside `webhook`, not below it. */
const readWebhook = (raw: RawWebhook, path: string, report: Report): WebhookAuthorizerConfig => {
  const timeoutMs = readTimeout(raw.timeout, `${path}.timeout`, report)
  const authorizedTtlMs = readTtl(raw.authorizedTTL, 300_000, `${path}.authorizedTTL`, report)
  const unauthorizedTtlMs = readTtl(raw.unauthorizedTTL, 30_000, `${path}.unauthorizedTTL`, report)
  const version = readChoice(
    raw.subjectAccessReviewVersion,
    ['v1', 'v1beta1'],
    `${path}.subjectAccessReviewVersion`,
    report,
  )
  const conditions: FieldError[] = []
  const matchConditions = readConditions(raw, path, (...errors) => void conditions.push(...errors))
  const ofVersion = conditions.filter(({ field }) => field.endsWith('ReviewVersion'))
  report(...ofVersion)
  const failurePolicy = readChoice(raw.failurePolicy, ['NoOpinion', 'Deny'], `${path}.failurePolicy`, report)
  const connection = readConnection(raw.connectionInfo, `${path}.connectionInfo`, report)
  report(...conditions.filter((error) => !ofVersion.includes(error)))
  return {
    timeoutMs,
    authorizedTtlMs: raw.cacheAuthorizedRequests === false ? 0 : authorizedTtlMs,
    unauthorizedTtlMs: raw.cacheUnauthorizedRequests === false ? 0 : unauthorizedTtlMs,
    version,
    matchConditions,
    failurePolicy,
    connection,
  }
}

const readAuthorizers = ({ authorizers = [] }: RawConfiguration, report: Report): AuthorizerConfig[] => {
  if (authorizers.length === 0) report(required('authorizers', 'at least one authorization mode must be defined'))
  const types = new Set<string>()
  const names = new Set<string>()
  return authorizers.flatMap(({ type: text = '', name = '', webhook }, index): AuthorizerConfig[] => {
    const path = `authorizers[${index}]`
    const at = `${path}.type`
    const type = authorizerTypeOf(text)
    if (type === undefined) {
      report(text === '' ? required(at) : notSupported(at, text, [...authorizerTypes].sort()))
      return []
    }
    if (types.has(type) && type !== 'Webhook') {
      report(duplicate(at, type))
      return []
    }
    types.add(type)
    const problems = isDns1123Subdomain(name)
    if (name === '') report(required(`${path}.name`))
    else if (names.has(name)) report(duplicate(`${path}.name`, name))
    else if (problems.length > 0) {
      report(invalid(`${path}.name`, name, `authorizer name is invalid: ${problems.join(', ')}`))
    }
    names.add(name)
    if (type === 'Webhook') {
      if (webhook !== undefined) return [{ type, name, webhook: readWebhook(webhook, path, report) }]
      report(required(`${path}.webhook`, 'required when type=Webhook'))
      return []
    }
    if (webhook !== undefined) {
      report(invalid(`${path}.webhook`, 'non-null', 'may only be specified when type=Webhook'))
    }
    return [{ type, name }]
  })
}

const joined = (texts: readonly string[]): string => (texts.length === 1 ? texts.join('') : `[${texts.join(', ')}]`)

const load = (text: string): RawConfiguration => {
  const { value, problems } = decodeConfig(fields, parseYaml(Buffer.from(text)).value ?? {})
  const raw = value as RawConfiguration
  if (!versions.includes(raw.apiVersion ?? '') || raw.kind !== 'AuthorizationConfiguration') {
    throw new Error(`no kind ${JSON.stringify(raw.kind ?? '')} is registered for version "${raw.apiVersion ?? ''}"`)
  }
  if (problems.length > 0) throw new Error(`strict decoding error: ${problems.join(', ')}`)
  return raw
}

/** `needed`: types that must be there. Throws an Error with all that is wrong. */
export const parseAuthorizationConfiguration = (
  text: string,
  needed: readonly AuthorizerType[] = [],
): AuthorizerConfigs => {
  let raw: RawConfiguration
  try {
    raw = load(text)
  } catch (error) {
    throw new Error(`failed to load AuthorizationConfiguration from file: ${(error as Error).message}`, {
      cause: error,
    })
  }
  const errors: FieldError[] = []
  const authorizers = readAuthorizers(raw, (...found) => void errors.push(...found))
  if (errors.length > 0) throw new Error(joined(errors.map(({ field, detail }) => `${field}: ${detail}`)))
  const builtIn = authorizers.filter(({ type }) => type !== 'Webhook')
  const wrong = builtIn
    .filter(({ type, name }) => name !== type.toLowerCase())
    .map(({ type, name }) => `expected name ${type.toLowerCase()} for authorizer ${type} instead of ${name}`)
  const missing = needed.filter((type) => type !== 'Webhook' && !builtIn.some((one) => one.type === type)).sort()
  if (missing.length > 0) wrong.push(`missing required types: [${missing.join(' ')}]`)
  if (wrong.length > 0) throw new Error(joined(wrong))
  return authorizers
}
