import assert from 'node:assert/strict'
import { link, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { diskUsage, noUsage } from './disk-usage.ts'
import { nodeUsageOf } from './node-usage.ts'

it('the disk use of a folder counts files once, and does not follow links', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'disk-usage-'))
  try {
    const empty = await diskUsage(folder)
    await mkdir(join(folder, 'inner'))
    await writeFile(join(folder, 'inner/a'), Buffer.alloc(1024 * 1024))
    const one = await diskUsage(folder)
    await link(join(folder, 'inner/a'), join(folder, 'b'))
    await symlink('/usr', join(folder, 'c'))
    const linked = await diskUsage(folder)
    assert.equal(one.inodesUsed, empty.inodesUsed + 2)
    assert.ok(one.usedBytes >= empty.usedBytes + 1024 * 1024)
    assert.equal(linked.inodesUsed, one.inodesUsed + 1)
    assert.ok(linked.usedBytes < one.usedBytes + 64 * 1024)
    assert.deepEqual(await diskUsage(join(folder, 'none')), noUsage)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

it('the use of the machine is that of the root cgroup, or of the kernel’s own count', () => {
  const files = {
    stat: 'cpu  100 0 200 9999 0 0 0 0\n',
    meminfo: 'MemTotal: 1000 kB\nMemFree: 300 kB\nInactive(file): 200 kB\n',
    loadavg: '0.1 0.2 0.3 2/345 9999\n',
    pidMax: '4096\n',
    threadsMax: '1000\n',
    rootUsage: '',
    rootStat: '',
  }
  const unified = nodeUsageOf(files)
  assert.deepEqual(
    [unified.memoryTotal, unified.memoryWorkingSet, unified.maxPid, unified.processes, unified.cpuNanoSeconds],
    [1000 * 1024, 500 * 1024, 1000, 345, 3e9],
  )
  const v1 = nodeUsageOf({ ...files, rootUsage: '600000\n', rootStat: 'inactive_file 5\ntotal_inactive_file 100000\n' })
  assert.equal(v1.memoryWorkingSet, 500_000)
})
