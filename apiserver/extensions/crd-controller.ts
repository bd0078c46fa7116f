/**
 * What follows from CustomResourceDefinitions: their status, what is served, and the end of their objects. Every API
 * server does this for itself; what is written is the same whoever writes it.
 * Upstream: the controllers of apiextensions-apiserver (naming, establishing, finalizer).
 */
import { isReason, notFound } from '../../api/meta/status-error.ts'
import type { CustomResourceDefinition } from '../../api/types.ts'
import { type Clock, sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { deleteObject } from '../registry/delete.ts'
import { keyFor, type Resource } from '../registry/resource.ts'
import type { Resources } from '../registry/resources.ts'
import { cloneJson, equalJson } from '../storage/json.ts'
import { ConversionError } from '../storage/key-value.ts'
import { cleanupFinalizer, nameOf, nextStatus, terminationFailure, terminationProgress } from './crd-conditions.ts'
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
const failureRetryMs = 1000

const isGoing = ({ metadata }: CustomResourceDefinition): boolean => metadata?.deletionTimestamp !== undefined
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

  const keepStatus = async (definition: CustomResourceDefinition): Promise<void> => {
    const { group } = definition.spec
    const othersOf = (name: string) => all().filter((other) => other.spec.group === group && nameOf(other) !== name)
    const name = nameOf(definition)
    const wanted = nextStatus(definition, othersOf(name), clock.now())
    if (equalJson(wanted, definition.status)) return
    await write(name, (current) => {
      current.status = nextStatus(current, othersOf(name), clock.now())
    })
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

  const lookAt = async (definition: CustomResourceDefinition): Promise<void> => {
    try {
      if (!isGoing(definition)) await keepStatus(definition)
      else if (holdsCleanup(definition)) await cleanUp(definition)
    } catch (err) {
      if (isReason(err, 'NotFound')) return
      log.warn({ err, definition: nameOf(definition) }, 'a CustomResourceDefinition could not be seen to')
      again = true
    }
  }

  const sync = async (): Promise<void> => {
    await crds.store.consistent()
    server.serve(all())
    for (const definition of all()) await lookAt(definition)
    await crds.store.consistent()
    server.serve(all())
  }

  const run = async (signal: AbortSignal): Promise<void> => {
    let wake: () => void = () => undefined
    let dirty = true
    crds.store.cache.onChange(() => {
      dirty = true
      wake()
    })
    signal.addEventListener('abort', () => wake(), { once: true })
    while (!signal.aborted) {
      if (!dirty) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      dirty = false
      again = false
      try {
        await sync()
        if (!again) continue
        await sleep(cleanupRetryMs, signal)
      } catch (err) {
        if (signal.aborted) return
        log.warn({ err }, 'CustomResourceDefinitions could not be read')
        await sleep(failureRetryMs, signal).catch(() => undefined)
      }
      dirty = true
    }
  }
  return { sync, run }
}
