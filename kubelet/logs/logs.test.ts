import assert from 'node:assert/strict'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { pino } from 'pino'
import type { ContainerSummary, LogOptions, RuntimeService } from '../runtime/runtime-service.ts'
import { fixedTime, formatLine, parseLine } from './cri-format.ts'
import { rotatedLogs, rotatedName } from './log-files.ts'
import { createLogManager } from './log-manager.ts'
import { containerLogLink, containerLogPath, podLogDirectory, podUidOfFolder } from './paths.ts'
import { readLog } from './read-log.ts'

const root = mkdtempSync(join(tmpdir(), 'kubets-logs-'))
after(() => rmSync(root, { recursive: true, force: true }))
let count = 0
const newLog = (...lines: string[]): string => {
  const path = join(root, String(++count), '0.log')
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, lines.join(''))
  return path
}

const time = (second: number): string => `2026-01-01T00:00:${String(second).padStart(2, '0')}.5Z`
const line = (second: number, text: string, stderr = false): string => formatLine(time(second), stderr, false, text)

const defaults: LogOptions = {
  follow: false,
  timestamps: false,
  sinceMs: 0,
  tailLines: undefined,
  stdout: true,
  stderr: true,
}
const read = async (
  path: string,
  options: Partial<LogOptions> & { readonly isRunning?: () => Promise<boolean> } = {},
): Promise<string> => {
  let text = ''
  const all = { ...defaults, isRunning: async () => false, ...options }
  for await (const { data } of readLog(path, all, new AbortController().signal)) text += data.toString()
  return text
}

describe('a line of a log', () => {
  it('is read as it was written', () => {
    const entry = (text: string): unknown => {
      const parsed = parseLine(Buffer.from(text))
      return parsed && { ...parsed, text: parsed.text.toString() }
    }
    assert.deepEqual(entry('t1 stdout F some words'), { time: 't1', stderr: false, partial: false, text: 'some words' })
    assert.deepEqual(entry('t1 stderr P part '), { time: 't1', stderr: true, partial: true, text: 'part ' })
    assert.deepEqual(entry('t1 stdout P:tag part'), { time: 't1', stderr: false, partial: true, text: 'part' })
    assert.deepEqual(entry('t1 stdout F '), { time: 't1', stderr: false, partial: false, text: '' })
    assert.deepEqual(entry('t1 stdout F'), { time: 't1', stderr: false, partial: false, text: '' })
    for (const wrong of ['', 'words', 't1 stdin F x', 't1 stdout']) assert.equal(entry(wrong), undefined)
    assert.equal(formatLine('t', true, true, 'x'), 't stderr P x\n')
  })

  it('shows nine digits of a second', () => {
    assert.equal(fixedTime('2026-01-01T00:00:00.5Z'), '2026-01-01T00:00:00.500000000Z')
    assert.equal(fixedTime('2026-01-01T00:00:00Z'), '2026-01-01T00:00:00.000000000Z')
    assert.equal(fixedTime('2026-01-01T00:00:00.123456789+02:00'), '2026-01-01T00:00:00.123456789+02:00')
  })
})

describe('readLog', () => {
  it('puts parts of a line together, each stream for itself, with one time', async () => {
    const path = newLog(
      formatLine(time(1), false, true, 'one '),
      line(1, 'error', true),
      formatLine(time(2), false, false, 'line'),
    )
    assert.equal(await read(path, { stderr: false }), 'one line\n')
    assert.equal(await read(path, { stdout: false }), 'error\n')
    assert.equal(await read(path, { stderr: false, timestamps: true }), '2026-01-01T00:00:01.500000000Z one line\n')
  })

  it('leaves a line that is not whole, and what is no line, away', async () => {
    assert.equal(await read(newLog(line(1, 'a'), 'nonsense\n', line(2, 'b'), 'half')), 'a\nb\n')
  })

  it('begins at a time', async () => {
    const path = newLog(...[1, 2, 3, 4].map((second) => line(second, `l${second}`)))
    assert.equal(await read(path, { sinceMs: Date.parse(time(3)) }), 'l3\nl4\n')
    assert.equal(await read(path, { sinceMs: Date.parse(time(9)) }), '')
  })

  it('shows the last lines, over rotated and compressed files', async () => {
    const path = newLog(line(7, 'l7'), line(8, 'l8'))
    writeFileSync(`${path}.20260101-000001.gz`, gzipSync(line(1, 'l1') + line(2, 'l2') + line(3, 'l3')))
    writeFileSync(`${path}.20260101-000004`, line(4, 'l4') + line(5, 'l5') + line(6, 'l6'))
    writeFileSync(`${path}.20260101-000004.gz.tmp`, 'being made')
    const all = Array.from({ length: 8 }, (_, index) => `l${index + 1}\n`)
    assert.equal(await read(path), all.join(''))
    for (let lines = 0; lines <= 9; lines++) {
      assert.equal(
        await read(path, { tailLines: lines }),
        lines === 0 ? '' : all.slice(-lines).join(''),
        `${lines} lines`,
      )
    }
  })

  it('shows the last lines of files larger than it reads at once', async () => {
    const lines = Array.from({ length: 5000 }, (_, index) => line(1, `${index} ${'x'.repeat(index % 300)}`))
    const path = newLog(...lines)
    const shown = await read(path, { tailLines: 3000 })
    assert.equal(shown.split('\n').length, 3001)
    assert.ok(shown.startsWith('2000 '))
    assert.equal((await read(path)).split('\n').length, 5001)
  })

  it('follows what is written, through rotations, until the container has ended', async () => {
    const path = newLog(line(1, 'l1'))
    let runs = true
    let text = ''
    const reading = (async () => {
      const options = { ...defaults, follow: true, isRunning: async () => runs }
      for await (const { data } of readLog(path, options, new AbortController().signal)) {
        text += data.toString()
        if (text === 'l1\n') appendFileSync(path, line(2, 'l2'))
        else if (text.endsWith('l2\n')) {
          renameSync(path, `${path}.20260101-000002`)
          // The writer notices a moment later.
          appendFileSync(`${path}.20260101-000002`, line(3, 'l3'))
          writeFileSync(path, line(4, 'l4'))
        } else if (text.endsWith('l4\n')) {
          runs = false
          appendFileSync(path, line(5, 'l5'))
        }
      }
    })()
    await reading
    assert.equal(text, 'l1\nl2\nl3\nl4\nl5\n')
  })

  it('ends when its reader goes', async () => {
    const gone = new AbortController()
    const options = { ...defaults, follow: true, isRunning: async () => true }
    let text = ''
    for await (const { data } of readLog(newLog(line(1, 'l1')), options, gone.signal)) {
      text += data.toString()
      gone.abort()
    }
    assert.equal(text, 'l1\n')
  })

  it('says where there is no log', async () => {
    await assert.rejects(read(join(root, 'none/0.log')), /no such file or directory/)
  })
})

