/** Two controller-managers on one cluster, of which one leads, and what can happen to a leader. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { leases } from '../../../api/resources.ts'
import { controlPlaneProcesses } from '../../../deploy/components.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import { waitFor } from '../../harness/wait.ts'

export interface Managers extends AsyncDisposable {
  /** Kills the leader with SIGKILL and starts it again; resolves when somebody leads. */
  readonly killLeader: () => Promise<void>
  /** Stops the leader for longer than its lease lasts, and lets it go on beside the next one. */
  readonly freezeLeader: (ms: number) => Promise<void>
  /** How often leadership has changed. */
  readonly changes: () => number
  readonly logs: () => string
}

const count = 2

/** Starts both under `flags`; the cluster's own controller-manager is to have nothing to do with the same lease. */
export const startManagers = async (
  cluster: TestCluster,
  flags: Readonly<Record<string, string>>,
): Promise<Managers> => {
  const spec = controlPlaneProcesses(cluster.config(), cluster.layout).find(
    ({ name }) => name === 'kube-controller-manager',
  )
  const [binary = '', ...args] = spec?.argv ?? []
  const replaced = new Set(Object.keys(flags))
  const kept = args.filter((arg) => !replaced.has(/^--([^=]+)=/.exec(arg)?.[1] ?? ''))
  const argv = [...kept, ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)]
  const logFile = (index: number): string => join(cluster.layout.logs, `chaos-manager-${index}.log`)
  const logs = Array.from({ length: count }, (_, index) => openSync(logFile(index), 'a'))
  let isOver = false
  let changes = 0
  const running: (ChildProcess | undefined)[] = []

  const start = (index: number): void => {
    if (isOver) return
    const child = spawn(binary, argv, {
      stdio: ['ignore', 'ignore', logs[index]],
      env: { ...process.env, ...spec?.env },
    })
    running[index] = child
    // A leader that lost its lease ends, as upstream's does, and is started again.
    child.once('exit', () => setTimeout(() => start(index), 200))
  }
  for (let index = 0; index < count; index++) start(index)

  const holder = async (): Promise<string> =>
    (await cluster.client.get(leases, 'chaos-controllers', 'kube-system')).spec?.holderIdentity ?? ''
  const somebodyLeads = (except: string): Promise<string> =>
    waitFor(
      async () => {
        const now = await holder()
        return now !== '' && now !== except ? now : undefined
      },
      { what: 'another leader', timeoutMs: 30_000 },
    )
  await somebodyLeads('')

  /** Each says in its own log under which identity it leads. */
  const leaderOf = (identity: string): ChildProcess => {
    const says = (line: string): boolean => line.includes('acquired lease') && line.includes(identity)
    const found = running.find((_, index) => readFileSync(logFile(index), 'utf8').split('\n').some(says))
    if (found === undefined) throw new Error(`nobody is ${identity}`)
    return found
  }
  const next = async (before: string): Promise<void> => {
    await somebodyLeads(before)
    changes += 1
  }
  return {
    killLeader: async () => {
      const before = await holder()
      leaderOf(before).kill('SIGKILL')
      await next(before)
    },
    freezeLeader: async (ms) => {
      const before = await holder()
      const leader = leaderOf(before)
      leader.kill('SIGSTOP')
      await new Promise((resolve) => setTimeout(resolve, ms))
      leader.kill('SIGCONT')
      await next(before)
    },
    changes: () => changes,
    logs: () => running.map((_, index) => readFileSync(logFile(index), 'utf8')).join('\n'),
    [Symbol.asyncDispose]: async () => {
      isOver = true
      await Promise.all(
        running.map(async (child) => {
          if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
          const ended = new Promise((resolve) => child.once('exit', resolve))
          child.kill('SIGCONT')
          child.kill('SIGKILL')
          await ended
        }),
      )
      logs.forEach(closeSync)
    },
  }
}
