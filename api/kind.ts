import type { FieldError } from './meta/field-error.ts'
import type { ObjectSchema } from './schema/schema.ts'
import type { KubeObject } from './types.ts'

/**
 * How a kind is declared: once, as data plus pure functions. The generic registry of the API server does the rest.
 * Everything that is a plain fact of v1.36 (fields, types, list and patch tags, protobuf numbers) comes from the
 * generated schema and is looked up by (group, version, kind); a declaration holds only names and behaviour.
 */
export interface KindDefinition<T extends KubeObject = KubeObject> {
  /** '' is the core group. */
  readonly group: string
  readonly version: string
  readonly kind: string
  /** The resource's name in paths: `replicasets`. */
  readonly plural: string
  readonly singular: string
  /** Kind of its lists. */
  readonly listKind: string
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly scope: 'Namespaced' | 'Cluster'
  readonly verbs: readonly Verb[]
  readonly subresources: readonly Subresource[]
  /** True where `metadata.generation` counts spec changes. */
  readonly hasGeneration: boolean
  /** True where PUT to a name that does not exist creates it. */
  readonly allowCreateOnUpdate: boolean
  /** True where PUT without resourceVersion overwrites. */
  readonly allowUnconditionalUpdate: boolean
  /** True where any qualified name may be a finalizer; else it is one of Kubernetes' own or has a prefix. */
  readonly looseFinalizers: boolean

  /** Of custom resources, whose fields no generated schema knows. */
  readonly custom?: CustomSchema
  /** Fills absent fields in place; called while decoding, after every mutation, and on objects read from old storage. */
  readonly setDefaults?: (object: T) => void
  /** Clears what clients may not set on create (status) and sets what the server owns. In place. */
  readonly prepareForCreate?: (object: T) => void
  /** Puts back what this endpoint may not change (status), given the stored object. In place. */
  readonly prepareForUpdate?: (object: T, old: T, nowMs: number) => void
  /** The same for the /status endpoint; the default keeps everything of `old` but status (and allowed metadata). */
  readonly prepareForStatusUpdate?: (object: T, old: T, nowMs: number) => void
  /** All that is wrong with a new object; metadata is checked by the registry with `validateName`. */
  readonly validate?: (object: T) => readonly FieldError[]
  /** All that is wrong with a new object only, beside `validate`. */
  readonly validateCreate?: (object: T) => readonly FieldError[]
  /** All that is wrong with a change, beside `validate`. */
  readonly validateUpdate?: (object: T, old: T) => readonly FieldError[]
  readonly validateStatusUpdate?: (object: T, old: T) => readonly FieldError[]
  /** What every request for this kind is warned of: `v1 X is deprecated in …`. */
  readonly deprecation?: string
  /** Warnings for the client (HTTP header 299), after a write through the main endpoint. */
  readonly warnings?: (object: T, old: T | undefined) => readonly string[]
  /** Why a name is bad for this object, in upstream's words; default: DNS-1123 subdomain. */
  readonly validateName?: (name: string, object: T) => readonly string[]
  /** Field selectors beside metadata.name and metadata.namespace: field label to its value ('' if absent). */
  readonly selectableFields?: Readonly<Record<string, (object: T) => string>>
  /** What is said of a field that is not selectable, where upstream has words of its own for this kind. */
  readonly notSelectable?: (field: string) => string
  /** Columns of `kubectl get`; NAME and AGE only if absent. */
  readonly columns?: readonly PrinterColumn<T>[]
  /**
   * Grace period in seconds that deletion of this object gets, or undefined for immediate deletion.
   * `requested` is DeleteOptions.gracePeriodSeconds. Upstream: RESTGracefulDeleteStrategy.
   */
  readonly gracefulDeletion?: (object: T, requested: number | undefined) => number | undefined
  /** 'orphan' only for kinds that upstream orphans by default. */
  readonly defaultGarbageCollection?: 'background' | 'orphan'
  /** Where scale lives, for kinds with the scale subresource. */
  readonly scale?: ScaleMapping<T>
  /** For a second version or group of the same stored kind: the stored definition, and both conversions. */
  readonly storedAs?: {
    readonly kind: KindDefinition
    readonly toStored: (object: T) => KubeObject
    readonly fromStored: (object: KubeObject) => T
  }
  /** The gate without which it is not served, whatever `--runtime-config` says. */
  readonly featureGate?: string
  /** Kinds that are answered and never stored: TokenReview, SubjectAccessReview, ComponentStatus … */
  readonly virtual?: boolean
}

