/** Reads and checks `--authentication-config`. Upstream: ValidateAuthenticationConfiguration */
import { X509Certificate } from 'node:crypto'
import { parseYaml } from '../../../api/codec/yaml.ts'
import { boolResult } from '../../../api/cel/admission-environment.ts'
import { checkExpression } from '../../../api/cel/validate.ts'
import { domainPrefixedPath } from '../../../api/meta/checks.ts'
import { duplicate, type FieldError, invalid, required } from '../../../api/meta/field-error.ts'
import { decodeConfig, type Shape } from '../../../component-base/config/decode-config.ts'
import type {
  AuthenticationConfiguration,
  ClaimRule,
  ExtraMapping,
  JwtAuthenticatorConfig,
  Mapping,
  PrefixedMapping,
  UserRule,
} from './configuration.ts'
import { claimsEnvironment, userEnvironment } from './expressions.ts'
import { audienceErrors, issuerUrlErrors } from './issuer-validation.ts'

const mapping: Shape = { fields: { claim: 'string', prefix: 'string', expression: 'string' } }
const fields: Readonly<Record<string, Shape>> = {
  apiVersion: 'string',
  kind: 'string',
  anonymous: { fields: { enabled: 'bool', conditions: { list: { fields: { path: 'string' } } } } },
  jwt: {
    list: {
      fields: {
        issuer: {
          fields: {
            url: 'string',
            discoveryURL: 'string',
            certificateAuthority: 'string',
            audiences: { list: 'string' },
            audienceMatchPolicy: 'string',
            egressSelectorType: 'string',
          },
        },
        claimValidationRules: {
          list: { fields: { claim: 'string', requiredValue: 'string', expression: 'string', message: 'string' } },
        },
        claimMappings: {
          fields: {
            username: mapping,
            groups: mapping,
            uid: { fields: { claim: 'string', expression: 'string' } },
            extra: { list: { fields: { key: 'string', valueExpression: 'string' } } },
          },
        },
        userValidationRules: { list: { fields: { expression: 'string', message: 'string' } } },
      },
    },
  },
}

interface RawMapping {
  readonly claim?: string
  readonly prefix?: string
  readonly expression?: string
}
interface RawRule {
  readonly claim?: string
  readonly requiredValue?: string
  readonly expression?: string
  readonly message?: string
}
interface RawJwt {
  readonly issuer?: {
    readonly url?: string
    readonly discoveryURL?: string
    readonly certificateAuthority?: string
    readonly audiences?: readonly string[]
    readonly audienceMatchPolicy?: string
    readonly egressSelectorType?: string
  }
  readonly claimValidationRules?: readonly RawRule[]
  readonly claimMappings?: {
    readonly username?: RawMapping
    readonly groups?: RawMapping
    readonly uid?: RawMapping
    readonly extra?: readonly { readonly key?: string; readonly valueExpression?: string }[]
  }
  readonly userValidationRules?: readonly { readonly expression?: string; readonly message?: string }[]
}
interface RawConfiguration {
  readonly apiVersion?: string
  readonly kind?: string
  readonly jwt?: readonly RawJwt[]
  readonly anonymous?: { readonly enabled?: boolean; readonly conditions?: readonly { readonly path?: string }[] }
}

const versions: readonly string[] = ['v1', 'v1beta1', 'v1alpha1'].map((version) => `apiserver.config.k8s.io/${version}`)

type Report = (...errors: readonly FieldError[]) => void

const readPrefixed = (raw: RawMapping | undefined, path: string, report: Report): PrefixedMapping | undefined => {
  const { claim = '', expression = '', prefix } = raw ?? {}
  if (claim !== '' && expression !== '') {
    report(invalid(path, '', "claim and expression can't both be set"))
  } else if (expression !== '') {
    if (prefix !== undefined) {
      report(invalid(`${path}.prefix`, prefix, 'may not be specified when expression is set'))
    }
    report(...checkExpression(`${path}.expression`, expression, claimsEnvironment()).errors)
  } else if (claim !== '' && prefix === undefined) {
    const why = 'prefix is required when claim is set. It can be set to an empty string to disable prefixing'
    report(required(`${path}.prefix`, why))
  }
  if (expression !== '') return { type: 'expression', expression }
  return claim === '' ? undefined : { type: 'claim', claim, prefix: prefix ?? '' }
}

