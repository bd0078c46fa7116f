/** Objects that the API server itself keeps: made if absent, mended if wrong. */
import { isReason } from '../../api/meta/status-error.ts'
import type { KubeObject } from '../../api/types.ts'
import { realClock } from '../../component-base/clock.ts'
import { createObject } from '../registry/create.ts'
import { fieldScopeOf, systemManager, trackWrite } from '../registry/field-manager.ts'
import { keyFor, type Resource } from '../registry/resource.ts'
import { updateObject } from '../registry/update.ts'
import { cloneJson } from '../storage/json.ts'

const writeOptions = { dryRun: false, clock: realClock, validating: async (): Promise<void> => {} }

/** Creates the object unless one of its name exists; another server may be faster. */
export const ensureExists = async (resource: Resource, object: KubeObject, manager = systemManager): Promise<void> => {
  const { namespace = '', name = '' } = object.metadata ?? {}
  await resource.store.cache.ready()
  if (resource.store.cache.get(keyFor(resource, namespace, name)) !== undefined) return
  const fresh = cloneJson(object)
  resource.definition.setDefaults?.(fresh)
  trackWrite(fieldScopeOf(resource, ''), undefined, fresh, manager, realClock.now())
  try {
    await createObject(resource, fresh, writeOptions)
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error
  }
}

/** Creates the object, or lets `mend` make the existing one right; a copy without changes is not written. */
export const ensureLike = async (
  resource: Resource,
  object: KubeObject,
  mend: (current: KubeObject) => void,
  manager = systemManager,
): Promise<void> => {
  const { namespace = '', name = '' } = object.metadata ?? {}
  await ensureExists(resource, object, manager)
  await updateObject(
    resource,
    { namespace, name },
    (current) => {
      const copy = cloneJson(current ?? object)
      mend(copy)
      trackWrite(fieldScopeOf(resource, ''), current, copy, manager, realClock.now())
      return copy
    },
    { ...writeOptions, scope: 'main' },
  )
}
