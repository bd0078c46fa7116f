/**
 * systemd-logind by the commands that come with it: an inhibitor is a file handle that D-Bus hands over, which Node
 * cannot take; `systemd-inhibit` holds it for us while it runs. Upstream: pkg/kubelet/nodeshutdown/systemd.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import type { ShutdownSource } from './shutdown-manager.ts'

export interface LogindOptions {
  readonly busctl?: string
  readonly systemdInhibit?: string
  readonly systemctl?: string
  readonly dropIn?: string
}

const manager = ['org.freedesktop.login1', '/org/freedesktop/login1', 'org.freedesktop.login1.Manager'] as const
const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** A line of `busctl monitor --json=short`: what PrepareForShutdown says; undefined for all else. */
export const preparesForShutdown = (line: string): boolean | undefined => {
  let message: unknown
  try {
    message = JSON.parse(line)
  } catch {
    return undefined
  }
  if (!isRecord(message) || message['member'] !== 'PrepareForShutdown' || !isRecord(message['payload']))
    return undefined
  const { data } = message['payload']
  const [first] = Array.isArray(data) ? (data as unknown[]) : []
  return typeof first === 'boolean' ? first : undefined
}

const exited = (code: unknown, command: string): Error => new Error(`${command} ended with ${String(code)}`)

export const createLogind = (options: LogindOptions = {}): ShutdownSource => {
  const {
    busctl = 'busctl',
    systemdInhibit = 'systemd-inhibit',
    systemctl = 'systemctl',
    dropIn = '/etc/systemd/logind.conf.d/99-kubelet.conf',
  } = options
  const run = promisify(execFile)

  return {
    maxDelayMs: async () => {
      const { stdout } = await run(busctl, ['--system', 'get-property', ...manager, 'InhibitDelayMaxUSec'])
      const micros = /^t (\d+)/.exec(stdout)?.[1]
      if (micros === undefined) throw new Error(`${busctl} does not tell InhibitDelayMaxUSec: ${stdout.trim()}`)
      return Number(micros) / 1000
    },
    setMaxDelay: async (ms) => {
      await mkdir(dirname(dropIn), { recursive: true })
      const text = `# Kubelet logind override\n[Login]\nInhibitDelayMaxSec=${Math.ceil(ms / 1000)}\n`
      await writeFile(dropIn, text)
      await run(systemctl, ['kill', '--kill-whom=all', '--signal=SIGHUP', 'systemd-logind.service'])
    },
    inhibit: async () => {
      const why = 'Kubelet needs time to handle node shutdown'
      const args = ['--what=shutdown', '--mode=delay', '--who=kubelet', `--why=${why}`, 'cat']
      // It holds the lock for as long as its command runs, which ends with this pipe, however we end.
      const child = spawn(systemdInhibit, args, { stdio: ['pipe', 'pipe', 'ignore'] })
      const failed = new Promise<never>((_resolve, reject) => {
        child.once('error', reject)
        child.once('exit', (code) => reject(exited(code, systemdInhibit)))
      })
      failed.catch(() => undefined)
      // What comes back shows that the command runs: the lock is taken.
      child.stdin.on('error', () => undefined)
      child.stdin.write('held\n')
      await Promise.race([once(child.stdout, 'data'), failed])
      return () => child.stdin.end()
    },
    changes: async function* (signal) {
      const match = `type='signal',interface='${manager[2]}',member='PrepareForShutdown'`
      const child = spawn(busctl, ['--system', 'monitor', '--json=short', `--match=${match}`], {
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      const ended = once(child, 'exit')
      ended.catch(() => undefined)
      const stop = (): void => void child.kill('SIGTERM')
      signal.addEventListener('abort', stop, { once: true })
      try {
        for await (const line of createInterface({ input: child.stdout })) {
          const next = preparesForShutdown(line)
          if (next !== undefined) yield next
        }
        const [code] = (await ended) as [unknown]
        if (!signal.aborted) throw exited(code, busctl)
      } finally {
        signal.removeEventListener('abort', stop)
        stop()
      }
    },
  }
}
