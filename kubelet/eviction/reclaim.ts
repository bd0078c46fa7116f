/** Frees what nobody needs on the node's disk before Pods have to go. Upstream: DeleteAllUnusedContainers. */
import type { RuntimeService } from '../runtime/runtime-service.ts'

/** Containers that have ended, of Pods of which nothing runs any more: their statuses are in the API. */
export const removeEndedContainers = async (
  runtime: RuntimeService,
  isStopped: (podUid: string) => boolean,
): Promise<void> => {
  const containers = await runtime.listContainers()
  const ended = containers.filter(({ state, podUid }) => state === 'exited' && isStopped(podUid))
  await Promise.all(ended.map(({ id }) => runtime.removeContainer(id)))
}
