/** The few ways in which events become keys and keys get workers. */
import { controllerOf } from '../api/meta/owners.ts'
import type { KubeObject } from '../api/types.ts'
import type { Informer } from '../client/cache/informer.ts'
import { type Reconcile, runController } from '../client/controller/worker.ts'
import { createWorkQueue, type WorkQueue } from '../client/workqueue/work-queue.ts'
import type { ControllerContext, RunController } from './context.ts'
import { keyOf, namespaceOf } from './objects.ts'

/** Calls `enqueue` with every object that appears, changes (new state) or goes. */
export const onAnyChange = <T extends KubeObject>(informer: Informer<T>, enqueue: (object: T) => void): void =>
  informer.addHandler({ onAdd: enqueue, onUpdate: (_old, object) => enqueue(object), onDelete: enqueue })

/** The object's own key. */
export const enqueueSelf =
  (queue: WorkQueue) =>
  (object: KubeObject): void =>
    queue.add(keyOf(object))

/** The key of the controlling owner of that kind, by name in the object's namespace; undefined if there is none. */
export const ownerKey = (object: KubeObject, kind: string): string | undefined => {
  const owner = controllerOf(object)
  return owner?.kind === kind ? `${namespaceOf(object)}/${owner.name}` : undefined
}

/** A queue on the context's clock, whose metrics bear the controller's name. */
export const queueOf = ({ clock, observeQueue }: ControllerContext): WorkQueue =>
  createWorkQueue({ clock, observer: observeQueue() })

/** Runs the workers of a queue. */
export const workersOf =
  (
    { log, signal }: ControllerContext,
    options: {
      readonly name: string
      readonly queue: WorkQueue
      readonly concurrency: number
      readonly reconcile: Reconcile
    },
  ): RunController =>
  () =>
    runController({ ...options, log, signal })
