/**
 * One HAProxy as a child process: its files, its start, and changes that drop no connection. Servers that come and go
 * are told to the running process. For all else it is reloaded: the new worker gets the listening sockets of the old
 * one, which finishes what it has begun. It ends with its parent, however that ends.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Backoff } from '../../component-base/backoff.ts'
import { realClock, sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { writeFileAtomic } from '../../component-base/pki/store.ts'
import { askHaproxy, workerPid } from './admin-socket.ts'
import { type BackendSlots, slotCommands } from './slots.ts'

const execFileAsync = promisify(execFile)

/** Where a proxy listens: an address that people are told of, and the network namespace that has it. */
export interface ProxyPlace {
  readonly address: string
  /** Path of a network namespace; undefined: this process's own. */
  readonly netns: string | undefined
}

export interface Haproxy extends AsyncDisposable {
  readonly place: ProxyPlace
  readonly directory: string
  readonly socket: string
  /** Brings the proxy to a configuration, or ends it; rejects, and leaves it as it is, if HAProxy would not take it. */
  readonly apply: (wanted: HaproxyConfig | undefined) => Promise<Change>
}

/** What a new configuration took: `told` is without a reload. */
export type Change = 'none' | 'told' | 'reloaded' | 'stopped'

export interface HaproxyConfig {
  /** The files by name, with these in the slots. */
  readonly filesWith: (slots: BackendSlots) => ReadonlyMap<string, string>
  readonly slots: BackendSlots
}

export interface HaproxyOptions {
  readonly directory: string
  readonly log: Logger
}

const configFile = 'haproxy.cfg'
const pollMs = 20
const workingTimeoutMs = 10_000

const emptied = (slots: BackendSlots): BackendSlots =>
  new Map(Array.from(slots, ([name, { length }]) => [name, Array.from({ length }, () => undefined)]))

/** `ADDRESS`, or `ADDRESS@NETNS` for a network namespace elsewhere; several with commas between them. */
export const parsePlaces = (text: string): ProxyPlace[] =>
  text
    .split(',')
    .filter((item) => item !== '')
    .map((item) => {
      const at = item.indexOf('@')
      return at < 0 ? { address: item, netns: undefined } : { address: item.slice(0, at), netns: item.slice(at + 1) }
    })

export const createHaproxy = (place: ProxyPlace, { directory, log }: HaproxyOptions): Haproxy => {
  const socket = join(directory, 'admin.sock')
  const backoff = new Backoff({ initialMs: 500, maxMs: 30_000 })
  let child: ChildProcess | undefined
  let isWanted = false
  /** What it runs on: the files without servers, and the servers. */
  let applied: { readonly frame: string; readonly slots: BackendSlots } | undefined
  let restart: NodeJS.Timeout | undefined

  const start = (): void => {
    const enter = place.netns === undefined ? [] : ['nsenter', `--net=${place.netns}`, '--']
    const argv = ['--pdeathsig', 'TERM', '--', ...enter, 'haproxy', '-W', '-f', join(directory, configFile)]
    const started = spawn('setpriv', argv, { stdio: ['ignore', 'ignore', 'pipe'] })
    child = started
    let said = ''
    started.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      said = `${said}${chunk}`.slice(-2_000)
    })
    started.on('error', (err) => log.error({ err, address: place.address }, 'haproxy cannot be started'))
    const steady = realClock.setTimeout(() => backoff.reset(), 10_000)
    started.on('close', (code) => {
      realClock.clearTimeout(steady)
      if (child !== started) return
      child = undefined
      if (!isWanted) return
      log.error({ code, stderr: said.trim(), address: place.address }, 'haproxy ended; starting it again')
      restart = realClock.setTimeout(start, backoff.next())
    })
  }

  const stop = async (): Promise<void> => {
    isWanted = false
    applied = undefined
    if (restart !== undefined) realClock.clearTimeout(restart)
    const running = child
    if (running === undefined) return
    const closed = new Promise((resolve) => running.once('close', resolve))
    running.kill('SIGTERM')
    await closed
  }

  const write = async (files: ReadonlyMap<string, string>): Promise<void> => {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const { [configFile]: config = '', ...others } = Object.fromEntries(files)
    for (const [name, content] of Object.entries(others)) writeFileAtomic(join(directory, name), content, 0o600)
    // What HAProxy would not take never comes in the place of what it runs on.
    const next = join(directory, `${configFile}.next`)
    writeFileAtomic(next, config, 0o600)
    await execFileAsync('haproxy', ['-c', '-q', '-f', next])
    renameSync(next, join(directory, configFile))
    for (const name of readdirSync(directory))
      if (name.endsWith('.pem') && !files.has(name)) rmSync(join(directory, name))
  }

  /** Waits until the worker is such a one: what is told before might be told to one that goes. */
  const whenWorking = async (isIt: (pid: number | undefined) => boolean): Promise<void> => {
    for (const deadline = realClock.now() + workingTimeoutMs; realClock.now() < deadline; await sleep(pollMs)) {
      if (isIt(await workerPid(socket))) return
      if (child === undefined) break // what it said is in the log
    }
    throw new Error(`haproxy at ${place.address} does not work on its configuration`)
  }

  /** False if the running process would not have it. An answer is a complaint, or says that an address was changed. */
  const tell = async (commands: readonly string[]): Promise<boolean> => {
    try {
      const answer = await askHaproxy(socket, commands.join('; '))
      const complaints = answer
        .split('\n')
        .filter((line) => line !== '' && !/changed from|no need to change/.test(line))
      if (complaints.length > 0) log.warn({ complaints, address: place.address }, 'haproxy is reloaded instead')
      return complaints.length === 0
    } catch {
      return false
    }
  }

  /** Starts the process, or gives the running one its new files. */
  const renew = async (): Promise<void> => {
    if (child === undefined) {
      if (restart !== undefined) realClock.clearTimeout(restart)
      start()
      return whenWorking((pid) => pid !== undefined)
    }
    const before = await workerPid(socket)
    child.kill('SIGUSR2')
    return whenWorking((pid) => pid !== undefined && pid !== before)
  }

  return {
    place,
    directory,
    socket,
    apply: async (wanted) => {
      if (wanted === undefined) {
        await stop()
        return 'stopped'
      }
      const { filesWith, slots } = wanted
      const frame = JSON.stringify([...filesWith(emptied(slots))])
      const commands = applied?.frame === frame ? slotCommands(applied.slots, slots) : undefined
      if (commands?.length === 0) return 'none'
      await write(filesWith(slots))
      isWanted = true
      const isTold = child !== undefined && commands !== undefined && (await tell(commands))
      if (!isTold) await renew()
      applied = { frame, slots }
      return isTold ? 'told' : 'reloaded'
    },
    [Symbol.asyncDispose]: stop,
  }
}
