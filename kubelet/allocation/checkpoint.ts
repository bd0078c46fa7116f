/**
 * Allocations on disk, so that a kubelet that starts anew does not take what is asked for as given. One file of all
 * Pods, written behind: what a lost write forgets was granted for a reason that still holds, or is judged once more.
 */
import { readFile } from 'node:fs/promises'
import type { Logger } from '../../component-base/logging/logger.ts'
import { replaceFile } from '../replace-file.ts'
import type { Allocation } from './allocation.ts'

export interface AllocationStore {
  get(podUid: string): Allocation | undefined
  set(podUid: string, allocation: Allocation): void
  delete(podUid: string): void
  uids(): readonly string[]
  /** Resolves when all is written. */
  flush(): Promise<void>
}

const parse = (text: string): [string, Allocation][] => {
  const content: unknown = JSON.parse(text)
  if (typeof content !== 'object' || content === null) throw new Error('not an object')
  return Object.entries(content as Record<string, Allocation>)
}

/** `path` is upstream's `allocated_pods_state`. A file that cannot be read counts as none, and is told of. */
export const openAllocationStore = async (path: string, log: Logger): Promise<AllocationStore> => {
  const allocations = new Map<string, Allocation>()
  const text = await readFile(path, 'utf8').catch(() => undefined)
  if (text !== undefined) {
    try {
      for (const [uid, allocation] of parse(text)) allocations.set(uid, allocation)
    } catch (error) {
      log.warn(
        { err: error, path },
        'the checkpoint of allocations is damaged: pods are taken to have what they ask for',
      )
    }
  }
  let dirty = false
  let writing: Promise<void> | undefined
  const write = async (): Promise<void> => {
    while (dirty) {
      dirty = false
      try {
        await replaceFile(path, JSON.stringify(Object.fromEntries(allocations)))
      } catch (error) {
        log.warn({ err: error, path }, 'cannot write the checkpoint of allocations')
      }
    }
    writing = undefined
  }
  const changed = (): void => {
    dirty = true
    writing ??= write()
  }
  return {
    get: (podUid) => allocations.get(podUid),
    set: (podUid, allocation) => {
      allocations.set(podUid, allocation)
      changed()
    },
    delete: (podUid) => {
      if (allocations.delete(podUid)) changed()
    },
    uids: () => [...allocations.keys()],
    flush: async () => {
      await writing
    },
  }
}
