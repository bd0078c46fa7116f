import assert from 'node:assert/strict'
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { DamagedBoltFileError, fnv64a, readMeta, writeMeta } from './format.ts'
import { openBoltFile } from './reader.ts'
import { type BoltEntry, writeBoltFile } from './writer.ts'

interface Bucket {
  readonly name: string
  readonly entries: readonly BoltEntry[]
}

const withFile = async <T>(use: (file: FileHandle) => Promise<T>): Promise<T> => {
  const dir = await mkdtemp(join(tmpdir(), 'bolt-'))
  const file = await open(join(dir, 'db'), 'w+')
  try {
    return await use(file)
  } finally {
    await file.close()
    await rm(dir, { recursive: true, force: true })
  }
}

const write = (file: FileHandle, buckets: readonly Bucket[]): Promise<number> =>
  writeBoltFile(
    file,
    buckets.map(({ name, entries }) => ({ name, entries: [entries] })),
  )

const readAll = async (file: FileHandle, bytes: number): Promise<Bucket[]> => {
  const db = await openBoltFile(file, bytes)
  const buckets: Bucket[] = []
  for (const bucket of db.buckets) {
    const entries: BoltEntry[] = []
    for await (const chunk of bucket.entries()) entries.push(...chunk)
    buckets.push({ name: bucket.name, entries })
  }
  return buckets
}

/** Buckets as they are compared: hex. */
const shown = (buckets: readonly Bucket[]): unknown =>
  buckets.map(({ name, entries }) => [name, entries.map(([k, v]) => [k.toString('hex'), v.toString('hex')])])

const sorted = (keys: readonly Buffer[]): Buffer[] =>
  [...new Map(keys.map((key) => [key.toString('latin1'), key])).values()].toSorted(Buffer.compare)

const bytes = (constraints: fc.IntArrayConstraints): fc.Arbitrary<Buffer> =>
  fc.uint8Array(constraints).map((array) => Buffer.from(array))

const someBucket = fc
  .tuple(
    fc.array(bytes({ minLength: 1, maxLength: 300 }), { maxLength: 400 }),
    fc.array(fc.oneof({ weight: 9, arbitrary: fc.nat(200) }, { weight: 1, arbitrary: fc.nat(30_000) }), {
      minLength: 1,
    }),
  )
  .map(([keys, sizes]) =>
    sorted(keys).map((key, i): BoltEntry => [key, Buffer.alloc(sizes[i % sizes.length] ?? 0, i + 1)]),
  )

const someFile = fc
  .uniqueArray(fc.string({ minLength: 1, maxLength: 9, unit: 'grapheme-ascii' }), { maxLength: 4 })
  .chain((names) =>
    fc.tuple(...names.toSorted().map((name) => someBucket.map((entries): Bucket => ({ name, entries })))),
  )

const manyEntries = (count: number): BoltEntry[] =>
  Array.from({ length: count }, (_, i): BoltEntry => {
    const key = Buffer.alloc(17)
    key.writeUInt32BE(i, 4)
    return [key, Buffer.from(`value ${i}`)]
  })

describe('a bbolt file', () => {
  it('is read as it was written', async () => {
    await fc.assert(
      fc.asyncProperty(someFile, (buckets) =>
        withFile(async (file) => {
          const size = await write(file, buckets)
          assert.equal((await file.stat()).size, size)
          await (await openBoltFile(file, size)).check()
          assert.deepEqual(shown(await readAll(file, size)), shown(buckets))
        }),
      ),
      { numRuns: 60 },
    )
  })

  it('holds many entries in several levels, and values of several megabytes', async () => {
    await withFile(async (file) => {
      const big: BoltEntry[] = [1, 2, 3].map((i) => [Buffer.from([i]), Buffer.alloc(i * 3_000_000, i)])
      const buckets = [
        { name: 'big', entries: big },
        { name: 'empty', entries: [] },
        { name: 'many', entries: manyEntries(100_000) },
      ]
      const size = await write(file, buckets)
      const found = await readAll(file, size)
      assert.deepEqual(
        found.map(({ entries }) => entries.length),
        [3, 0, 100_000],
      )
      assert.ok(found[0]?.entries.every(([, value], i) => value.equals(big[i]?.[1] ?? Buffer.alloc(0))))
      assert.deepEqual(shown(found.slice(2)), shown(buckets.slice(2)))
    })
  })

  it('refuses entries that are not in order', async () => {
    const entry = (key: string): BoltEntry => [Buffer.from(key), Buffer.alloc(0)]
    for (const keys of [['b', 'a'], ['a', 'a'], ['']]) {
      await withFile(async (file) => {
        await assert.rejects(write(file, [{ name: 'x', entries: keys.map(entry) }]), RangeError)
      })
    }
  })

  it('has FNV-1a as the checksum of its meta pages', () => {
    assert.equal(fnv64a(Buffer.from('')), 0xcbf29ce484222325n)
    assert.equal(fnv64a(Buffer.from('foobar')), 0x85944171f73967e8n)
    const page = Buffer.alloc(4096)
    const meta = { pageSize: 4096, root: 3, freelist: 2, highWaterMark: 9, txid: 7n }
    writeMeta(page, meta)
    assert.deepEqual(readMeta(page), meta)
    page[40] = 1
    assert.equal(readMeta(page), undefined)
  })
})

