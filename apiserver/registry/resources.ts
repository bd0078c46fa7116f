/** All resources that are served, by group, version and plural. Custom resources come and go. */
import type { KindDefinition } from '../../api/kind.ts'
import { notFound } from '../../api/meta/status-error.ts'
import type { KubeObject } from '../../api/types.ts'
import type { ObjectReader, ResourceId } from '../server/context.ts'
import { resourcePrefix } from '../storage/keys.ts'
import { ResourceStore, type StoreDependencies } from '../storage/resource-store.ts'
import { canonicalStored } from './canonical.ts'
import { keyFor, presented, type Resource, type ResourceHooks, type VersionConversion } from './resource.ts'

export interface ResourcesOptions {
  /** `--etcd-prefix`. */
  readonly root: string
  readonly deps: StoreDependencies
  /** `--event-ttl` in seconds. */
  readonly eventTtlSeconds: number
  /** `--runtime-config`: what clients see; the server itself uses the rest all the same. Default: all. */
  readonly serves?: (definition: KindDefinition) => boolean
}

/** One version of a custom resource. */
export interface CustomVersion {
  readonly definition: KindDefinition
  /** One that is not served is used by the server itself alone. */
  readonly served: boolean
  /** Shows the store in this version. */
  readonly deps: StoreDependencies
}

export interface CustomVersions {
  /** Declaration of the version that is stored. */
  readonly stored: KindDefinition
  readonly versions: readonly CustomVersion[]
  readonly conversion: VersionConversion
}

export class Resources implements ObjectReader {
  readonly #options: ResourcesOptions
  readonly #byId = new Map<string, Resource>()
  readonly #served = new Map<string, Resource>()
  readonly #stores = new Map<string, ResourceStore>()
  readonly #versions = new Map<ResourceStore, Resource[]>()
  #generation = 0

  constructor(options: ResourcesOptions) {
    this.#options = options
  }

  /** Serves a kind; a second version of a stored kind shares its store. */
  add(definition: KindDefinition, hooks: ResourceHooks = {}): Resource {
    const stored = definition.storedAs?.kind ?? definition
    const groupResource = { group: definition.group, resource: definition.plural }
    const prefix = resourcePrefix(this.#options.root, stored)
    let store = this.#stores.get(prefix)
    if (store === undefined) {
      const storedAs = { group: stored.group, resource: stored.plural }
      store = new ResourceStore(prefix, storedAs, this.#options.deps, (object) => canonicalStored(stored, object))
      this.#stores.set(prefix, store)
      this.#versions.set(store, [])
    }
    const versions = this.#versions.get(store) ?? []
    const resource: Resource = {
      definition,
      stored,
      groupResource,
      namespaced: definition.scope === 'Namespaced',
      store,
      hooks,
      versions,
      ttlSeconds: stored.plural === 'events' && stored.custom === undefined ? this.#options.eventTtlSeconds : undefined,
    }
    versions.push(resource)
    this.#generation++
    const id = idOf(definition.group, definition.version, definition.plural)
    this.#byId.set(id, resource)
    if (this.#options.serves?.(definition) !== false) this.#served.set(id, resource)
    return resource
  }

  /** Serves a custom resource. Each version has a store of its own; the one that is stored comes first. */
  addCustom({ stored, versions, conversion }: CustomVersions): void {
    const prefix = resourcePrefix(this.#options.root, stored)
    const all: Resource[] = []
    this.#generation++
    for (const { definition, served, deps } of versions) {
      const groupResource = { group: definition.group, resource: definition.plural }
      const resource: Resource = {
        definition,
        stored,
        groupResource,
        namespaced: definition.scope === 'Namespaced',
        store: new ResourceStore(prefix, groupResource, deps, (object) => canonicalStored(definition, object)),
        hooks: {},
        versions: all,
        conversion,
        ttlSeconds: undefined,
      }
      if (served) all.push(resource)
      const id = idOf(definition.group, definition.version, definition.plural)
      this.#byId.set(id, resource)
      if (served && this.#options.serves?.(definition) !== false) this.#served.set(id, resource)
    }
  }

  /** Stops serving a custom resource in all its versions; its watches end. */
  removeCustom(group: string, plural: string): void {
    for (const [id, { definition, store }] of this.#byId) {
      if (definition.group !== group || definition.plural !== plural) continue
      this.#generation++
      this.#byId.delete(id)
      this.#served.delete(id)
      store.cache.retire()
    }
  }

  /** A resource that clients see. */
  find(group: string, version: string, plural: string): Resource | undefined {
    return this.#served.get(idOf(group, version, plural))
  }

  /** A resource that must exist: a built-in one. */
  get({ group, version, resource }: ResourceId): Resource {
    const found = this.#byId.get(idOf(group, version, resource))
    if (found === undefined) throw new Error(`resource ${group}/${version} ${resource} is not served`)
    return found
  }

  /** The first version of this resource: of a custom one, that which is stored. */
  findAnyVersion(group: string, plural: string): Resource | undefined {
    for (const resource of this.#byId.values()) {
      if (resource.definition.group === group && resource.definition.plural === plural) return resource
    }
    return undefined
  }

  get deps(): StoreDependencies {
    return this.#options.deps
  }

  /** Whether any version of the group has a resource that clients see. */
  hasGroup(group: string): boolean {
    for (const { definition } of this.#served.values()) if (definition.group === group) return true
    return false
  }

  /** Another one whenever the set of resources is another: what is derived from the set is good as long as it stays. */
  get generation(): number {
    return this.#generation
  }

  /** All that clients see. */
  all(): IterableIterator<Resource> {
    return this.#served.values()
  }

  async getObject(ref: ResourceId, namespace: string, name: string): Promise<KubeObject> {
    const resource = this.get(ref)
    await resource.store.consistent()
    const entry = resource.store.cache.get(keyFor(resource, namespace, name))
    if (entry === undefined) throw notFound(resource.groupResource, name)
    return presented(resource, entry.object)
  }

  async listObjects(
    ref: ResourceId,
    namespace: string,
    matches: (object: KubeObject) => boolean = () => true,
  ): Promise<readonly KubeObject[]> {
    const resource = this.get(ref)
    await resource.store.consistent()
    const prefix = resource.namespaced && namespace !== '' ? `${namespace}/` : ''
    return resource.store.cache
      .range(prefix)
      .map((entry) => presented(resource, entry.object))
      .filter(matches)
  }

  /** Forgets history older than what clients still resume from. */
  trim(revision: number): void {
    const stores = new Set([...this.#byId.values()].map(({ store }) => store))
    for (const store of stores) store.cache.trim(revision)
  }
}

const idOf = (group: string, version: string, plural: string): string => `${group}/${version}/${plural}`
