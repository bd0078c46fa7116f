import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createLogger } from '../../component-base/logging/logger.ts'
import type { BoundPod } from '../pod.ts'
import type { Decision } from '../sync/pod-syncer.ts'
import { aPod } from '../testing.ts'
import { graceOf, shutdownGroups, totalGraceMs } from './groups.ts'
import { createLogind, preparesForShutdown } from './logind.ts'
import { createShutdownManager, type ShutdownSource } from './shutdown-manager.ts'

const log = createLogger('kubelet', -1)
const pod = (name: string, priority: number, seconds = 30): BoundPod =>
  aPod({ priority, terminationGracePeriodSeconds: seconds }, { name, uid: name })
const critical = 2_000_000_000
const levels = [
  { priority: critical, graceSeconds: 10 },
  { priority: 0, graceSeconds: 20 },
  { priority: 1000, graceSeconds: 5 },
]

describe('groups of a shutdown', () => {
  it('end by their priority, and not at all where nobody is in them', () => {
    const pods = [pod('system', critical + 1000), pod('plain', 0), pod('low', -10), pod('high', 999)]
    assert.deepEqual(
      shutdownGroups(levels, pods).map(({ graceSeconds, pods: of }) => [
        graceSeconds,
        of.map(({ metadata }) => metadata.name),
      ]),
      [
        [20, ['plain', 'low', 'high']],
        [10, ['system']],
      ],
    )
    assert.deepEqual(
      shutdownGroups(levels, [pod('a', 1000)]).map(({ graceSeconds }) => graceSeconds),
      [5],
    )
  })

  it('give a Pod its own time where that is less', () => {
    assert.deepEqual([graceOf(pod('a', 0, 3), 20), graceOf(pod('a', 0, 60), 20)], [3, 20])
    assert.equal(totalGraceMs(levels), 35_000)
  })
})

interface World {
  readonly events: string[]
  readonly stop: AbortController
  readonly running: Promise<void>
  readonly manager: ReturnType<typeof createShutdownManager>
  send(next: boolean): void
}

/** A machine whose shutdown is a call, and Pods that end when they are told to. */
const worldOf = (pods: readonly BoundPod[], fields: Partial<ShutdownSource> = {}): World => {
  const events: string[] = []
  const ended = new Set<string>()
  const stop = new AbortController()
  const queue: boolean[] = []
  let wake = (): void => undefined
  const source: ShutdownSource = {
    maxDelayMs: async () => 60_000,
    setMaxDelay: async (ms) => void events.push(`set ${ms}`),
    inhibit: async () => {
      events.push('inhibit')
      return () => void events.push('release')
    },
    changes: async function* (signal) {
      signal.addEventListener('abort', () => wake(), { once: true })
      while (!signal.aborted) {
        const next = queue.shift()
        if (next === undefined) await new Promise<void>((resolve) => (wake = resolve))
        else yield next
      }
    },
    ...fields,
  }
  const manager = createShutdownManager({
    grace: levels,
    source,
    runningPods: () => pods.filter(({ metadata }) => !ended.has(metadata.uid)),
    evict: (uid, decided: Decision, grace) => {
      events.push(`${uid} ${decided.reason} ${grace}`)
      setImmediate(() => ended.add(uid))
    },
    isStopped: (uid) => ended.has(uid),
    onChange: () => void events.push(`ready ${manager.reason() === ''}`),
    now: () => performance.now(),
    log,
  })
  const send = (next: boolean): void => {
    queue.push(next)
    wake()
  }
  return { events, stop, manager, send, running: manager.run(stop.signal) }
}

