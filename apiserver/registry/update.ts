/** Updates in the generic registry: PUT, PATCH and the subresources. Upstream: Store.Update. */
import { invalid, invalidObject } from '../../api/meta/field-error.ts'
import { keepTimesOfUnchanged } from '../../api/patch/apply/managed-fields.ts'
import { conflict, notFound, staleObject, type StatusError } from '../../api/meta/status-error.ts'
import { validateObjectMetaUpdate } from '../../api/meta/validate-metadata.ts'
import type { KubeObject } from '../../api/types.ts'
import type { Entry } from '../storage/encoding.ts'
import type { Decision } from '../storage/resource-store.ts'
import { canonicalStored } from './canonical.ts'
import { beginCreate, prepareForCreate, type WriteOptions } from './create.ts'
import { dryRunEntry } from './dry-run.ts'
import { keepSystemFields, metadataOf, specChanged } from './metadata.ts'
import { keyFor, presented, type Reservation, type Resource, toStored } from './resource.ts'

/** The new object, given the stored one; called again if somebody else wrote in between. Must return a fresh object. */
export type Transform = (current: KubeObject | undefined) => Promise<KubeObject> | KubeObject

/** Which part of the object an endpoint may change. */
export type UpdateScope = 'main' | 'status' | 'unrestricted'

export interface UpdateOptions extends WriteOptions {
  readonly scope: UpdateScope
  /** PUT and PATCH of a missing object create it: kinds that allow it, and server-side apply. */
  readonly forceAllowCreate?: boolean
}

export interface UpdateResult {
  readonly entry: Entry
  readonly created: boolean
}

/** Throws NotFound, Conflict, Invalid, Forbidden. */
export const updateObject = async (
  resource: Resource,
  { namespace, name }: { namespace: string; name: string },
  transform: Transform,
  options: UpdateOptions,
): Promise<UpdateResult> => {
  const key = keyFor(resource, namespace, name)
  let reservation: Reservation | undefined
  let dryRunResult: UpdateResult | undefined
  const decide = async (currentStored: KubeObject | undefined): Promise<Decision> => {
    await reservation?.rollback()
    reservation = undefined
    const current = currentStored === undefined ? undefined : presented(resource, currentStored)
    // As the stored one is: what Go writes unasked makes no difference between the two.
    const object = canonicalStored(resource.definition, await transform(current))
    if (current === undefined) {
      if (!mayCreate(resource, options)) throw notFound(resource.groupResource, name)
      reservation = await beginCreate(resource, object, options)
      prepareForCreate(resource, object)
      await options.validating(object, undefined)
    } else {
      checkVersion(resource, object, current)
      if (options.scope === 'main') reservation = await resource.hooks.beginUpdate?.(object, current, options.dryRun)
      beforeUpdate(resource, object, current, options)
      keepTimesOfUnchanged(object, current)
      await options.validating(object, current)
    }
    if (options.dryRun) {
      dryRunResult = {
        entry: await dryRunEntry(resource, key, toStored(resource, object)),
        created: current === undefined,
      }
      return { type: 'keep' }
    }
    if (current !== undefined && isRemovable(resource, object)) return { type: 'delete' }
    return { type: 'write', object: toStored(resource, object) }
  }
  try {
    if (options.dryRun) return await dryRun(resource, key, decide, () => dryRunResult)
    const outcome = await resource.store.update(key, decide, resource.ttlSeconds)
    // An update that was a deletion has no use for what it took; what the object held goes after it.
    if (outcome.type === 'deleted') {
      await reservation?.rollback()
      await resource.hooks.afterDelete?.(outcome.entry.object)
    } else await reservation?.commit()
    return { entry: outcome.entry, created: outcome.type === 'created' }
  } catch (error) {
    await reservation?.rollback()
    throw error
  }
}

const dryRun = async (
  resource: Resource,
  key: string,
  decide: (current: KubeObject | undefined) => Promise<Decision>,
  result: () => UpdateResult | undefined,
): Promise<UpdateResult> => {
  await decide((await resource.store.getLive(key))?.object)
  const outcome = result()
  if (outcome === undefined) throw new Error('a dry run decided nothing')
  return outcome
}

const mayCreate = ({ definition }: Resource, { scope, forceAllowCreate }: UpdateOptions): boolean =>
  scope === 'main' && (definition.allowCreateOnUpdate || forceAllowCreate === true)

