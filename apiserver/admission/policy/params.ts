/** The parameters that a binding gives to its policy. Upstream: CollectParams in plugin/policy/generic/policy_dispatcher.go */
import { matcherFromLabelSelector } from '../../../api/meta/labels.ts'
import type { KubeObject, LabelSelector } from '../../../api/types.ts'
import type { Resource } from '../../registry/resource.ts'
import { keyFor, presented } from '../../registry/resource.ts'
import type { Resources } from '../../registry/resources.ts'

export interface ParamKind {
  readonly apiVersion?: string
  readonly kind?: string
}
export interface ParamRef {
  readonly name?: string
  readonly namespace?: string
  readonly selector?: LabelSelector
  readonly parameterNotFoundAction?: string
}

/** A policy or a binding that cannot be used as it is; what that means its failure policy says. */
export class ConfigurationError extends Error {}

const resourceOf = (resources: Resources, { apiVersion = '', kind = '' }: ParamKind): Resource => {
  const slash = apiVersion.lastIndexOf('/')
  const [group, version] = [apiVersion.slice(0, Math.max(slash, 0)), apiVersion.slice(slash + 1)]
  for (const resource of resources.all()) {
    const { definition } = resource
    if (definition.kind === kind && definition.version === version && definition.group === group) return resource
  }
  throw new ConfigurationError(`failed to find resource referenced by paramKind: '${apiVersion}, Kind=${kind}'`)
}

const namespaceFor = (resource: Resource, ref: ParamRef, requestNamespace: string): string => {
  const { namespace = '' } = ref
  if (!resource.namespaced) {
    if (namespace !== '')
      throw new ConfigurationError('paramRef.namespace must not be provided for a cluster-scoped `paramKind`')
    return ''
  }
  if (namespace !== '') return namespace
  if (requestNamespace === '')
    throw new ConfigurationError(
      'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources',
    )
  return requestNamespace
}

const lookUp = async (resource: Resource, ref: ParamRef, namespace: string): Promise<readonly KubeObject[]> => {
  if (ref.name !== undefined && ref.name !== '') {
    const entry = await resource.store.getCached(keyFor(resource, namespace, ref.name))
    return entry === undefined ? [] : [presented(resource, entry.object)]
  }
  const matches = matcherFromLabelSelector(ref.selector)
  await resource.store.cache.ready()
  return resource.store.cache
    .range(namespace === '' ? '' : `${namespace}/`)
    .map(({ object }) => presented(resource, object))
    .filter(({ metadata }) => matches(metadata?.labels))
}

/**
 * Every parameter that the policy is to be evaluated with: one `undefined` for a policy without parameters, none where
 * the binding has nothing to say. Throws ConfigurationError.
 */
export const collectParams = async (
  resources: Resources,
  kind: ParamKind | undefined,
  ref: ParamRef | undefined,
  requestNamespace: string,
): Promise<readonly (KubeObject | undefined)[]> => {
  if (kind === undefined) return [undefined]
  const resource = resourceOf(resources, kind)
  // A binding without parameters for a policy that has some: they are null.
  if (ref === undefined) return [undefined]
  const found = await lookUp(resource, ref, namespaceFor(resource, ref, requestNamespace))
  if (found.length === 0 && ref.parameterNotFoundAction === 'Deny')
    throw new ConfigurationError('no params found for policy binding with `Deny` parameterNotFoundAction')
  return found
}
