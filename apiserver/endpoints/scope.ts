/** What a handler of a resource knows: the resource, the subresource, and the libraries around it. */
import type { Gvk } from '../../api/schema/schema.ts'
import { managerFromUserAgent } from '../../api/patch/apply/apply.ts'
import { badRequest } from '../../api/meta/status-error.ts'
import type { KubeObject } from '../../api/types.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { AdmissionAttributes, Operation } from '../admission/admission.ts'
import type { AdmissionChain } from '../admission/chain.ts'
import type { Authorizer } from '../authorization/authorizer.ts'
import type { Resource } from '../registry/resource.ts'
import type { HttpContext } from '../server/context.ts'

export interface Scope {
  readonly resource: Resource
  /** '' for the resource itself. */
  readonly subresource: string
  readonly admission: AdmissionChain
  /** For what a request turns out to do beyond its verb. */
  readonly authorizer: Authorizer
  readonly clock: Clock
  /** Bookmarks and deadlines of watches. */
  readonly minRequestTimeoutSeconds: number
}

export const gvkOf = ({ resource: { definition } }: Scope): Gvk => ({
  group: definition.group,
  version: definition.version,
  kind: definition.kind,
})

/** A namespace that is created is in itself, as it is in the URL of every later request. */
const namespaceOfNew = ({ resource: { definition } }: Scope, object: KubeObject | undefined): string =>
  definition.group === '' && definition.plural === 'namespaces' ? (object?.metadata?.name ?? '') : ''

/** The options of a write as an object, from the query; those of a deletion may come in its body. */
const optionsOf = (ctx: HttpContext, operation: Operation): Readonly<Record<string, unknown>> => {
  const verb =
    operation === 'DELETE'
      ? 'Delete'
      : ctx.info.verb === 'patch'
        ? 'Patch'
        : operation === 'CREATE'
          ? 'Create'
          : 'Update'
  const { query } = ctx
  const text = (name: string): Record<string, unknown> => (query.get(name) ? { [name]: query.get(name) } : {})
  return {
    kind: `${verb}Options`,
    apiVersion: 'meta.k8s.io/v1',
    ...(query.get('dryRun') ? { dryRun: query.getAll('dryRun') } : {}),
    ...(query.get('force') ? { force: query.get('force') === 'true' } : {}),
    ...text('fieldManager'),
    ...text('fieldValidation'),
  }
}

/** Attributes of a write for admission. */
export const admissionAttributes = (
  scope: Scope,
  ctx: HttpContext,
  operation: Operation,
  change: {
    object?: KubeObject
    oldObject?: KubeObject | undefined
    dryRun: boolean
    kind?: Gvk
    /** What the options hold beyond the query. */
    options?: object
  },
): AdmissionAttributes => ({
  operation,
  group: scope.resource.definition.group,
  version: scope.resource.definition.version,
  resource: scope.resource.definition.plural,
  subresource: scope.subresource,
  kind: change.kind ?? gvkOf(scope),
  namespace: ctx.info.namespace || namespaceOfNew(scope, change.object),
  name: change.object?.metadata?.name || change.oldObject?.metadata?.name || ctx.info.name,
  object: change.object,
  oldObject: change.oldObject,
  user: ctx.user,
  dryRun: change.dryRun,
  options: operation === 'CONNECT' ? undefined : { ...optionsOf(ctx, operation), ...change.options },
  warn: (text) => ctx.warnings.push(text),
  annotate: (key, value) => ctx.audit?.annotate(key, value),
})

/**
 * The object's namespace must be the URL's, or empty; then it is set. What is cluster-scoped loses the one that it came
 * with. Upstream: EnsureObjectNamespaceMatchesRequestNamespace.
 */
export const checkNamespace = (object: KubeObject, resource: Resource, namespace: string): void => {
  const metadata = (object.metadata ??= {})
  if (!resource.namespaced) {
    delete metadata.namespace
    return
  }
  if (metadata.namespace === undefined || metadata.namespace === '') metadata.namespace = namespace
  else if (metadata.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  }
}

/** PUT: the name in the body must be that of the URL. */
export const checkName = (object: KubeObject, name: string): void => {
  const given = object.metadata?.name ?? ''
  if (given !== '' && given !== name) {
    throw badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`)
  }
}

/** PATCH: the same, but a configuration must say its name. */
export const checkPatchedName = (object: KubeObject, name: string): void => {
  if ((object.metadata?.name ?? '') === '') {
    throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`)
  }
  checkName(object, name)
}

/** The field manager of a write: `fieldManager`, or the client's name in its User-Agent. */
export const managerOf = (ctx: HttpContext, fieldManager: string): string =>
  fieldManager === '' ? managerFromUserAgent(ctx.request.headers['user-agent'] ?? '') : fieldManager

/** What the kind warns of after a write; status and other subresources are written by machines. */
export const warningsOf = (scope: Scope, object: KubeObject, old: KubeObject | undefined): readonly string[] =>
  scope.subresource === '' ? (scope.resource.definition.warnings?.(object, old) ?? []) : []
