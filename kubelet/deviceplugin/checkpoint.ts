/** What devices were given to whom, on disk: a kubelet that starts anew takes them from nobody. */
import { readFileSync } from 'node:fs'
import type { Logger } from '../../component-base/logging/logger.ts'
import { replaceFile } from '../replace-file.ts'
import type { AllocatedParts } from './messages.ts'

export interface DeviceAllocation {
  readonly podUid: string
  readonly container: string
  readonly resource: string
  readonly ids: readonly string[]
  readonly parts: AllocatedParts
}

export interface DeviceCheckpoint {
  readonly allocations: readonly DeviceAllocation[]
  /** Resources of which there was a plugin: Pods that ask for them wait for it. */
  readonly resources: readonly string[]
}

const nothing: DeviceCheckpoint = { allocations: [], resources: [] }

export const loadCheckpoint = (path: string, log: Logger): DeviceCheckpoint => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return nothing
  }
  try {
    return JSON.parse(text) as DeviceCheckpoint
  } catch (error) {
    log.warn({ err: error, path }, 'the checkpoint of devices is damaged: they are given anew')
    return nothing
  }
}

export const saveCheckpoint = (path: string, checkpoint: DeviceCheckpoint): Promise<void> =>
  replaceFile(path, JSON.stringify(checkpoint))
