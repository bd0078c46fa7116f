/** ConfigMaps and Secrets. Upstream: ValidateConfigMap, ValidateSecret. */
import { immutable, syntax } from '../meta/checks.ts'
import { semanticEqual } from '../meta/equal.ts'
import { type FieldError, forbiddenField, invalid, key, required, tooLong } from '../meta/field-error.ts'
import { isConfigMapKey } from '../meta/names.ts'
import type { ConfigMap, Secret } from '../types.ts'

/** 1 MiB of values. */
const maxBytes = 1024 * 1024

const decodedLength = (base64: string): number => Buffer.byteLength(base64, 'base64')

export const validateConfigMap = ({ data, binaryData }: ConfigMap): FieldError[] => {
  const errors: FieldError[] = []
  let bytes = 0
  for (const [name, value] of Object.entries(data ?? {})) {
    errors.push(...syntax(key('data', name), name, isConfigMapKey))
    if (binaryData?.[name] !== undefined) {
      errors.push(invalid(key('data', name), name, 'duplicate of key present in binaryData'))
    }
    bytes += Buffer.byteLength(value)
  }
  for (const [name, value] of Object.entries(binaryData ?? {})) {
    errors.push(...syntax(key('binaryData', name), name, isConfigMapKey))
    bytes += decodedLength(value)
  }
  if (bytes > maxBytes) errors.push(tooLong('', maxBytes))
  return errors
}

interface Freezable {
  readonly immutable?: boolean
}

const frozenMessage = 'field is immutable when `immutable` is set'

const frozen = <T extends Freezable>(next: T, old: T, fields: readonly (keyof T & string)[]): FieldError[] => {
  if (old.immutable !== true) return []
  const errors = next.immutable === true ? [] : [forbiddenField('immutable', frozenMessage)]
  for (const field of fields) {
    if (!semanticEqual(next[field], old[field])) errors.push(forbiddenField(field, frozenMessage))
  }
  return errors
}

export const validateConfigMapUpdate = (next: ConfigMap, old: ConfigMap): FieldError[] =>
  frozen(next, old, ['data', 'binaryData'])

const serviceAccountAnnotation = 'kubernetes.io/service-account.name'

/** Entries that a type cannot do without. */
const requiredKeys: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
}

const isJson = (base64: string): boolean => {
  try {
    JSON.parse(Buffer.from(base64, 'base64').toString())
    return true
  } catch {
    return false
  }
}

const validateByType = ({ type, data, metadata }: Secret): FieldError[] => {
  const errors: FieldError[] = []
  const needed = Object.hasOwn(requiredKeys, type ?? '') ? requiredKeys[type ?? ''] : undefined
  for (const name of needed ?? []) {
    const value = data?.[name]
    if (value === undefined) errors.push(required(key('data', name)))
    else if (name.startsWith('.docker') && !isJson(value)) {
      errors.push(invalid(key('data', name), '<secret contents redacted>', 'invalid character in JSON'))
    }
  }
  if (
    type === 'kubernetes.io/service-account-token' &&
    (metadata?.annotations?.[serviceAccountAnnotation] ?? '') === ''
  ) {
    errors.push(required(key('metadata.annotations', serviceAccountAnnotation)))
  }
  if (type === 'kubernetes.io/basic-auth' && data?.['username'] === undefined && data?.['password'] === undefined) {
    errors.push(required('data[username]'), required('data[password]'))
  }
  return errors
}

export const validateSecret = (secret: Secret): FieldError[] => {
  const errors: FieldError[] = []
  let bytes = 0
  for (const [name, value] of Object.entries(secret.data ?? {})) {
    errors.push(...syntax(key('data', name), name, isConfigMapKey))
    bytes += decodedLength(value)
  }
  if (bytes > maxBytes) errors.push(tooLong('data', maxBytes))
  return [...errors, ...validateByType(secret)]
}

export const validateSecretUpdate = (next: Secret, old: Secret): FieldError[] => [
  ...immutable('type', next.type, old.type),
  ...frozen(next, old, ['data']),
]
