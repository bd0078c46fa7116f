/**
 * Deletion in the generic registry: preconditions, grace, finalizers and garbage collection policy.
 * Upstream: Store.Delete and rest.BeforeDelete.
 *
 * An object goes at once if nothing holds it. Otherwise it is marked (deletionTimestamp, deletionGracePeriodSeconds)
 * and goes with the write that removes the last finalizer, or with a deletion whose grace period is zero.
 */
import { conflict, notFound } from '../../api/meta/status-error.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import type { KubeObject, ObjectMeta } from '../../api/types.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Entry } from '../storage/encoding.ts'
import { cloneJson } from '../storage/json.ts'
import type { Decision } from '../storage/resource-store.ts'
import { dryRunEntry } from './dry-run.ts'
import { metadataOf } from './metadata.ts'
import { keyFor, type Resource } from './resource.ts'

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground'
  readonly orphanDependents?: boolean
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
}

export interface DeleteContext {
  readonly options: DeleteOptions
  readonly dryRun: boolean
  readonly clock: Clock
  readonly validating: (object: KubeObject) => Promise<void>
}

export interface DeleteResult {
  readonly entry: Entry
  /** False if the object stays for now, held by finalizers or its grace period. */
  readonly deleted: boolean
}

/** Throws NotFound, Conflict (preconditions), Forbidden (admission). */
export const deleteObject = async (
  resource: Resource,
  { namespace, name }: { namespace: string; name: string },
  context: DeleteContext,
): Promise<DeleteResult> => {
  const key = keyFor(resource, namespace, name)
  let dryRunResult: DeleteResult | undefined
  const decide = async (current: KubeObject | undefined): Promise<Decision> => {
    if (current === undefined) throw notFound(resource.groupResource, name)
    checkPreconditions(resource, current, context.options)
    await context.validating(current)
    const decision = planDeletion(resource, current, context.options, context.clock.now())
    if (!context.dryRun) return decision
    const object = decision.type === 'write' ? decision.object : current
    dryRunResult = { entry: await dryRunEntry(resource, key, object), deleted: decision.type === 'delete' }
    return { type: 'keep' }
  }
  if (context.dryRun) {
    await decide((await resource.store.getLive(key))?.object)
    if (dryRunResult === undefined) throw new Error('a dry run decided nothing')
    return dryRunResult
  }
  const outcome = await resource.store.update(key, decide)
  if (outcome.type === 'deleted') await resource.hooks.afterDelete?.(outcome.entry.object)
  return { entry: outcome.entry, deleted: outcome.type === 'deleted' }
}

/** Throws Conflict. Upstream: BeforeDelete, whose conflict names the kind where others name the resource. */
export const checkPreconditions = (
  { definition }: Resource,
  current: KubeObject,
  { preconditions }: DeleteOptions,
): void => {
  const { name = '', uid, resourceVersion } = current.metadata ?? {}
  const differs = (message: string) => conflict({ group: definition.group, resource: definition.kind }, name, message)
  if (preconditions?.uid !== undefined && preconditions.uid !== uid) {
    throw differs(
      `the UID in the precondition (${preconditions.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    )
  }
  if (preconditions?.resourceVersion !== undefined && preconditions.resourceVersion !== resourceVersion) {
    throw differs(
      `the ResourceVersion in the precondition (${preconditions.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`,
    )
  }
}

/** What deletion does to this object now: removes it, marks it, or (already marked) nothing. Pure. */
export const planDeletion = (
  resource: Resource,
  current: KubeObject,
  options: DeleteOptions,
  nowMs: number,
): Decision => {
  const { definition, hooks } = resource
  const object = cloneJson(current)
  const metadata = metadataOf(object)
  const finalizers =
    hooks.ignoresPropagation === true
      ? (metadata.finalizers ?? [])
      : finalizersFor(definition.defaultGarbageCollection, metadata, options)
  const finalizersChanged = finalizers.join() !== (metadata.finalizers ?? []).join()
  if (finalizers.length === 0) delete metadata.finalizers
  else metadata.finalizers = finalizers

  const graceSeconds = graceFor(resource, object, options)
  const begun = metadata.deletionTimestamp !== undefined
  const held = finalizers.length > 0 || graceSeconds > 0 || hooks.mayBeRemoved?.(object) === false
  if (!held) return { type: 'delete' }
  if (begun && !finalizersChanged && graceSeconds >= (metadata.deletionGracePeriodSeconds ?? 0)) return { type: 'keep' }

  if (!begun || graceSeconds < (metadata.deletionGracePeriodSeconds ?? 0)) {
    markDeleted(metadata, graceSeconds, nowMs)
    if (!begun) hooks.onDeletionBegins?.(object)
  }
  return { type: 'write', object }
}

const markDeleted = (metadata: ObjectMeta, graceSeconds: number, nowMs: number): void => {
  const before = metadata.deletionTimestamp
  if (before !== undefined) {
    // A shorter grace counts from when the deletion was asked for, not from now.
    const askedMs = Date.parse(before) - (metadata.deletionGracePeriodSeconds ?? 0) * 1000
    metadata.deletionTimestamp = nowRfc3339(Math.max(askedMs, nowMs) + graceSeconds * 1000)
  } else {
    metadata.deletionTimestamp = nowRfc3339(nowMs + graceSeconds * 1000)
  }
  metadata.deletionGracePeriodSeconds = graceSeconds
  // Deletion counts as a change of the desired state.
  if ((metadata.generation ?? 0) > 0) metadata.generation = (metadata.generation ?? 0) + 1
}

/** Seconds of grace; 0 is none. A deletion under way can only be shortened. */
const graceFor = ({ definition }: Resource, object: KubeObject, options: DeleteOptions): number => {
  const asked = options.gracePeriodSeconds
  const requested = asked !== undefined && asked < 0 ? 1 : asked
  const metadata = object.metadata ?? {}
  if (definition.gracefulDeletion === undefined) return 0
  if (metadata.deletionTimestamp !== undefined) {
    const running = metadata.deletionGracePeriodSeconds ?? 0
    if (running === 0 || requested === undefined) return running
    const wanted = definition.gracefulDeletion(object, requested) ?? 0
    return Math.min(running, wanted)
  }
  return Math.max(definition.gracefulDeletion(object, requested) ?? 0, 0)
}

const orphan = 'orphan'
const foreground = 'foregroundDeletion'

/** Upstream: deletionFinalizersForGarbageCollection. */
export const finalizersFor = (
  defaultPolicy: 'background' | 'orphan' | undefined,
  metadata: ObjectMeta,
  { orphanDependents, propagationPolicy }: DeleteOptions,
): string[] => {
  const present = metadata.finalizers ?? []
  const wanted = ((): string | undefined => {
    if (orphanDependents !== undefined) return orphanDependents ? orphan : undefined
    if (propagationPolicy === 'Orphan') return orphan
    if (propagationPolicy === 'Foreground') return foreground
    if (propagationPolicy === 'Background') return undefined
    if (present.includes(orphan)) return orphan
    if (present.includes(foreground)) return foreground
    return defaultPolicy === 'orphan' ? orphan : undefined
  })()
  if (wanted !== undefined && present.includes(wanted))
    return present.filter((name) => name === wanted || !isGcFinalizer(name))
  const rest = present.filter((name) => !isGcFinalizer(name))
  return wanted === undefined ? rest : [...rest, wanted]
}

const isGcFinalizer = (name: string): boolean => name === orphan || name === foreground
