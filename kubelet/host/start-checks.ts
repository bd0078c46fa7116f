/** What is asked of the machine before the kubelet does anything, and what it sets of its own process. */
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Logger } from '../../component-base/logging/logger.ts'
import { UsageError } from '../../component-base/process/run.ts'

export interface StartSettings {
  readonly failSwapOn: boolean
  readonly protectKernelDefaults: boolean
  readonly oomScoreAdj: number
  readonly maxOpenFiles: number
}

/** Upstream: setupKernelTunables. They are only looked at: the machine belongs to its user. */
const kernelDefaults: Readonly<Record<string, number>> = {
  'vm/overcommit_memory': 1,
  'vm/panic_on_oom': 0,
  'kernel/panic': 10,
  'kernel/panic_on_oops': 1,
  'kernel/keys/root_maxkeys': 1_000_000,
  'kernel/keys/root_maxbytes': 25_000_000,
}

/** The kernel's table of swap has a heading, and a line for each device. */
export const hasSwap = (procSwaps: string): boolean => procSwaps.trim().split('\n').length > 1

const checkSwap = async (root: string): Promise<void> => {
  const swaps = await readFile(join(root, 'swaps'), 'utf8').catch(() => '')
  if (!hasSwap(swaps)) return
  const lines = swaps.trim().split('\n')
  throw new UsageError(
    `running with swap on is not supported, please disable swap or set --fail-swap-on flag to false. /proc/swaps contained: [${lines.join(' ')}]`,
  )
}

/** Every one that is not as upstream's kubelet wants it; unreadable ones are not. */
export const wrongKernelSettings = async (root: string): Promise<string[]> => {
  const found = await Promise.all(
    Object.entries(kernelDefaults).map(async ([path, wanted]) => {
      const text = await readFile(join(root, 'sys', path), 'utf8').catch(() => undefined)
      if (text !== undefined && Number(text) === wanted) return []
      return [`invalid kernel flag: ${path}, expected value: ${wanted}, actual value: ${text?.trim() ?? 'unknown'}`]
    }),
  )
  return found.flat()
}

/** Throws UsageError where the machine is not as the configuration wants it; the process is set up as far as it may be. */
export const prepareHost = async (settings: StartSettings, log: Logger, root = '/proc'): Promise<void> => {
  if (settings.failSwapOn) await checkSwap(root)
  if (settings.protectKernelDefaults) {
    const wrong = await wrongKernelSettings(root)
    if (wrong.length > 0) throw new UsageError(wrong.join(', '))
  }
  await writeFile(join(root, 'self/oom_score_adj'), String(settings.oomScoreAdj)).catch((error: unknown) =>
    log.debug({ err: error, value: settings.oomScoreAdj }, 'oom_score_adj cannot be set'),
  )
  // Node has no setrlimit of its own.
  await promisify(execFile)('prlimit', ['--pid', String(process.pid), `--nofile=${settings.maxOpenFiles}`]).catch(
    (error: unknown) =>
      log.debug({ err: error, value: settings.maxOpenFiles }, 'the limit of open files cannot be set'),
  )
}