describe('a damaged bbolt file', () => {
  const buckets = [
    { name: 'key', entries: manyEntries(3000) },
    { name: 'meta', entries: manyEntries(3) },
  ]

  it('is read as it was, or refused, or differs in bytes that the format does not check; it never ends in a loop', async () => {
    await withFile(async (file) => {
      const size = await write(file, buckets)
      const pages = size / 4096
      // The heads of pages and their elements: here damage changes structure.
      const damage = fc.record({
        page: fc.nat(pages - 1),
        at: fc.oneof(fc.nat(80), fc.nat(4095)),
        byte: fc.integer({ min: 1, max: 255 }),
      })
      let refused = 0
      await fc.assert(
        fc.asyncProperty(damage, async ({ page, at, byte }) => {
          const position = page * 4096 + at
          const original = Buffer.alloc(1)
          await file.read(original, 0, 1, position)
          await file.write(Buffer.from([(original[0] ?? 0) ^ byte]), 0, 1, position)
          try {
            const found = await readAll(file, size)
            // What comes through has its keys in order and no bucket grown.
            for (const { entries } of found) {
              assert.ok(entries.length <= 3000)
              for (const [i, [key]] of entries.entries()) {
                const before = entries[i - 1]?.[0]
                assert.ok(before === undefined || before.compare(key) < 0)
              }
            }
          } catch (err) {
            assert.ok(err instanceof DamagedBoltFileError, String(err))
            refused++
          } finally {
            await file.write(original, 0, 1, position)
          }
        }),
        { numRuns: 500 },
      )
      assert.ok(refused > 50, `only ${refused} were refused`)
    })
  })

  it('is read by its other meta page when one is broken, and refused when both are', async () => {
    await withFile(async (file) => {
      const size = await write(file, buckets)
      for (const page of [1, 0]) {
        const original = Buffer.alloc(4096)
        await file.read(original, 0, 4096, page * 4096)
        await file.write(Buffer.alloc(4096, 0xff), 0, 4096, page * 4096)
        assert.deepEqual(shown(await readAll(file, size)), shown(buckets))
        await file.write(original, 0, 4096, page * 4096)
      }
      await file.write(Buffer.alloc(8192), 0, 8192, 0)
      await assert.rejects(readAll(file, size), /no valid meta page/)
    })
  })

  it('is refused when it is cut, or is something else', async () => {
    await withFile(async (file) => {
      const size = await write(file, buckets)
      await assert.rejects(readAll(file, size - 1), /should have/)
      await file.truncate(size / 2)
      await assert.rejects(readAll(file, size), DamagedBoltFileError)
      await assert.rejects(readAll(file, 0), DamagedBoltFileError)
      await file.truncate(0)
      await file.write(Buffer.from('some text '.repeat(1000)))
      await assert.rejects(readAll(file, 10_000), DamagedBoltFileError)
    })
  })

  it('fails its check when a page belongs to nobody, or to two', async () => {
    await withFile(async (file) => {
      const size = await write(file, buckets)
      const db = await openBoltFile(file, size)
      await db.check()
      // The freelist is the last page: it gets an entry.
      const freelist = size - 4096
      await file.write(Buffer.of(1), 0, 1, freelist + 10)
      await file.write(Buffer.of(3), 0, 1, freelist + 16)
      await assert.rejects((await openBoltFile(file, size)).check(), /page 3 is free and in use/)
      await file.write(Buffer.of(0), 0, 1, freelist + 10)
      const head = Buffer.alloc(4096)
      await file.read(head, 0, 4096, 0)
      const meta = readMeta(head)
      assert.ok(meta)
      await file.truncate(size + 4096)
      for (const id of [0, 1]) {
        await file.read(head, 0, 4096, id * 4096)
        writeMeta(head, { ...meta, txid: BigInt(id), highWaterMark: meta.highWaterMark + 1 })
        await file.write(head, 0, 4096, id * 4096)
      }
      await assert.rejects((await openBoltFile(file, size + 4096)).check(), /neither in use nor free/)
    })
  })

  it('is refused when a branch leads in a circle', async () => {
    await withFile(async (file) => {
      const size = await write(file, [{ name: 'key', entries: manyEntries(3000) }])
      // The bucket's root is the last page but two (root of the file, freelist).
      const branch = size / 4096 - 3
      const head = Buffer.alloc(16)
      await file.read(head, 0, 16, branch * 4096)
      assert.equal(head.readUInt16LE(8), 1)
      const child = Buffer.alloc(8)
      child.writeBigUInt64LE(BigInt(branch))
      await file.write(child, 0, 8, branch * 4096 + 16 + 8)
      await assert.rejects(readAll(file, size), /used twice/)
    })
  })
})