describe('the log manager', () => {
  const pod = { namespace: 'shop', name: 'web', uid: 'u-1' }
  const container: ContainerSummary = {
    id: 'c'.repeat(64),
    sandboxId: 's',
    podUid: pod.uid,
    name: 'app',
    attempt: 2,
    state: 'running',
    imageRef: 'sha256:1',
    createdAt: 0,
    labels: { 'io.kubernetes.pod.name': pod.name, 'io.kubernetes.pod.namespace': pod.namespace },
    annotations: {},
  }
  const setUp = (reopen: () => void = () => undefined) => {
    const podLogsDir = join(root, String(++count), 'pods')
    const file = join(podLogDirectory(podLogsDir, pod), containerLogPath('app', 2))
    const reopened: string[] = []
    let clock = Date.parse('2026-01-02T03:04:05Z')
    const runtime = {
      listContainers: async () => [container],
      containerStatus: async () => ({ ...container }),
      removeContainer: async () => undefined,
      createContainer: async () => container.id,
      reopenContainerLog: async (id: string) => {
        reopen()
        reopened.push(id)
        writeFileSync(file, '')
      },
    } as unknown as RuntimeService
    const manager = createLogManager({
      runtime,
      podLogsDir,
      maxSizeBytes: 100,
      maxFiles: 3,
      workers: 1,
      monitorMs: 1000,
      now: () => (clock += 1000),
      log: pino({ enabled: false }),
    })
    const start = (): Promise<string> =>
      manager.runtime.createContainer(
        undefined as never,
        { name: 'app', logPath: containerLogPath('app', 2) } as never,
        { logDirectory: podLogDirectory(podLogsDir, pod), metadata: pod } as never,
      )
    return { manager, file, podLogsDir, reopened, start }
  }

  it('names files as upstream does', () => {
    assert.equal(rotatedName('/x/0.log', Date.parse('2026-01-02T03:04:05.678Z')), '/x/0.log.20260102-030405')
    assert.equal(podLogDirectory('/var/log/pods', pod), '/var/log/pods/shop_web_u-1')
    assert.equal(podUidOfFolder('shop_web_u-1'), 'u-1')
    const link = containerLogLink('/var/log/pods', pod, 'app', 'c'.repeat(64))
    assert.equal(link, `/var/log/containers/web_shop_app-${'c'.repeat(64)}.log`)
    const long = containerLogLink('/var/log/pods', { ...pod, name: 'x'.repeat(250) }, 'app', 'c'.repeat(64))
    assert.equal(long.slice('/var/log/containers/'.length).length, 255)
  })

  it('rotates what is too large, packs all but the newest, and keeps as many as it may', async () => {
    const { manager, file, reopened, start } = setUp()
    await start()
    for (let round = 1; round <= 4; round++) {
      writeFileSync(file, line(round, 'x'.repeat(100)))
      await manager.rotateAll()
      assert.equal(reopened.length, round)
    }
    const names = (await rotatedLogs(file)).map(({ path, compressed }) => [path.slice(file.length), compressed])
    assert.equal(names.length, 2)
    assert.deepEqual(
      names.map(([, compressed]) => compressed),
      [true, false],
    )
    assert.equal((await read(file)).split('\n').length, 3)
    writeFileSync(file, 'small')
    await manager.rotateAll()
    assert.equal(reopened.length, 4)
  })

  it('gives a log its name back when the runtime does not open a new one', async () => {
    const { manager, file, start } = setUp(() => {
      throw new Error('busy')
    })
    await start()
    writeFileSync(file, line(1, 'x'.repeat(100)))
    await manager.rotateAll()
    assert.match(readFileSync(file, 'utf8'), /xxx/)
    assert.equal((await rotatedLogs(file)).length, 0)
  })

  it('takes logs away with their container, and with their Pod', async () => {
    const { manager, file, podLogsDir, start } = setUp()
    await start()
    writeFileSync(file, line(1, 'x'.repeat(100)))
    await manager.rotateAll()
    const links = join(podLogsDir, '../containers')
    assert.equal(readdirSync(links).length, 1)
    await manager.runtime.removeContainer(container.id)
    assert.equal(readdirSync(links).length, 0)
    assert.deepEqual(readdirSync(dirname(file)), [])
    await start()
    await manager.removeUnknown((uid) => uid === pod.uid)
    assert.equal(existsSync(file.replace(/app.*/, '')), true)
    await manager.removePod(pod.uid)
    assert.deepEqual(readdirSync(podLogsDir), [])
    assert.deepEqual(readdirSync(links), [])
  })
})