const readUid = (raw: RawMapping | undefined, path: string, report: Report): Mapping | undefined => {
  const { claim = '', expression = '' } = raw ?? {}
  if (claim !== '' && expression !== '') report(invalid(path, '', "claim and expression can't both be set"))
  else if (expression !== '') report(...checkExpression(`${path}.expression`, expression, claimsEnvironment()).errors)
  if (claim !== '') return { type: 'claim', claim }
  return expression === '' ? undefined : { type: 'expression', expression }
}

const reserved = /^(?:.*\.)?(?:kubernetes|k8s)\.io$/

const readExtra = (raw: { key?: string; valueExpression?: string }, path: string, report: Report): ExtraMapping => {
  const { key = '', valueExpression = '' } = raw
  const at = `${path}.key`
  report(...domainPrefixedPath(at, key))
  if (key !== key.toLowerCase()) report(invalid(at, key, 'must be lowercase'))
  if (key.includes('/') && reserved.test(key.slice(0, key.indexOf('/')))) {
    report(invalid(at, key, 'k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use'))
  }
  if (valueExpression === '') report(required(`${path}.valueExpression`))
  else report(...checkExpression(`${path}.valueExpression`, valueExpression, claimsEnvironment()).errors)
  return { key, valueExpression }
}

const readRule = (raw: RawRule, path: string, report: Report): ClaimRule => {
  const { claim = '', requiredValue = '', expression = '', message = '' } = raw
  if (claim !== '' && expression !== '') report(invalid(path, claim, "claim and expression can't both be set"))
  else if (claim === '' && expression === '') report(required(path, 'claim or expression is required'))
  else if (claim !== '') {
    if (message !== '') report(invalid(`${path}.message`, message, 'may not be specified when claim is set'))
  } else {
    if (requiredValue !== '') {
      report(invalid(`${path}.requiredValue`, requiredValue, 'may not be specified when expression is set'))
    }
    report(...checkExpression(`${path}.expression`, expression, claimsEnvironment(), boolResult).errors)
  }
  return claim === '' ? { type: 'expression', expression, message } : { type: 'claim', claim, requiredValue }
}

const readUserRule = (raw: { expression?: string; message?: string }, path: string, report: Report): UserRule => {
  const { expression = '', message = '' } = raw
  if (expression === '') report(required(`${path}.expression`))
  else report(...checkExpression(`${path}.expression`, expression, userEnvironment(), boolResult).errors)
  return { expression, message }
}

/** Values that stand in a list twice, each told at its later place. */
const reportDuplicates = (values: readonly string[], pathOf: (index: number) => string, report: Report): void => {
  for (const [index, value] of values.entries()) {
    if (value !== '' && values.indexOf(value) < index) report(duplicate(pathOf(index), value))
  }
}

const certificateErrors = (pem: string, path: string): FieldError[] => {
  if (pem === '') return []
  try {
    void new X509Certificate(pem)
    return []
  } catch {
    return [invalid(path, '<omitted>', 'data does not contain any valid RSA or ECDSA certificates')]
  }
}

const strings = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g
const names = (claim: string, expressions: readonly string[]): boolean =>
  expressions.some((text) => new RegExp(`\\bclaims\\s*\\.\\s*\\??\\s*${claim}\\b`).test(text.replace(strings, '""')))

/** Whoever takes an address for a name must look whether it is verified. */
const checkEmail = (jwt: JwtAuthenticatorConfig, path: string, report: Report): void => {
  if (jwt.username.type !== 'expression' || !names('email', [jwt.username.expression])) return
  const rules = jwt.claimValidationRules.flatMap((rule) => (rule.type === 'expression' ? [rule.expression] : []))
  const all = [jwt.username.expression, ...rules, ...jwt.extra.map(({ valueExpression }) => valueExpression)]
  if (names('email_verified', all)) return
  const why =
    'claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression'
  report(invalid(`${path}.claimMappings.username.expression`, jwt.username.expression, why))
}

