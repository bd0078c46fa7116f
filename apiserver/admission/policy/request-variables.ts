/** What the expressions of a policy see of a request. Upstream: apiserver/pkg/admission/plugin/cel/{activation,condition}.go */
import { fromJson } from '../../../api/cel/json-values.ts'
import { AuthorizerValue } from '../../../api/cel/library/authorizer.ts'
import { parseTimestamp } from '../../../api/cel/library/time.ts'
import { LiteralMap, type Value } from '../../../api/cel/values.ts'
import type { Namespace } from '../../../api/types.ts'
import type { AdmissionAttributes } from '../admission.ts'
import type { MatchedRequest } from '../matching/matcher.ts'
import type { Answers } from './authorizer-answers.ts'

/** The request as an object: kubernetes.AdmissionRequest. */
const requestOf = (attributes: AdmissionAttributes, seen: MatchedRequest): object => {
  const { group, version, resource, subresource, kind, user } = attributes
  return {
    kind: { group: seen.kind.group, version: seen.kind.version, kind: seen.kind.kind },
    resource: { group: seen.group, version: seen.version, resource: seen.resource },
    subResource: subresource,
    requestKind: { group: kind.group, version: kind.version, kind: kind.kind },
    requestResource: { group, version, resource },
    requestSubResource: subresource,
    name: attributes.name,
    namespace: attributes.namespace,
    operation: attributes.operation,
    userInfo: { username: user.name, uid: user.uid, groups: user.groups, extra: user.extra },
    dryRun: attributes.dryRun,
    ...(attributes.options === undefined ? {} : { options: attributes.options }),
  }
}

const metadataFields: readonly string[] = [
  'name',
  'generateName',
  'namespace',
  'labels',
  'annotations',
  'creationTimestamp',
  'deletionGracePeriodSeconds',
  'deletionTimestamp',
  'generation',
  'resourceVersion',
  'finalizers',
]

/** The namespace without what no policy should look at; times are times. */
const namespaceValue = (namespace: Namespace | undefined): Value => {
  if (namespace === undefined) return null
  const metadata: Readonly<Record<string, unknown>> = { ...namespace.metadata }
  const fields = metadataFields
    .filter((field) => metadata[field] !== undefined)
    .map((field): [Value, Value] => {
      const value = metadata[field]
      const isTime = field.endsWith('Timestamp') && typeof value === 'string'
      return [field, isTime ? parseTimestamp(value) : fromJson(value)]
    })
  const uid: [Value, Value][] = typeof metadata['uid'] === 'string' ? [['UID', metadata['uid']]] : []
  return new LiteralMap([
    ['metadata', new LiteralMap([...fields, ...uid])],
    ['spec', fromJson(namespace.spec ?? {})],
    ['status', fromJson(namespace.status ?? {})],
  ])
}

export type RequestVariables = ReadonlyMap<string, Value>

/** By name, as the admission environment declares them, but for parameters and the policy's own variables. */
export const requestVariables = (
  attributes: AdmissionAttributes,
  seen: MatchedRequest,
  namespace: Namespace | undefined,
  { ask }: Answers,
): RequestVariables => {
  const { subresource, name } = attributes
  const own = { group: seen.group, resource: seen.resource, subresource, namespace: attributes.namespace, name }
  return new Map<string, Value>([
    ['object', fromJson(seen.object)],
    ['oldObject', fromJson(seen.oldObject)],
    ['request', fromJson(requestOf(attributes, seen))],
    ['namespaceObject', namespaceValue(namespace)],
    ['authorizer', new AuthorizerValue(ask)],
    ['authorizer.requestResource', new AuthorizerValue(ask, 'ResourceCheck', own)],
  ])
}
