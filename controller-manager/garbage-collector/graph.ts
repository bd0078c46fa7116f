/**
 * Who owns whom, over all objects of the cluster. Events of the caches build the graph; what it hands out is work:
 * objects whose owners have to be looked at (`delete`), and owners whose dependents are to be set free (`orphan`).
 *
 * An owner that is named by a dependent and was not seen itself is *virtual*: it may come with a later event, or may
 * never have existed, so it is asked for live before anything is deleted for its sake.
 * Upstream: pkg/controller/garbagecollector/graph_builder.go.
 */
import type { KubeObject, OwnerReference } from '../../api/types.ts'
import { isDeleting, nameOf, namespaceOf, uidOf } from '../objects.ts'

export const foregroundFinalizer = 'foregroundDeletion'
export const orphanFinalizer = 'orphan'

/** Where an object is: enough to ask the API server for it. */
export interface Identity {
  readonly apiVersion: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

export interface GraphNode {
  identity: Identity
  /** Only named by a dependent so far. */
  virtual: boolean
  owners: readonly OwnerReference[]
  readonly dependents: Set<GraphNode>
  /** Has a deletionTimestamp. */
  beingDeleted: boolean
  /** Is deleted in the foreground: goes after its dependents. */
  deletingDependents: boolean
}

/** Work that an event has caused. */
export interface GraphWork {
  readonly delete: Set<GraphNode>
  readonly orphan: Set<GraphNode>
}

const hasFinalizer = (object: KubeObject, finalizer: string): boolean =>
  object.metadata?.finalizers?.includes(finalizer) === true

/** Dependents whose ownerReference holds the owner back from going. */
export const blockingDependents = (owner: GraphNode): GraphNode[] =>
  [...owner.dependents].filter((dependent) =>
    dependent.owners.some((reference) => reference.uid === owner.identity.uid && reference.blockOwnerDeletion === true),
  )

export class OwnerGraph {
  readonly #nodes = new Map<string, GraphNode>()

  get size(): number {
    return this.#nodes.size
  }

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid)
  }

  /** An object was added or has changed. */
  observe(object: KubeObject, type: { apiVersion: string; kind: string }): GraphWork {
    const work: GraphWork = { delete: new Set(), orphan: new Set() }
    const uid = uidOf(object)
    const identity: Identity = { ...type, namespace: namespaceOf(object), name: nameOf(object), uid }
    const owners = object.metadata?.ownerReferences ?? []
    let node = this.#nodes.get(uid)
    if (node === undefined) {
      node = {
        identity,
        virtual: false,
        owners: [],
        dependents: new Set(),
        beingDeleted: false,
        deletingDependents: false,
      }
      this.#nodes.set(uid, node)
    } else if (node.virtual) {
      this.#becomeReal(node, identity, work)
    }
    this.#setOwners(node, owners, work)
    if (isDeleting(object)) this.#noteDeletion(node, object, work)
    return work
  }

  /** An object is gone. Its dependents have to look for their owners, its owners may be waiting for it. */
  remove(uid: string): GraphWork {
    const work: GraphWork = { delete: new Set(), orphan: new Set() }
    const node = this.#nodes.get(uid)
    if (node === undefined) return work
    this.#nodes.delete(uid)
    for (const reference of node.owners) {
      const owner = this.#nodes.get(reference.uid)
      owner?.dependents.delete(node)
      if (owner?.deletingDependents) work.delete.add(owner)
    }
    for (const dependent of node.dependents) work.delete.add(dependent)
    return work
  }

  /** The virtual node turns out to be another object than its dependents said: these are to be looked at again. */
  #becomeReal(node: GraphNode, identity: Identity, work: GraphWork): void {
    node.virtual = false
    node.identity = identity
    for (const dependent of node.dependents) {
      const wrongNamespace = identity.namespace !== '' && dependent.identity.namespace !== identity.namespace
      const reference = dependent.owners.find(({ uid }) => uid === identity.uid)
      const wrongName = reference?.name !== identity.name || reference.kind !== identity.kind
      if (wrongNamespace || wrongName) work.delete.add(dependent)
    }
  }

  #setOwners(node: GraphNode, owners: readonly OwnerReference[], work: GraphWork): void {
    const before = new Map(node.owners.map((reference) => [reference.uid, reference]))
    const after = new Map(owners.map((reference) => [reference.uid, reference]))
    for (const [uid, reference] of before) {
      const next = after.get(uid)
      const owner = this.#nodes.get(uid)
      if (owner === undefined) continue
      const unblocked = reference.blockOwnerDeletion === true && next?.blockOwnerDeletion !== true
      if (next === undefined) owner.dependents.delete(node)
      if (owner.deletingDependents && (next === undefined || unblocked)) work.delete.add(owner)
    }
    node.owners = owners
    for (const [uid, reference] of after) {
      if (before.has(uid)) continue
      const owner = this.#nodes.get(uid) ?? this.#addVirtual(reference, node, work)
      owner.dependents.add(node)
      const wrongNamespace = owner.identity.namespace !== '' && owner.identity.namespace !== node.identity.namespace
      if (!owner.virtual && wrongNamespace) work.delete.add(node)
      // The owner is going already: this dependent has to go too, or hold it.
      if (owner.deletingDependents) work.delete.add(node)
    }
  }

  #addVirtual(reference: OwnerReference, dependent: GraphNode, work: GraphWork): GraphNode {
    const owner: GraphNode = {
      identity: {
        apiVersion: reference.apiVersion,
        kind: reference.kind,
        namespace: dependent.identity.namespace,
        name: reference.name,
        uid: reference.uid,
      },
      virtual: true,
      owners: [],
      dependents: new Set(),
      beingDeleted: false,
      deletingDependents: false,
    }
    this.#nodes.set(reference.uid, owner)
    work.delete.add(owner)
    return owner
  }

  #noteDeletion(node: GraphNode, object: KubeObject, work: GraphWork): void {
    node.beingDeleted = true
    if (hasFinalizer(object, orphanFinalizer)) work.orphan.add(node)
    if (hasFinalizer(object, foregroundFinalizer) && !node.deletingDependents) {
      node.deletingDependents = true
      for (const dependent of node.dependents) work.delete.add(dependent)
      work.delete.add(node)
    }
  }
}
