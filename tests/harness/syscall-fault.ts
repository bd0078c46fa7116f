/** A disk that fails: strace makes system calls of a running process fail, from now on and until it is detached. */
import { once } from 'node:events'
import { startCommand } from './command.ts'
import { waitFor } from './wait.ts'

export interface SyscallFault {
  /** Comma-separated names, as strace has them. */
  readonly calls: string
  /** What strace injects: `error=EIO`, `error=ENOSPC:when=3+`, `retval=5`. */
  readonly inject: string
  /** Only calls on this file or directory. */
  readonly path?: string
}

/** strace and its flags, to start a process under a fault. The process is strace's caller's child. */
export const faultPrefix = ({ calls, inject, path }: SyscallFault): string[] => [
  'strace',
  '-D',
  '-f',
  '-qq',
  '-o/dev/null',
  ...(path === undefined ? [] : [`-P${path}`]),
  `-etrace=${calls}`,
  `-einject=${calls}:${inject}`,
]

/** Puts a running process under a fault; resolves when it counts. Disposal lifts it. */
export const injectFault = async (pid: number, fault: SyscallFault): Promise<AsyncDisposable> => {
  const [, , ...flags] = faultPrefix(fault)
  const strace = startCommand('strace', [...flags.filter((flag) => flag !== '-qq'), `-p${pid}`])
  await waitFor(() => /attached/.test(strace.stderr()), { what: 'strace to be attached' })
  return {
    [Symbol.asyncDispose]: async () => {
      if (strace.child.exitCode !== null || strace.child.signalCode !== null) return
      strace.child.kill('SIGTERM') // detaches; the process goes on
      await once(strace.child, 'exit')
    },
  }
}