/** What OpenAPI tells of a custom resource; plain data. */
export interface CustomKindFacts {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly listKind: string
  readonly plural: string
  readonly namespaced: boolean
  readonly verbs: readonly string[]
  readonly subresources: readonly string[]
  /** openAPIV3Schema as it was written. */
  readonly schema: object
}

export interface CustomSchema {
  /** openAPIV3Schema as it was written. */
  readonly openApi: object
  /** What server-side apply merges by. */
  readonly schema: ObjectSchema
  /** Drops, in place, what no schema names; the paths of that. */
  readonly prune: (object: Record<string, unknown>) => readonly string[]
  /** Fills in place what its schema has defaults for; whether that changed anything. */
  readonly fill: (object: Record<string, unknown>) => boolean
}

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch'

export interface Subresource {
  /** 'status', 'scale', 'log', 'exec', 'binding', 'eviction', 'token' … */
  readonly name: string
  /** Kind of its body, where it is not the parent's. */
  readonly kind?: { readonly group: string; readonly version: string; readonly kind: string }
  readonly verbs: readonly Verb[]
}

export interface PrinterColumn<T = KubeObject> {
  readonly name: string
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date'
  readonly format?: string
  readonly description: string
  /** 0 is always shown, 1 only with `-o wide`. */
  readonly priority: 0 | 1
  readonly cell: (object: T, now: Date) => string | number | boolean | null
}

export interface ScaleMapping<T = KubeObject> {
  readonly getSpecReplicas: (object: T) => number
  readonly setSpecReplicas: (object: T, replicas: number) => void
  readonly getStatusReplicas: (object: T) => number
  /** The label selector in its string form. */
  readonly getSelector: (object: T) => string
}

/** What a declaration must say; the rest has defaults. */
export type KindDeclaration<T extends KubeObject> = Pick<
  KindDefinition<T>,
  'group' | 'version' | 'kind' | 'plural' | 'scope'
> &
  Partial<Omit<KindDefinition<T>, 'subresources'>> & { readonly subresources?: readonly (string | Subresource)[] }

export const allVerbs: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
]

const expandSubresource = (subresource: string | Subresource): Subresource => {
  if (typeof subresource !== 'string') return subresource
  if (subresource === 'scale') {
    return {
      name: 'scale',
      kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
      verbs: ['get', 'patch', 'update'],
    }
  }
  return { name: subresource, verbs: ['get', 'patch', 'update'] }
}

/** Declares a kind: fills the defaults and freezes it. Typed for its author, untyped for the generic registry. */
export const defineKind = <T extends KubeObject>(declaration: KindDeclaration<T>): KindDefinition => {
  const definition: KindDefinition<T> = {
    singular: declaration.kind.toLowerCase(),
    listKind: `${declaration.kind}List`,
    shortNames: [],
    categories: [],
    verbs: allVerbs,
    hasGeneration: false,
    allowCreateOnUpdate: false,
    allowUnconditionalUpdate: true,
    looseFinalizers: false,
    ...declaration,
    subresources: (declaration.subresources ?? []).map(expandSubresource),
  }
  // The one place where T is forgotten: the registry only ever hands a definition objects of its own kind.
  return Object.freeze(definition) as unknown as KindDefinition
}
