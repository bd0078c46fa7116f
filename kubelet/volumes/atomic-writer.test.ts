import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, readlink, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { type Payload, writeAtomically } from './atomic-writer.ts'

const files = (entries: Record<string, string>, mode = 0o644): Payload =>
  new Map(Object.entries(entries).map(([path, text]) => [path, { data: Buffer.from(text), mode }]))

describe('writeAtomically', () => {
  it('swaps the whole set behind one link and removes what is gone', async () => {
    const volume = await mkdtemp(join(tmpdir(), 'atomic-'))
    const now = new Date('2026-01-02T03:04:05Z')
    try {
      await writeAtomically(volume, files({ a: '1', 'dir/b': '2', 'dir/c': '3' }, 0o400), { now })
      const first = await readlink(join(volume, '..data'))
      assert.match(first, /^\.\.2026_01_02_03_04_05\./)
      assert.equal(await readlink(join(volume, 'dir')), '..data/dir')
      assert.equal(await readFile(join(volume, 'dir/b'), 'utf8'), '2')
      assert.equal((await stat(join(volume, 'a'))).mode & 0o777, 0o400)

      await writeAtomically(volume, files({ a: 'one', d: '4' }), { now })
      const names = await readdir(volume)
      assert.deepEqual(names.filter((name) => !name.startsWith('..')).toSorted(), ['a', 'd'])
      assert.equal(names.includes(first), false)
      assert.equal(await readFile(join(volume, 'a'), 'utf8'), 'one')
    } finally {
      await rm(volume, { recursive: true })
    }
  })

  it('refuses paths that leave the volume', async () => {
    for (const path of ['../x', '/x', 'a/../../x', '..data', '']) {
      await assert.rejects(writeAtomically('/nowhere', files({ [path]: '' }), { now: new Date() }), /invalid path/)
    }
  })
})
