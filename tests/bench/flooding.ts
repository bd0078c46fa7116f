/** A flood as others see it: a process that is started and ended. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { projectRoot } from '../../deploy/layout.ts'

export interface FloodOptions {
  /** Whose flood it is. */
  readonly kubeconfig: string
  /** Or a path, which is read. */
  readonly kind: 'get' | 'list' | 'create' | `/${string}`
  readonly connections: number
}

export interface Flood extends AsyncDisposable {
  /** Ends it. Answers by code. */
  readonly end: () => Promise<Readonly<Record<string, number>>>
}

/** Resolves when it has begun. */
export const startFlood = async ({ kubeconfig, kind, connections }: FloodOptions): Promise<Flood> => {
  const argv = [join(projectRoot, 'tests/bench/flood.ts'), kubeconfig, kind, String(connections)]
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...argv], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    printed += chunk
  })
  const closed = once(child, 'close')
  await once(child.stdout, 'data')
  const end = async (): Promise<Readonly<Record<string, number>>> => {
    child.stdin.end()
    await closed
    return JSON.parse(printed.split('\n')[1] ?? '{}') as Record<string, number>
  }
  return {
    end,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null) await end()
    },
  }
}
