/** A resource as the generic registry sees it: its declaration, where it is stored, and what happens around writes. */
import type { KindDefinition } from '../../api/kind.ts'
import type { GroupResource } from '../../api/meta/status-error.ts'
import type { KubeObject } from '../../api/types.ts'
import { jsonText } from '../../api/codec/encode.ts'
import { canonicalStored } from './canonical.ts'
import { type Entry, viewOf } from '../storage/encoding.ts'
import { objectKey } from '../storage/keys.ts'
import type { ResourceStore } from '../storage/resource-store.ts'

/** What a write has taken from elsewhere (a cluster IP, a node port): kept if it succeeds, given back if not. */
export interface Reservation {
  /** Neither throws: the write has been decided. The answer waits for both, so that what is free can be had at once. */
  commit(): Promise<void>
  rollback(): Promise<void>
}

/** The few resources that do more than store. Upstream: the begin and after hooks of registry.Store. */
export interface ResourceHooks {
  /**
   * Before the kind's own preparation and all validation, which so see what was taken; in place. Not for subresources.
   */
  readonly beginCreate?: (object: KubeObject, dryRun: boolean) => Promise<Reservation | undefined>
  readonly beginUpdate?: (object: KubeObject, old: KubeObject, dryRun: boolean) => Promise<Reservation | undefined>
  /** Never throws. */
  readonly afterDelete?: (object: KubeObject) => Promise<void>
  /** More conditions for an object marked as deleted to go away (a Namespace's spec.finalizers). */
  readonly mayBeRemoved?: (object: KubeObject) => boolean
  /** True where orphan and foreground deletion do not exist (Events, Namespaces). */
  readonly ignoresPropagation?: boolean
  /** Done to the object when its deletion begins. */
  readonly onDeletionBegins?: (object: KubeObject) => void
}

/** How a custom resource goes from one of its versions to another. */
export interface VersionConversion {
  /** Whether a webhook is asked; else it is done at once. */
  readonly waits: boolean
  /** Rejects with ConversionError. */
  readonly convert: (object: KubeObject, apiVersion: string) => KubeObject | Promise<KubeObject>
}

export interface Resource {
  readonly definition: KindDefinition
  /** The declaration of the version that is stored; the same as `definition` for most. */
  readonly stored: KindDefinition
  readonly groupResource: GroupResource
  readonly namespaced: boolean
  readonly store: ResourceStore
  readonly hooks: ResourceHooks
  /** All versions and groups that one stored kind is served in, this one among them. */
  readonly versions: readonly Resource[]
  /** Of custom resources, which are stored behind their conversion. */
  readonly conversion?: VersionConversion
  /** Seconds after which objects vanish (Events). */
  readonly ttlSeconds: number | undefined
}

export const apiVersionOf = ({ group, version }: { group: string; version: string }): string =>
  group === '' ? version : `${group}/${version}`

export const keyFor = (resource: Resource, namespace: string, name: string): string =>
  objectKey(resource.namespaced ? namespace : '', name)

/** A stored object in the version of this resource. Shared: never changed. */
export const presented = ({ definition }: Resource, object: KubeObject): KubeObject =>
  definition.storedAs === undefined ? object : canonicalStored(definition, definition.storedAs.fromStored(object))

/** The object of a request in the version that is stored. */
export const toStored = ({ definition }: Resource, object: KubeObject): KubeObject =>
  definition.storedAs === undefined ? object : definition.storedAs.toStored(object)

/** An object of `from` as an object of `to`, another version of the same resource. Rejects with ConversionError. */
export const inVersion = (from: Resource, to: Resource, object: KubeObject): KubeObject | Promise<KubeObject> => {
  if (from === to) return object
  if (from.conversion === undefined) return presented(to, toStored(from, object))
  return from.conversion.convert(object, apiVersionOf(to.definition))
}

/** The bytes of an entry in the version of this resource. Custom resources are stored in another order than shown. */
export const presentedBytes = (resource: Resource, entry: Entry): Buffer => {
  const { definition } = resource
  const { custom, storedAs, group, version } = definition
  if (storedAs === undefined && custom === undefined) return entry.bytes
  return viewOf(entry, `${group}/${version}`, (object) =>
    Buffer.from(jsonText(canonicalStored(definition, presented(resource, object)))),
  )
}
