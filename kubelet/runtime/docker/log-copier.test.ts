import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { timeOfEntry, toCriLine } from './json-log.ts'
import { createLogCopier } from './log-copier.ts'

const root = mkdtempSync(join(tmpdir(), 'kubets-copier-'))
after(() => rmSync(root, { recursive: true, force: true }))
let count = 0

const entry = (second: number, log: string, stream = 'stdout'): string =>
  `${JSON.stringify({ log, stream, time: `2026-01-01T00:00:${String(second).padStart(2, '0')}.5Z` })}\n`

const setUp = () => {
  const folder = join(root, String(++count))
  mkdirSync(folder)
  const log = { id: 'c1', source: join(folder, 'c1-json.log'), target: join(folder, '0.log') }
  const copier = createLogCopier((error) => assert.fail(String(error)))
  return { log, copier, copy: () => readFileSync(log.target, 'utf8') }
}
const texts = (copy: string): string[] => [...copy.matchAll(/ [FP] (.*)\n/g)].map(([, text = '']) => text)

describe('a line of a json-file log', () => {
  it('is a line in CRI format', () => {
    assert.equal(toCriLine(entry(1, 'a "word"\n').trim()), '2026-01-01T00:00:01.5Z stdout F a "word"\n')
    assert.equal(toCriLine(entry(1, 'part', 'stderr').trim()), '2026-01-01T00:00:01.5Z stderr P part\n')
    assert.equal(toCriLine('{"log":"cut o'), '')
    assert.equal(timeOfEntry(entry(1, '"time":"x"\n').trim()), '2026-01-01T00:00:01.500000000Z')
  })
})

describe('the copier', () => {
  it('copies what there is and what comes, in order over the engine’s files', async () => {
    const { log, copier, copy } = setUp()
    writeFileSync(`${log.source}.1`, entry(1, 'l1\n') + entry(2, 'ü\n'))
    writeFileSync(log.source, entry(3, 'l3\n'))
    await copier.follow(log)
    appendFileSync(log.source, entry(4, 'l4\n').slice(0, 20))
    appendFileSync(log.source, entry(4, 'l4\n').slice(20))
    renameSync(`${log.source}.1`, `${log.source}.2`)
    renameSync(log.source, `${log.source}.1`)
    writeFileSync(log.source, entry(5, 'l5\n', 'stderr'))
    await copier.finish(log.id)
    assert.deepEqual(texts(copy()), ['l1', 'ü', 'l3', 'l4', 'l5'])
    assert.match(copy(), / stderr F l5\n/)
  })

  it('goes on where an earlier one was, at whichever moment that ended', async () => {
    const lines = [entry(1, 'l1\n'), entry(2, 'l2\n'), entry(2, 'l3\n'), entry(2, 'l4\n', 'stderr'), entry(3, 'l5\n')]
    const whole = lines.map((line) => toCriLine(line.trim())).join('')
    for (let bytes = 0; bytes <= whole.length; bytes += 7) {
      const { log, copier, copy } = setUp()
      writeFileSync(log.source, lines.join(''))
      writeFileSync(log.target, whole.slice(0, bytes))
      await copier.follow(log)
      await copier.finish(log.id)
      assert.equal(copy(), whole, `after ${bytes} bytes`)
    }
  })

  it('writes to a new file after a rotation, and a later one knows what was in the old one', async () => {
    const { log, copier, copy } = setUp()
    writeFileSync(log.source, entry(1, 'l1\n'))
    await copier.follow(log)
    renameSync(log.target, `${log.target}.20260101-000001`)
    await copier.reopen(log.id)
    const later = createLogCopier((error) => assert.fail(String(error)))
    copier.close()
    appendFileSync(log.source, entry(2, 'l2\n'))
    await later.follow(log)
    await later.finish(log.id)
    assert.deepEqual(texts(copy()), ['l2'])
  })

  it('says where the engine’s file cannot be read', async () => {
    const { log, copier } = setUp()
    await assert.rejects(copier.follow(log), { code: 'ENOENT' })
  })
})
