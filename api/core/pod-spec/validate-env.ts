/** Environment variables and the references they take values from. Upstream: ValidateEnv. */
import { absent, requiredSyntax, requiredText, syntax } from '../../meta/checks.ts'
import { child, type FieldError, invalid, notSupported, required } from '../../meta/field-error.ts'
import { isConfigMapKey, isQualifiedName, isRelaxedEnvVarName } from '../../meta/names.ts'
import { quantityOf } from './validate-resources.ts'
import type { Container, Volume } from '../../types.ts'

type EnvVar = NonNullable<Container['env']>[number]
type EnvFrom = NonNullable<Container['envFrom']>[number]
export type FieldRef = NonNullable<NonNullable<EnvVar['valueFrom']>['fieldRef']>
export type ResourceFieldRef = NonNullable<NonNullable<EnvVar['valueFrom']>['resourceFieldRef']>

const envFieldPaths = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
]
export const volumeFieldPaths = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
]
const resourcePaths = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
]

/** Fields of a Pod that the downward API knows, wherever each may be used. Upstream: ConvertDownwardAPIFieldLabel. */
const downwardPaths = new Set([
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.restartPolicy',
  'spec.serviceAccountName',
  'spec.schedulerName',
  'status.phase',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
  'spec.host',
])

const subscripted = /^(.*)\['(.*)'\]$/

/** `metadata.labels['app']`, or one of the plain paths. */
export const validateFieldRef = (ref: FieldRef, path: string, supported: readonly string[]): FieldError[] => {
  if (absent(ref.apiVersion)) return [required(child(path, 'apiVersion'))]
  if (absent(ref.fieldPath)) return [required(child(path, 'fieldPath'))]
  const at = child(path, 'fieldPath')
  const match = subscripted.exec(ref.fieldPath)
  if (match === null) {
    if (!downwardPaths.has(ref.fieldPath)) {
      const reason = `error converting fieldPath: field label not supported: ${ref.fieldPath}`
      return [invalid(at, ref.fieldPath, reason)]
    }
    return supported.includes(ref.fieldPath) ? [] : [notSupported(at, ref.fieldPath, supported)]
  }
  const [, base = '', subscript = ''] = match
  if (base === 'metadata.annotations') return syntax(at, subscript.toLowerCase(), isQualifiedName)
  if (base === 'metadata.labels') return syntax(at, subscript, isQualifiedName)
  return [invalid(at, ref.fieldPath, `does not support subscript`)]
}

const divisors: Readonly<Record<string, { readonly values: readonly string[]; readonly words: string }>> = {
  cpu: { values: ['1m', '1'], words: "only divisor's values 1m and 1 are supported with the cpu resource" },
  memory: {
    values: ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'],
    words:
      "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the memory resource",
  },
}

export const validateResourceFieldRef = (
  ref: ResourceFieldRef,
  path: string,
  needsContainer: boolean,
): FieldError[] => {
  if (needsContainer && absent(ref.containerName)) return [required(child(path, 'containerName'))]
  if (absent(ref.resource)) return [required(child(path, 'resource'))]
  if (!resourcePaths.includes(ref.resource) && !/^(limits|requests)\.hugepages-/.test(ref.resource)) {
    return [notSupported(child(path, 'resource'), ref.resource, resourcePaths)]
  }
  const resource = ref.resource.split('.')[1] ?? ''
  const allowed = divisors[resource === 'cpu' ? 'cpu' : 'memory']
  const divisor = quantityOf(ref.divisor)
  if (divisor === undefined || divisor.nanos === 0n || allowed === undefined) return []
  return allowed.values.includes(String(ref.divisor))
    ? []
    : [invalid(child(path, 'divisor'), ref.divisor, allowed.words)]
}

interface KeyRef {
  readonly name?: string
  readonly key: string
}

const validateKeyRef = (ref: KeyRef, path: string): FieldError[] =>
  requiredSyntax(child(path, 'key'), ref.key, isConfigMapKey)

type ValueFrom = NonNullable<EnvVar['valueFrom']>

const validateValueFrom = (
  from: ValueFrom,
  path: string,
  value: string | undefined,
  volumeNames: ReadonlySet<string>,
): FieldError[] => {
  const errors: FieldError[] = []
  if (from.fieldRef !== undefined)
    errors.push(...validateFieldRef(from.fieldRef, child(path, 'fieldRef'), envFieldPaths))
  if (from.resourceFieldRef !== undefined) {
    errors.push(...validateResourceFieldRef(from.resourceFieldRef, child(path, 'resourceFieldRef'), false))
  }
  if (from.configMapKeyRef !== undefined)
    errors.push(...validateKeyRef(from.configMapKeyRef, child(path, 'configMapKeyRef')))
  if (from.secretKeyRef !== undefined) errors.push(...validateKeyRef(from.secretKeyRef, child(path, 'secretKeyRef')))
  if (from.fileKeyRef !== undefined) {
    const at = child(path, 'fileKeyRef')
    errors.push(
      ...requiredText(child(at, 'key'), from.fileKeyRef.key),
      ...requiredText(child(at, 'path'), from.fileKeyRef.path),
    )
    if (!volumeNames.has(from.fileKeyRef.volumeName)) {
      errors.push({
        type: 'FieldValueNotFound',
        field: child(at, 'volumeName'),
        detail: `Not found: ${JSON.stringify(from.fileKeyRef.volumeName)}`,
      })
    }
  }
  const sources = Object.values(from).filter((source) => source !== undefined && source !== null).length
  if (sources === 0) {
    errors.push(
      invalid(
        path,
        '',
        'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
      ),
    )
  } else if (!absent(value)) {
    errors.push(invalid(path, '', 'may not be specified when `value` is not empty'))
  } else if (sources > 1) {
    errors.push(invalid(path, '', 'may not have more than one field specified at a time'))
  }
  return errors
}

export const validateEnv = (
  env: readonly EnvVar[] | undefined,
  path: string,
  volumes: readonly Volume[],
): FieldError[] => {
  const volumeNames = new Set(volumes.map(({ name }) => name))
  return (env ?? []).flatMap((variable, index) => {
    const at = child(path, index)
    const errors = requiredSyntax(child(at, 'name'), variable.name, isRelaxedEnvVarName)
    if (variable.valueFrom !== undefined) {
      errors.push(...validateValueFrom(variable.valueFrom, child(at, 'valueFrom'), variable.value, volumeNames))
    }
    return errors
  })
}

export const validateEnvFrom = (sources: readonly EnvFrom[] | undefined, path: string): FieldError[] =>
  (sources ?? []).flatMap((source, index) => {
    const at = child(path, index)
    const errors = absent(source.prefix) ? [] : syntax(child(at, 'prefix'), source.prefix ?? '', isRelaxedEnvVarName)
    const refs = [source.configMapRef, source.secretRef].filter((ref) => ref !== undefined)
    if (source.configMapRef !== undefined)
      errors.push(...requiredText(child(at, 'configMapRef', 'name'), source.configMapRef.name))
    if (source.secretRef !== undefined)
      errors.push(...requiredText(child(at, 'secretRef', 'name'), source.secretRef.name))
    if (refs.length === 0) errors.push(invalid(path, '', 'must specify one of: `configMapRef` or `secretRef`'))
    else if (refs.length > 1) errors.push(invalid(path, '', 'may not have more than one field specified at a time'))
    return errors
  })