/** One issuer; what is wrong with it goes to `report`. `disallowed` are the API server's own issuers. */
const readJwt = (raw: RawJwt, path: string, disallowed: readonly string[], report: Report): JwtAuthenticatorConfig => {
  const { issuer = {}, claimMappings: mappings = {}, claimValidationRules: rules = [] } = raw
  const { url = '', discoveryURL = '', certificateAuthority = '', audiences = [] } = issuer
  const at = `${path}.issuer`
  report(...issuerUrlErrors({ url, discoveryURL, disallowed }, at))
  report(...audienceErrors(audiences, issuer.audienceMatchPolicy ?? '', at))
  report(...certificateErrors(certificateAuthority, `${at}.certificateAuthority`))
  if ((issuer.egressSelectorType ?? '') !== '') {
    report(
      invalid(`${at}.egressSelectorType`, issuer.egressSelectorType, 'egress selectors are not implemented by kubets'),
    )
  }
  const claimValidationRules = rules.map((rule, index) =>
    readRule(rule, `${path}.claimValidationRules[${index}]`, report),
  )
  for (const field of ['claim', 'expression'] as const) {
    const values = rules.map((rule) => rule[field] ?? '')
    reportDuplicates(values, (index) => `${path}.claimValidationRules[${index}].${field}`, report)
  }
  const mapped = `${path}.claimMappings`
  const username = readPrefixed(mappings.username, `${mapped}.username`, report)
  if (username === undefined) report(required(`${mapped}.username`, 'claim or expression is required'))
  const extra = (mappings.extra ?? []).map((one, index) => readExtra(one, `${mapped}.extra[${index}]`, report))
  reportDuplicates(
    extra.map(({ key }) => key),
    (index) => `${mapped}.extra[${index}].key`,
    report,
  )
  const jwt: JwtAuthenticatorConfig = {
    issuer: { url, discoveryURL, certificateAuthority, audiences },
    claimValidationRules,
    username: username ?? { type: 'claim', claim: '', prefix: '' },
    groups: readPrefixed(mappings.groups, `${mapped}.groups`, report),
    uid: readUid(mappings.uid, `${mapped}.uid`, report),
    extra,
    userValidationRules: (raw.userValidationRules ?? []).map((rule, index) =>
      readUserRule(rule, `${path}.userValidationRules[${index}]`, report),
    ),
  }
  reportDuplicates(
    jwt.userValidationRules.map(({ expression }) => expression),
    (index) => `${path}.userValidationRules[${index}].expression`,
    report,
  )
  checkEmail(jwt, path, report)
  return jwt
}

const maxAuthenticators = 64

/** Throws an Error with all that is wrong. */
export const parseAuthenticationConfiguration = (
  text: string,
  disallowed: readonly string[],
): AuthenticationConfiguration => {
  const { value, problems } = decodeConfig(fields, parseYaml(Buffer.from(text)).value ?? {})
  const raw = value as RawConfiguration
  if (!versions.includes(raw.apiVersion ?? '') || raw.kind !== 'AuthenticationConfiguration') {
    throw new Error(`no kind "${raw.kind ?? ''}" is registered for version "${raw.apiVersion ?? ''}"`)
  }
  if (problems.length > 0) throw new Error(`strict decoding error: ${problems.join(', ')}`)
  const errors: FieldError[] = []
  const report: Report = (...found) => void errors.push(...found)
  const list = raw.jwt ?? []
  if (list.length > maxAuthenticators) {
    throw new Error(`jwt: Too many: ${list.length}: must have at most ${maxAuthenticators} items`)
  }
  const jwt = list.map((one, index) => readJwt(one, `jwt[${index}]`, disallowed, report))
  reportDuplicates(
    jwt.map(({ issuer }) => issuer.url),
    (index) => `jwt[${index}].issuer.url`,
    report,
  )
  reportDuplicates(
    jwt.map(({ issuer }) => issuer.discoveryURL),
    (index) => `jwt[${index}].issuer.discoveryURL`,
    report,
  )
  const { enabled = false, conditions = [] } = raw.anonymous ?? {}
  const paths = conditions.map(({ path = '' }) => path)
  if (!enabled && paths.length > 0) {
    report(invalid('anonymous.conditions', conditions, 'enabled should be set to true when conditions are defined'))
  }
  const texts = errors.map(({ field, detail }) => `${field}: ${detail}`)
  if (texts.length > 0) throw new Error(texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`)
  return { jwt, anonymous: raw.anonymous === undefined ? undefined : { enabled, paths } }
}