/** Optimistic concurrency; an update without resourceVersion gets the stored one. */
const checkVersion = (resource: Resource, object: KubeObject, current: KubeObject): void => {
  const { definition, groupResource } = resource
  const metadata = metadataOf(object)
  const name = current.metadata?.name ?? ''
  if ((metadata.uid ?? '') !== '' && metadata.uid !== current.metadata?.uid) {
    throw uidMismatch(resource, metadata.uid ?? '', current)
  }
  const version = metadata.resourceVersion ?? ''
  if (version === '' || version === '0') {
    if (!definition.allowUnconditionalUpdate) {
      throw invalidObject(definition, name, [invalid('metadata.resourceVersion', 0, 'must be specified for an update')])
    }
    metadata.resourceVersion = current.metadata?.resourceVersion
  } else if (version !== current.metadata?.resourceVersion) {
    throw staleObject(groupResource, name)
  }
}

/** What the kind and metadata rules say about the change; in place. */
const beforeUpdate = (resource: Resource, object: KubeObject, current: KubeObject, options: UpdateOptions): void => {
  const { definition } = resource
  const metadata = metadataOf(object)
  keepSystemFields(object, current)
  applyScope(resource, object, current, options)
  const errors = [
    ...validateObjectMetaUpdate(metadata, current.metadata ?? {}, definition),
    ...validationErrors(resource, object, current, options.scope),
  ]
  if (errors.length > 0) throw invalidObject(definition, current.metadata?.name ?? '', errors)
}

const applyScope = (
  resource: Resource,
  object: KubeObject,
  current: KubeObject,
  { scope, clock }: UpdateOptions,
): void => {
  const { definition } = resource
  if (scope === 'unrestricted') {
    if (definition.hasGeneration && specChanged(object, current)) bumpGeneration(object)
    return
  }
  if (scope === 'status') {
    if (definition.prepareForStatusUpdate !== undefined) definition.prepareForStatusUpdate(object, current, clock.now())
    else keepAllButStatus(object, current)
    return
  }
  if (definition.prepareForUpdate !== undefined) definition.prepareForUpdate(object, current, clock.now())
  else if (definition.subresources.some(({ name }) => name === 'status')) keepStatus(object, current)
  if (
    definition.hasGeneration &&
    metadataOf(object).generation === current.metadata?.generation &&
    specChanged(object, current)
  ) {
    bumpGeneration(object)
  }
}

const bumpGeneration = (object: KubeObject): void => {
  const metadata = metadataOf(object)
  metadata.generation = (metadata.generation ?? 0) + 1
}

const keepStatus = (object: KubeObject, current: KubeObject): void => {
  if (current['status'] === undefined) delete object['status']
  else object['status'] = current['status']
}

const keepAllButStatus = (object: KubeObject, current: KubeObject): void => {
  for (const field of new Set([...Object.keys(object), ...Object.keys(current)])) {
    if (field === 'metadata' || field === 'status' || field === 'kind' || field === 'apiVersion') continue
    if (current[field] === undefined) delete object[field]
    else object[field] = current[field]
  }
}

const validationErrors = ({ definition }: Resource, object: KubeObject, current: KubeObject, scope: UpdateScope) => {
  if (scope === 'status') return definition.validateStatusUpdate?.(object, current) ?? []
  if (scope === 'unrestricted') return []
  return [...(definition.validate?.(object) ?? []), ...(definition.validateUpdate?.(object, current) ?? [])]
}

const uidMismatch = (resource: Resource, uid: string, current: KubeObject): StatusError =>
  preconditionFailed(resource, current, `UID in precondition: ${uid}, UID in object meta: ${current.metadata?.uid}`)

/** The conflict of a failed precondition, in the words of upstream's storage layer. */
const preconditionFailed = (resource: Resource, current: KubeObject, detail: string): StatusError => {
  const name = current.metadata?.name ?? ''
  const key = resource.store.prefix + keyFor(resource, current.metadata?.namespace ?? '', name)
  return conflict(
    resource.groupResource,
    name,
    `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: ${detail}`,
  )
}

/** An object whose deletion has begun goes away with the update that removes the last thing that held it. */
const isRemovable = (resource: Resource, object: KubeObject): boolean => {
  const metadata = metadataOf(object)
  return (
    metadata.deletionTimestamp !== undefined &&
    (metadata.finalizers ?? []).length === 0 &&
    (metadata.deletionGracePeriodSeconds ?? 0) === 0 &&
    (resource.hooks.mayBeRemoved?.(object) ?? true)
  )
}
