import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { placeOf, readUsage } from './cgroup-usage.ts'

describe('the cgroup of a container', () => {
  const root = mkdtempSync(join(tmpdir(), 'kubets-cgroup-'))
  after(() => rmSync(root, { recursive: true, force: true }))
  const write = (file: string, text: string): void => {
    mkdirSync(join(root, file, '..'), { recursive: true })
    writeFileSync(join(root, file), text)
  }

  it('is read in version 1, with joined and with single controllers', async () => {
    write('cpu,cpuacct/pods/a/cpuacct.usage', '1500000000\n')
    write('memory/pods/a/memory.usage_in_bytes', '5000\n')
    write('memory/pods/a/memory.stat', 'cache 1\ninactive_file 7\ntotal_inactive_file 2000\n')
    const place = placeOf('4:cpu,cpuacct:/pods/a\n3:memory:/pods/a\n0::/pods/a\n', root)
    assert.ok(place)
    assert.deepEqual(await readUsage(place), {
      cpuNanoSeconds: 1_500_000_000,
      memoryBytes: 5000,
      workingSetBytes: 3000,
    })
    const single = placeOf('2:cpuacct:/pods/a\n1:cpu:/pods/a\n3:memory:/pods/a\n', root)
    assert.equal(single?.cpu, join(root, 'cpuacct/pods/a'))
  })

  it('is read in version 2', async () => {
    write('pods/b/cpu.stat', 'usage_usec 2500\nuser_usec 1\n')
    write('pods/b/memory.current', '1000\n')
    write('pods/b/memory.stat', 'anon 1\ninactive_file 3000\n')
    const place = placeOf('0::/pods/b\n', root)
    assert.ok(place)
    assert.deepEqual(await readUsage(place), { cpuNanoSeconds: 2_500_000, memoryBytes: 1000, workingSetBytes: 0 })
  })

  it('is no place where something is not accounted, and throws when it is gone', async () => {
    assert.equal(placeOf('3:memory:/pods/a\n', root), undefined)
    assert.equal(placeOf('', root), undefined)
    const gone = placeOf('0::/pods/gone\n', root)
    assert.ok(gone)
    await assert.rejects(readUsage(gone), /ENOENT/)
  })
})
