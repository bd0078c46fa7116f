/** managedFields of what this server stores: the pure rules of api/patch/apply, given a resource and its versions. */
import type { CustomSchema, KindDefinition } from '../../api/kind.ts'
import { jsonText } from '../../api/codec/encode.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import { ignoring, type Version, type VersionOf } from '../../api/patch/apply/ownership.ts'
import { trackUpdate } from '../../api/patch/apply/update.ts'
import { type Gvk, type ObjectSchema, schemaFor } from '../../api/schema/schema.ts'
import type { KubeObject } from '../../api/types.ts'
import { resetFieldsOf } from './reset-fields.ts'
import { apiVersionOf, inVersion, type Resource } from './resource.ts'

/** What an endpoint's objects are, as far as the ownership of their fields goes. */
export interface FieldScope {
  readonly gvk: Gvk
  readonly apiVersion: string
  readonly schema: ObjectSchema
  readonly custom: CustomSchema | undefined
  /** '' for the resource itself. */
  readonly subresource: string
  readonly versionOf: VersionOf
}

/** Manager of what the API server itself writes. */
export const systemManager = 'kube-apiserver'

const schemaOf = ({ group, version, kind, custom }: Gvk & Pick<KindDefinition, 'custom'>): ObjectSchema => {
  if (custom !== undefined) return custom.schema
  const schema = schemaFor(group, version, kind)
  if (schema === undefined) throw new Error(`no schema for ${group}/${version} ${kind}`)
  return schema
}

const versionIn = (resource: Resource, subresource: string, wanted: string): Version | undefined => {
  const other = resource.versions.find(({ definition }) => apiVersionOf(definition) === wanted)
  if (other === undefined) return undefined
  const version = { schema: schemaOf(other.definition), ignored: resetFieldsOf(other.definition, subresource) }
  if (other === resource) return version
  return { ...version, convert: converting(resource, other), convertBack: converting(other, resource) }
}

/** What a synchronous conversion throws while its answer is not there. */
class ConversionPending extends Error {
  readonly conversion: string
  readonly answer: Promise<KubeObject>

  constructor(conversion: string, answer: Promise<KubeObject>) {
    super('a conversion is under way')
    this.conversion = conversion
    this.answer = answer
  }
}

/** Conversions that the work which runs at this moment has waited for. */
let answered: ReadonlyMap<string, KubeObject> | undefined

const converting =
  (from: Resource, to: Resource) =>
  (object: KubeObject): KubeObject => {
    if (from.conversion?.waits !== true) return inVersion(from, to, object) as KubeObject
    const conversion = `${apiVersionOf(to.definition)} ${jsonText(object)}`
    const known = answered?.get(conversion)
    if (known !== undefined) return known
    const converted = inVersion(from, to, object)
    if (!(converted instanceof Promise)) return converted
    throw new ConversionPending(conversion, converted)
  }

/**
 * Runs work on managed fields, which is synchronous and may need objects in versions that only a webhook can make: then
 * it is broken off and run anew when they are there. `work` changes nothing before its end, or nothing that a second
 * run does not change again. Rejects with ConversionError.
 */
export const withConversions = async <T>(work: () => T): Promise<T> => {
  const known = new Map<string, KubeObject>()
  for (;;) {
    try {
      answered = known
      return work()
    } catch (error) {
      if (!(error instanceof ConversionPending)) throw error
      answered = undefined
      known.set(error.conversion, await error.answer)
    } finally {
      answered = undefined
    }
  }
}

const scopes = new WeakMap<Resource, Map<string, FieldScope>>()

/** The scope of a resource or of a subresource with its body's kind (status, resize …); made once. */
export const fieldScopeOf = (resource: Resource, subresource: string): FieldScope => {
  let bySubresource = scopes.get(resource)
  if (bySubresource === undefined) scopes.set(resource, (bySubresource = new Map()))
  const known = bySubresource.get(subresource)
  if (known !== undefined) return known
  const versions = new Map<string, Version | undefined>()
  const { group, version, kind } = resource.definition
  const scope: FieldScope = {
    gvk: { group, version, kind },
    apiVersion: apiVersionOf(resource.definition),
    schema: schemaOf(resource.definition),
    custom: resource.definition.custom,
    subresource,
    versionOf: (wanted) => {
      if (!versions.has(wanted)) versions.set(wanted, versionIn(resource, subresource, wanted))
      return versions.get(wanted)
    },
  }
  bySubresource.set(subresource, scope)
  return scope
}

const scaleGvk: Gvk = { group: 'autoscaling', version: 'v1', kind: 'Scale' }
const scaleApiVersion = 'autoscaling/v1'
let scaleScopeOnce: FieldScope | undefined

/** The scope of /scale, whatever is scaled. */
export const scaleScope = (): FieldScope => {
  if (scaleScopeOnce === undefined) {
    const schema = schemaOf(scaleGvk)
    const version: Version = { schema, ignored: ignoring([]) }
    scaleScopeOnce = {
      gvk: scaleGvk,
      apiVersion: scaleApiVersion,
      schema,
      custom: undefined,
      subresource: 'scale',
      versionOf: (wanted) => (wanted === scaleApiVersion ? version : undefined),
    }
  }
  return scaleScopeOnce
}

/** Sets managedFields of `after`, in place: what differs from `before` now belongs to `manager`. */
export const trackWrite = (
  { apiVersion, subresource, versionOf }: FieldScope,
  before: KubeObject | undefined,
  after: KubeObject,
  manager: string,
  nowMs: number,
): void => trackUpdate({ before, after, manager, time: nowRfc3339(nowMs), apiVersion, subresource, versionOf })

/** The same for what the server itself writes. */
export const trackSystemWrite = (
  resource: Resource,
  before: KubeObject | undefined,
  after: KubeObject,
  nowMs: number,
  subresource = '',
): void => trackWrite(fieldScopeOf(resource, subresource), before, after, systemManager, nowMs)
