import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { PutRequest } from '../../component-base/etcd/messages.ts'
import type { Reading } from './testing/damage-reader.ts'
import { answersOf, open } from './testing/opened-store.ts'

const put = (key: string, value: string, lease = 0n): PutRequest =>
  PutRequest.decode(PutRequest.encode({ key: Buffer.from(key), value: Buffer.from(value), lease }))

const lines = (n: number): string => `${n}:`.repeat(60)

/** Several lives, a compaction, leases, and data in tables as well as in the log. */
const makeStore = async (dir: string): Promise<unknown> => {
  for (let life = 0; life < 3; life++) {
    await using opened = await open(dir)
    const { store, lessor } = opened
    const lease = await lessor.grant(BigInt(life + 1), 100_000)
    for (let n = 0; n < 150; n++)
      await store.put(put(`k${n % 40}`, lines(n + life * 1000), n % 9 === 0 ? lease.id : 0n))
    if (life === 1) await store.compact(store.revision - 50, true)
  }
  await using last = await open(dir)
  await last.lessor.revoke(2n)
  return answersOf(last)
}

interface Damage {
  readonly type: 'flip' | 'truncate' | 'remove' | 'zero' | 'older'
  /** Of the files, and in the file: modulo how many there are. */
  readonly file: number
  readonly at: number
  readonly bit: number
}

const damage: fc.Arbitrary<Damage> = fc.record({
  type: fc.constantFrom('flip', 'flip', 'flip', 'truncate', 'truncate', 'remove', 'zero', 'older'),
  file: fc.nat({ max: 9973 }),
  at: fc.nat({ max: 2 ** 30 }),
  bit: fc.integer({ min: 0, max: 7 }),
})

/** Harms one file of the closed store; `olderDir` is the same store at an earlier time. */
const inflict = (dir: string, olderDir: string, { type, file, at, bit }: Damage): string => {
  const names = readdirSync(dir).filter((name) => name !== 'LOCK')
  const name = names[file % names.length] ?? ''
  const path = join(dir, name)
  const content = readFileSync(path)
  const offset = at % Math.max(1, content.length)
  if (type === 'remove') rmSync(path)
  else if (type === 'truncate') truncateSync(path, offset)
  else if (type === 'older') {
    // Rolled back together with the log it would be an older store, whole, which nothing can tell from the newest.
    if (name !== 'ACKNOWLEDGED' && readdirSync(olderDir).includes(name)) copyFileSync(join(olderDir, name), path)
  } else {
    if (type === 'flip') content[offset] = (content[offset] ?? 0) ^ (1 << bit)
    else content.fill(0, offset, Math.min(content.length, offset + 4096))
    writeFileSync(path, content)
  }
  return `${type} ${name} at ${offset} of ${content.length}`
}

describe('a store whose files were damaged', () => {
  let root: string
  let expected: unknown
  const pristine = (): string => join(root, 'pristine')
  const older = (): string => join(root, 'older')
  before(async () => {
    root = mkdtempSync(join(tmpdir(), 'etcd-lite-damage-'))
    await makeStore(older())
    cpSync(older(), pristine(), { recursive: true })
    await using opened = await open(pristine())
    await opened.store.put(put('k1', 'the last write'))
    await opened.lessor.grant(9n, 5000)
    expected = await answersOf(opened)
  })
  after(() => rmSync(root, { recursive: true, force: true }))

  let reader: ChildProcess | undefined
  after(() => reader?.kill())

  /** Reads a store in another process; undefined when that ended over it. */
  const readElsewhere = async (dir: string): Promise<Reading | undefined> => {
    reader ??= fork(join(import.meta.dirname, 'testing/damage-reader.ts'), {
      serialization: 'advanced',
      stdio: 'ignore',
    })
    const child = reader
    const over = new AbortController()
    const ended = once(child, 'exit', { signal: over.signal }).then(() => {
      reader = undefined
      return undefined
    })
    const answered = once(child, 'message', { signal: over.signal }).then(([reading]) => reading as Reading)
    child.send(dir)
    const first = await Promise.race([ended, answered])
    over.abort()
    await Promise.allSettled([ended, answered])
    return first
  }

  const outcomeOf = async (damages: readonly Damage[]): Promise<string> => {
    const dir = join(root, 'damaged')
    cpSync(pristine(), dir, { recursive: true })
    try {
      const done = damages.map((one) => inflict(dir, older(), one)).join(', ')
      const reading = await readElsewhere(dir)
      switch (reading?.type) {
        case undefined:
          return 'ended by LevelDB'
        case 'refused':
          assert.match(reading.error, /the store is corrupt: .*restore it|cannot (open|read) the store/, done)
          return 'refused'
        case 'unreadable':
          assert.match(reading.error, /etcdserver: corrupt cluster/, done)
          return 'corrupt'
        case 'answers':
          assert.deepEqual(reading.answers, expected, `a wrong answer after: ${done}`)
          return 'right'
      }
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  }

  it('answers rightly, or refuses: never a wrong answer', { timeout: 120_000 }, async (t) => {
    const outcomes = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 2 }), async (damages) => {
        const outcome = await outcomeOf(damages)
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      }),
      { numRuns: Number(process.env['KUBETS_DAMAGES'] ?? 300), endOnFailure: true },
    )
    t.diagnostic(JSON.stringify(Object.fromEntries(outcomes)))
    assert.ok((outcomes.get('refused') ?? 0) > 0 && (outcomes.get('right') ?? 0) > 0)
  })
})
