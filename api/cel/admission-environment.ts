/**
 * What the expressions of admission may name: match conditions of webhooks, and admission policies.
 * Upstream: apiserver/pkg/admission/plugin/cel/compile.go
 */
import type { Environment, SchemaTypes, StructType } from './environment.ts'
import { authorizerType, resourceCheckType } from './library/authorizer.ts'
import { kubernetesEnvironment } from './library/kubernetes.ts'
import { structTypes } from './struct-types.ts'
import { dyn, listOf, objectOf, opaqueOf, simple, type Type } from './types.ts'

const gvk = { group: 'string', version: 'string', kind: 'string' }
const gvr = { group: 'string', version: 'string', resource: 'string' }
const fixedTypes = structTypes({
  'kubernetes.GroupVersionKind': gvk,
  'kubernetes.GroupVersionResource': gvr,
  'kubernetes.UserInfo': {
    username: 'string',
    uid: 'string',
    groups: 'list(string)',
    extra: 'map(string, list(string))',
  },
  'kubernetes.AdmissionRequest': {
    kind: 'object(kubernetes.GroupVersionKind)',
    resource: 'object(kubernetes.GroupVersionResource)',
    subResource: 'string',
    requestKind: 'object(kubernetes.GroupVersionKind)',
    requestResource: 'object(kubernetes.GroupVersionResource)',
    requestSubResource: 'string',
    name: 'string',
    namespace: 'string',
    operation: 'string',
    userInfo: 'object(kubernetes.UserInfo)',
    dryRun: 'bool',
    options: 'dyn',
  },
  'kubernetes.Namespace': {
    metadata: 'object(kubernetes.NamespaceMetadata)',
    spec: 'object(kubernetes.NamespaceSpec)',
    status: 'object(kubernetes.NamespaceStatus)',
  },
  'kubernetes.NamespaceMetadata': {
    name: 'string',
    generateName: 'string',
    namespace: 'string',
    labels: 'map(string, string)',
    annotations: 'map(string, string)',
    UID: 'string',
    creationTimestamp: 'timestamp',
    deletionGracePeriodSeconds: 'int',
    deletionTimestamp: 'timestamp',
    generation: 'int',
    resourceVersion: 'string',
    finalizers: 'list(string)',
  },
  'kubernetes.NamespaceSpec': { finalizers: 'list(string)' },
  'kubernetes.NamespaceStatus': { phase: 'string' },
  JSONPatch: { op: 'string', path: 'string', from: 'string', value: 'dyn' },
})

const variablesType = 'kubernetes.variables'

/** The object that an apply configuration builds: `Object{spec: Object.spec{replicas: 1}}`; any field may be set. */
const objectType: StructType = { field: () => dyn }
const isObjectType = (name: string): boolean => name === 'Object' || name.startsWith('Object.')

export interface AdmissionExpressions {
  /** Policies have parameters, webhooks none. */
  readonly hasParams: boolean
  readonly hasAuthorizer: boolean
  /** The policy's own variables so far, by name; undefined for what has none. */
  readonly variables?: ReadonlyMap<string, Type>
  /** Whether patches may be built: `Object{…}` and `JSONPatch{…}`. */
  readonly mutates?: boolean
  /** What objects and parameters are, where that is known; anything by default. */
  readonly object?: SchemaTypes
  readonly params?: SchemaTypes
}

export const admissionEnvironment = (options: AdmissionExpressions): Environment => {
  const { hasParams, hasAuthorizer, variables, mutates = false, object, params } = options
  const types = (name: string): StructType | undefined => {
    const known = object?.types(name) ?? params?.types(name)
    if (known !== undefined) return known
    if (name === variablesType && variables !== undefined) return { field: (field) => variables.get(field) }
    if (isObjectType(name)) return mutates ? objectType : undefined
    return name === 'JSONPatch' && !mutates ? undefined : fixedTypes(name)
  }
  return kubernetesEnvironment(
    {
      object: object?.type ?? dyn,
      oldObject: object?.type ?? dyn,
      request: objectOf('kubernetes.AdmissionRequest'),
      namespaceObject: objectOf('kubernetes.Namespace'),
      ...(hasParams ? { params: params?.type ?? dyn } : {}),
      ...(variables === undefined ? {} : { variables: objectOf(variablesType) }),
      ...(hasAuthorizer
        ? { authorizer: opaqueOf(authorizerType), 'authorizer.requestResource': opaqueOf(resourceCheckType) }
        : {}),
    },
    types,
  )
}

/** Types that the parts of a policy must evaluate to. */
export const boolResult: readonly Type[] = [simple('bool')]
export const stringResult: readonly Type[] = [simple('string')]
export const auditResult: readonly Type[] = [simple('string'), simple('null')]
export const applyConfigurationResult: readonly Type[] = [objectOf('Object')]
export const jsonPatchResult: readonly Type[] = [listOf(objectOf('JSONPatch'))]