const until = async (is: () => boolean): Promise<void> => {
  while (!is()) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe('a shutdown of the machine', () => {
  it('is held back until all Pods have ended, in order', async () => {
    const world = worldOf([pod('system', critical), pod('plain', 0, 7)])
    await until(() => world.events.includes('inhibit'))
    world.send(true)
    await until(() => world.events.includes('release'))
    assert.equal(world.manager.reason(), 'node is shutting down')
    assert.deepEqual(world.events, ['inhibit', 'ready false', 'plain Terminated 7', 'system Terminated 10', 'release'])
    world.send(false)
    await until(() => world.events.at(-1) === 'inhibit')
    assert.equal(world.manager.reason(), '')
    world.stop.abort()
    await world.running
    assert.equal(world.events.at(-1), 'release')
  })

  it('may be held back longer than the machine had thought, if it lets itself be told', async () => {
    let delay = 5000
    const world = worldOf([], {
      maxDelayMs: async () => delay,
      setMaxDelay: async (ms) => {
        delay = ms
      },
    })
    await until(() => world.events.includes('inhibit'))
    assert.equal(delay, 35_000)
    world.stop.abort()
    await world.running
  })

  it('is not waited for on a machine that does not tell of it', async () => {
    const world = worldOf([], { maxDelayMs: () => Promise.reject(new Error('no bus')) })
    await world.running
    assert.deepEqual([world.events, world.manager.reason()], [[], ''])
  })
})

it('a signal of logind is read from a line', () => {
  const line = (member: string, data: unknown): string =>
    JSON.stringify({ type: 'signal', member, payload: { type: 'b', data } })
  assert.equal(preparesForShutdown(line('PrepareForShutdown', [true])), true)
  assert.equal(preparesForShutdown(line('PrepareForShutdown', [false])), false)
  assert.equal(preparesForShutdown(line('PrepareForSleep', [true])), undefined)
  assert.equal(preparesForShutdown('not json'), undefined)
})

describe('logind', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kubelet-logind-'))
  })
  after(() => rm(folder, { recursive: true, force: true }))
  const script = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name)
    await writeFile(path, `#!/bin/sh\n${text}\n`)
    await chmod(path, 0o755)
    return path
  }

  it('is asked, told, held back and listened to by its own commands', async () => {
    const signalLine = JSON.stringify({ member: 'PrepareForShutdown', payload: { type: 'b', data: [true] } })
    const inhibitLog = join(folder, 'inhibit')
    const logind = createLogind({
      busctl: await script(
        'busctl',
        `case "$*" in *get-property*) echo "t 5000000";; *) echo '${signalLine}'; exec sleep 1000;; esac`,
      ),
      systemdInhibit: await script('systemd-inhibit', `echo "$*" > ${inhibitLog}; cat; echo over >> ${inhibitLog}`),
      systemctl: await script('systemctl', `echo "$*" > ${join(folder, 'systemctl')}`),
      dropIn: join(folder, 'logind.conf.d/99-kubelet.conf'),
    })
    assert.equal(await logind.maxDelayMs(), 5000)
    await logind.setMaxDelay(30_000)
    assert.match(
      await readFile(join(folder, 'logind.conf.d/99-kubelet.conf'), 'utf8'),
      /\[Login\]\nInhibitDelayMaxSec=30\n/,
    )
    assert.match(await readFile(join(folder, 'systemctl'), 'utf8'), /SIGHUP systemd-logind/)
    const release = await logind.inhibit()
    assert.match(await readFile(inhibitLog, 'utf8'), /--what=shutdown --mode=delay --who=kubelet/)
    release()
    await until(() => readFileSync(inhibitLog, 'utf8').endsWith('over\n'))
    const stop = new AbortController()
    const seen: boolean[] = []
    for await (const next of logind.changes(stop.signal)) {
      seen.push(next)
      stop.abort()
    }
    assert.deepEqual(seen, [true])
  })

  it('that is not there is an error', async () => {
    await assert.rejects(createLogind({ busctl: join(folder, 'none') }).maxDelayMs(), { code: 'ENOENT' })
    await assert.rejects(createLogind({ systemdInhibit: join(folder, 'none') }).inhibit(), { code: 'ENOENT' })
  })
})
