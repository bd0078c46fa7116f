/** Creation in the generic registry. Upstream: Store.Create in k8s.io/apiserver/pkg/registry/generic/registry */
import { invalidObject } from '../../api/meta/field-error.ts'
import { alreadyExists, isReason, StatusError } from '../../api/meta/status-error.ts'
import { validateObjectMeta } from '../../api/meta/validate-metadata.ts'
import type { KubeObject } from '../../api/types.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Entry } from '../storage/encoding.ts'
import { canonicalStored } from './canonical.ts'
import { dryRunEntry } from './dry-run.ts'
import { fillSystemFields, generateName, metadataOf } from './metadata.ts'
import { keyFor, type Reservation, type Resource, toStored } from './resource.ts'

export interface WriteOptions {
  readonly dryRun: boolean
  readonly clock: Clock
  /** Validating admission; sees what will be stored. */
  readonly validating: (object: KubeObject, old: KubeObject | undefined) => Promise<void>
}

/** Names generated before giving up. Upstream: RetryGenerateName. */
const maxNameAttempts = 8

/** Server-owned fields, and what the resource takes from elsewhere; in place. Throws what the allocation refuses. */
export const beginCreate = async (
  resource: Resource,
  object: KubeObject,
  { clock, dryRun }: WriteOptions,
): Promise<Reservation | undefined> => {
  fillSystemFields(object, resource.definition, clock.now())
  return resource.hooks.beginCreate?.(object, dryRun)
}

const nameRuleOf = ({ validateName }: Resource['definition'], object: KubeObject) =>
  validateName === undefined ? undefined : (name: string) => validateName(name, object)

/** The kind's own preparation and all validation; in place. Throws Invalid. */
export const prepareForCreate = (resource: Resource, object: KubeObject): void => {
  const { definition } = resource
  const metadata = metadataOf(object)
  if (definition.prepareForCreate !== undefined) definition.prepareForCreate(object)
  else if (definition.subresources.some(({ name }) => name === 'status')) delete object['status']
  const errors = [
    ...validateObjectMeta(metadata, {
      namespaced: resource.namespaced,
      validateName: nameRuleOf(definition, object),
      looseFinalizers: definition.looseFinalizers,
    }),
    ...(definition.validate?.(object) ?? []),
    ...(definition.validateCreate?.(object) ?? []),
  ]
  if (errors.length > 0) throw invalidObject(definition, metadata.name ?? '', errors)
}

/** Stores a new object. Throws Invalid, AlreadyExists, Forbidden (admission). `object` is changed and then owned by the cache. */
export const createObject = async (resource: Resource, object: KubeObject, options: WriteOptions): Promise<Entry> => {
  const metadata = metadataOf(object)
  const generated = (metadata.name ?? '') === '' && (metadata.generateName ?? '') !== ''
  for (let attempt = 1; ; attempt++) {
    if (generated) metadata.name = generateName(metadata.generateName ?? '')
    try {
      return await createOnce(resource, object, options)
    } catch (error) {
      if (!generated || !isReason(error, 'AlreadyExists')) throw error
      if (attempt === maxNameAttempts) throw nameCollision(resource, error)
    }
  }
}

const createOnce = async (resource: Resource, given: KubeObject, options: WriteOptions): Promise<Entry> => {
  // As it will be stored: what validates it sees what Go writes unasked, and what admission added in its place.
  const object = canonicalStored(resource.definition, given)
  const versioned = Number(metadataOf(object).resourceVersion ?? 0) > 0
  const reservation = await beginCreate(resource, object, options)
  try {
    prepareForCreate(resource, object)
    await options.validating(object, undefined)
    const { namespace = '', name = '' } = metadataOf(object)
    if (versioned && !options.dryRun) throw versionOnCreate()
    const key = keyFor(resource, namespace, name)
    const entry = options.dryRun ? await tryCreate(resource, key, object) : await store(resource, key, object)
    await reservation?.commit()
    return entry
  } catch (error) {
    await reservation?.rollback()
    throw error
  }
}

/** Upstream: storage.ErrResourceVersionSetOnCreate, which has no reason of its own. */
const versionOnCreate = (): StatusError =>
  new StatusError('', 'resourceVersion should not be set on objects to be created')

const store = async (resource: Resource, key: string, object: KubeObject): Promise<Entry> => {
  try {
    return await resource.store.create(key, toStored(resource, object), resource.ttlSeconds)
  } catch (error) {
    // The store knows one of the groups that its objects are served in; the client asked in another.
    throw isReason(error, 'AlreadyExists') ? alreadyExists(resource.groupResource, object.metadata?.name ?? '') : error
  }
}

const tryCreate = async (resource: Resource, key: string, object: KubeObject): Promise<Entry> => {
  if ((await resource.store.getLive(key)) !== undefined) {
    throw alreadyExists(resource.groupResource, object.metadata?.name ?? '')
  }
  return dryRunEntry(resource, key, toStored(resource, object))
}

/** Upstream: NewGenerateNameConflict; clients may try the same request again. */
const nameCollision = (resource: Resource, cause: StatusError): StatusError =>
  new StatusError(
    'AlreadyExists',
    `${cause.message}, the server was not able to generate a unique name for the object`,
    {
      details: { ...cause.details, retryAfterSeconds: 1 },
    },
  )
