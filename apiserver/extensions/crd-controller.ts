/**
 * What follows from CustomResourceDefinitions: their status, what is served, and the end of their objects. Every API
 * server does this for itself; what is written is the same whoever writes it.
 * Upstream: the controllers of apiextensions-apiserver (naming, establishing, finalizer).
 */
import { isReason, notFound } from '../../api/meta/status-error.ts'
import type { CustomResourceDefinition } from '../../api/types.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { deleteObject } from '../registry/delete.ts'
import { keyFor, type Resource } from '../registry/resource.ts'
import type { Resources } from '../registry/resources.ts'
import { wheneverChanged } from '../registry/whenever-changed.ts'
import { cloneJson } from '../storage/json.ts'
import { ConversionError } from '../storage/key-value.ts'
import { cleanupFinalizer, nameOf, terminationFailure, terminationProgress } from './crd-conditions.ts'
import { isGoing, type PlannedStatus, planStatuses } from './plan-statuses.ts'
import type { CustomServer } from './serve-custom.ts'

export interface CrdControllerOptions {
  readonly resources: Resources
  readonly server: CustomServer
  readonly clock: Clock
  readonly log: Logger
}

export interface CrdController {
  /** Looks at all definitions once. */
  readonly sync: () => Promise<void>
  /** Looks again whenever one changes, until the signal. */
  readonly run: (signal: AbortSignal) => Promise<void>
}

/** While objects of a definition are held by finalizers, it is looked at again and again. */
const cleanupRetryMs = 500

/** Definitions that are written at a time. */
const parallelWrites = 32

const holdsCleanup = ({ metadata }: CustomResourceDefinition): boolean =>
  metadata?.finalizers?.includes(cleanupFinalizer) === true

/** What keeps objects from being read; any other error goes on. */
const asConversionError = (error: unknown): ConversionError => {
  if (error instanceof ConversionError) return error
  throw error
}

export const createCrdController = ({ resources, server, clock, log }: CrdControllerOptions): CrdController => {
  const crds = resources.get({ group: 'apiextensions.k8s.io', version: 'v1', resource: 'customresourcedefinitions' })
  let again = false
  /** Definitions, each as it is stored, whose status is as it should be. */
  const settled = new WeakSet<CustomResourceDefinition>()

  const all = (): CustomResourceDefinition[] =>
    crds.store.cache.range('').map(({ object }) => object as CustomResourceDefinition)

  /** Writes what `change` makes of the definition as it is then. */
  const write = (name: string, change: (definition: CustomResourceDefinition) => void) =>
    crds.store.update(keyFor(crds, '', name), (current) => {
      if (current === undefined) throw notFound(crds.groupResource, name)
      const object = cloneJson(current) as CustomResourceDefinition
      change(object)
      const { metadata } = object
      const gone = metadata?.deletionTimestamp !== undefined && (metadata.finalizers ?? []).length === 0
      return gone ? { type: 'delete' } : { type: 'write', object }
    })

  /**
   * Writes a planned status, if the definition is still what was planned for; else the change that came between is
   * another reason to look. Resolves when the cache has it.
   */
  const writeStatus = async ({ definition, status }: PlannedStatus): Promise<void> => {
    const outcome = await crds.store.update(keyFor(crds, '', nameOf(definition)), (current) => {
      if (current === undefined) throw notFound(crds.groupResource, nameOf(definition))
      if (current.metadata?.resourceVersion !== definition.metadata?.resourceVersion) return { type: 'keep' }
      return { type: 'write', object: { ...cloneJson(current), status } as CustomResourceDefinition }
    })
    await crds.store.waitFor(outcome.entry.revision)
  }

  const removeAll = async (resource: Resource): Promise<number> => {
    await resource.store.consistent()
    const entries = resource.store.cache.range('')
    for (const { object } of entries) {
      const { namespace = '', name = '' } = object.metadata ?? {}
      try {
        await deleteObject(
          resource,
          { namespace, name },
          { options: {}, dryRun: false, clock, validating: async () => {} },
        )
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error
      }
    }
    await resource.store.consistent()
    return resource.store.cache.range('').length
  }

  /** Deletes the objects of a definition that goes, and then lets it go. */
  const cleanUp = async (definition: CustomResourceDefinition): Promise<void> => {
    const { group, names } = definition.spec
    const resource = resources.findAnyVersion(group, names.plural)
    const left = resource === undefined ? 0 : await removeAll(resource).catch(asConversionError)
    if (typeof left !== 'number') {
      await write(nameOf(definition), (current) => {
        current.status = terminationFailure(current.status, left, clock.now())
      })
      again = true
      return
    }
    await write(nameOf(definition), (current) => {
      current.status = terminationProgress(current.status, left, clock.now())
      const finalizers = current.metadata?.finalizers ?? []
      if (left === 0 && current.metadata !== undefined)
        current.metadata.finalizers = finalizers.filter((finalizer) => finalizer !== cleanupFinalizer)
    })
    if (left > 0) again = true
  }

  const attempt = async (definition: CustomResourceDefinition, work: () => Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (err) {
      if (isReason(err, 'NotFound')) return
      log.warn({ err, definition: nameOf(definition) }, 'a CustomResourceDefinition could not be seen to')
      again = true
    }
  }

  /** Some at a time: the store writes those to the disk at once, and they are served before the next ones are seen to. */
  const together = async <T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> => {
    for (let start = 0; start < items.length; start += parallelWrites) {
      await Promise.all(items.slice(start, start + parallelWrites).map(work))
      server.serve(all())
    }
  }

  const sync = async (): Promise<void> => {
    await crds.store.consistent()
    const definitions = all()
    server.serve(definitions)
    const statuses = planStatuses(definitions, settled, clock.now())
    await together(statuses, (planned) => attempt(planned.definition, () => writeStatus(planned)))
    const going = definitions.filter((definition) => isGoing(definition) && holdsCleanup(definition))
    await together(going, (definition) => attempt(definition, () => cleanUp(definition)))
  }

  const run = (signal: AbortSignal): Promise<void> =>
    wheneverChanged(
      {
        caches: [crds.store.cache],
        work: async () => {
          again = false
          await sync()
          return again ? cleanupRetryMs : undefined
        },
        onError: (err) => log.warn({ err }, 'CustomResourceDefinitions could not be read'),
      },
      signal,
    )
  return { sync, run }
}
