import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { PodSpec } from '../../api/types.ts'
import { aContainer, aPod } from '../testing.ts'
import { createPodCgroups } from './pod-cgroups.ts'
import { allPodsLimits, cgroupFiles, cgroupName, cpuWeight, podCgroupLimits, qosCgroupLimits } from './settings.ts'

const Mi = 2 ** 20
const asks = (name: string, requests: Record<string, string>, limits: Record<string, string> = {}) =>
  aContainer(name, { resources: { requests, limits } })

describe('the cgroup of a Pod', () => {
  const cases: readonly (readonly [string, Partial<PodSpec>, object])[] = [
    ['of none', {}, { cpuShares: 2 }],
    [
      'Guaranteed has the sum of all limits',
      {
        containers: [
          asks('a', { cpu: '100m', memory: '10Mi' }, { cpu: '100m', memory: '10Mi' }),
          asks('b', { cpu: '200m', memory: '20Mi' }, { cpu: '200m', memory: '20Mi' }),
        ],
      },
      { cpuShares: 307, cpuQuota: 30_000, memoryBytes: 30 * Mi },
    ],
    [
      'has no limit where one container has none',
      {
        containers: [
          asks('a', { cpu: '100m' }, { cpu: '100m', memory: '10Mi' }),
          asks('b', { memory: '1Mi' }, { memory: '20Mi' }),
        ],
      },
      { cpuShares: 102, cpuQuota: 'none', memoryBytes: 30 * Mi },
    ],
    [
      'has the limits of the Pod before those of containers',
      {
        containers: [aContainer('a'), asks('b', { cpu: '100m' })],
        resources: { requests: { cpu: '500m' }, limits: { cpu: '1', memory: '64Mi' } },
      },
      { cpuShares: 512, cpuQuota: 100_000, memoryBytes: 64 * Mi },
    ],
    [
      'has room for its largest step of initialization',
      {
        initContainers: [asks('i', { cpu: '400m' }, { cpu: '500m', memory: '50Mi' })],
        containers: [asks('a', { cpu: '100m' }, { cpu: '100m', memory: '10Mi' })],
      },
      { cpuShares: 409, cpuQuota: 50_000, memoryBytes: 50 * Mi },
    ],
  ]
  for (const [name, spec, limits] of cases) {
    it(name, () => assert.deepEqual(podCgroupLimits(aPod(spec), 0), limits))
  }

  it('counts processes where there is a limit of them', () => {
    assert.deepEqual(podCgroupLimits(aPod(), 100), { cpuShares: 2, pids: 100 })
  })
})

it('the class Burstable weighs what its Pods ask for', () => {
  const pods = [
    aPod({ containers: [asks('a', { cpu: '500m' })] }),
    aPod({ containers: [asks('a', { cpu: '1' })] }),
    aPod(),
  ]
  assert.deepEqual(qosCgroupLimits(pods), { burstable: { cpuShares: 1536 }, besteffort: { cpuShares: 2 } })
})

it('all Pods have what is not reserved', () => {
  const reserved: Record<string, string>[] = [{ cpu: '500m', memory: '1Gi' }, { memory: '512Mi' }]
  assert.deepEqual(allPodsLimits({ cpus: 2, memoryBytes: 4096 * Mi, reserved }), {
    cpuShares: 1536,
    memoryBytes: 2560 * Mi,
  })
})

describe('limits', () => {
  const limits = { cpuShares: 1024, cpuQuota: 50_000, memoryBytes: 'none', pids: 10 } as const
  const textOf = (version: 1 | 2): string[] => cgroupFiles(limits, version).map(({ file, value }) => `${file}=${value}`)

  it('are files of either version of cgroups', () => {
    assert.deepEqual(textOf(1), [
      'cpu.shares=1024',
      'cpu.cfs_period_us=100000',
      'cpu.cfs_quota_us=50000',
      'memory.limit_in_bytes=-1',
      'pids.max=10',
    ])
    assert.deepEqual(textOf(2), ['cpu.weight=39', 'cpu.max=50000 100000', 'memory.max=max', 'pids.max=10'])
    assert.deepEqual([2, 262_144].map(cpuWeight), [1, 10_000])
  })
})

it('a cgroup has a path, or is a slice', () => {
  const parts = ['node-1', 'kubepods', 'burstable', 'poda-b']
  assert.equal(cgroupName(parts, 'cgroupfs').parent, '/node-1/kubepods/burstable/poda-b')
  assert.deepEqual(cgroupName(parts, 'systemd'), {
    path: 'node_1.slice/node_1-kubepods.slice/node_1-kubepods-burstable.slice/node_1-kubepods-burstable-poda_b.slice',
    parent: 'node_1-kubepods-burstable-poda_b.slice',
  })
})

describe('cgroups on this machine', () => {
  let mount: string
  before(async () => {
    mount = await mkdtemp(join(tmpdir(), 'kubelet-cgroups-'))
  })
  after(() => rm(mount, { recursive: true, force: true }))

  /** A folder stands for the kernel's file system: files are there before they are written. */
  const made = async (path: string, ...files: readonly string[]): Promise<void> => {
    await mkdir(join(mount, path), { recursive: true })
    for (const file of files) await writeFile(join(mount, path, file), '')
  }
  const read = (path: string): Promise<string> => readFile(join(mount, path), 'utf8')
  const pod = aPod({ containers: [asks('a', { cpu: '100m' }, { memory: '10Mi' })] }, { uid: 'x-1' })

  it('are set, weighed, read and removed', async () => {
    const folder = 'node/kubepods/burstable/podx-1'
    await made(`cpu/${folder}`, 'cpu.shares', 'cpu.cfs_period_us', 'cpu.cfs_quota_us')
    await made(`memory/${folder}`, 'memory.limit_in_bytes')
    await made(`pids/${folder}`, 'pids.max')
    await writeFile(join(mount, `pids/${folder}/pids.current`), '7\n')
    await made('cpu/node/kubepods/burstable', 'cpu.shares')
    const cgroups = createPodCgroups({ root: '/node', driver: 'cgroupfs', enabled: true, podPidsLimit: 50, mount })
    assert.equal(cgroups.parentOf(pod), `/${folder}`)
    assert.equal(await cgroups.apply(pod), true)
    assert.equal(await read(`cpu/${folder}/cpu.shares`), '102')
    assert.equal(await read(`memory/${folder}/memory.limit_in_bytes`), String(10 * Mi))
    assert.equal(await read(`pids/${folder}/pids.max`), '50')
    await cgroups.relax(pod)
    assert.equal(await read(`memory/${folder}/memory.limit_in_bytes`), '-1')
    await cgroups.updateClasses([pod])
    assert.equal(await read('cpu/node/kubepods/burstable/cpu.shares'), '102')
    assert.equal(await cgroups.processes('x-1'), 7)
    for (const file of ['cpu.shares', 'cpu.cfs_period_us', 'cpu.cfs_quota_us'])
      await rm(join(mount, `cpu/${folder}`, file))
    await cgroups.remove('x-1')
    await assert.rejects(stat(join(mount, `cpu/${folder}`)), { code: 'ENOENT' })
  })

  it('that are not there cannot be set', async () => {
    const cgroups = createPodCgroups({ root: '', driver: 'cgroupfs', enabled: true, podPidsLimit: 0, mount })
    assert.equal(await cgroups.apply(pod), false)
    assert.equal(await cgroups.allPodsMemory(), undefined)
    assert.equal(await cgroups.processes('x-1'), 0)
  })

  it('are the engine’s business without cgroupsPerQOS', async () => {
    const cgroups = createPodCgroups({ root: '', driver: 'cgroupfs', enabled: false, podPidsLimit: 0, mount })
    assert.equal(cgroups.parentOf(pod), '')
    assert.equal(await cgroups.apply(pod), true)
  })

  it('know how much memory all Pods may have and have', async () => {
    await made('memory/node/kubepods')
    const folder = join(mount, 'memory/node/kubepods')
    await writeFile(join(folder, 'memory.limit_in_bytes'), String(100 * Mi))
    await writeFile(join(folder, 'memory.usage_in_bytes'), String(30 * Mi))
    await writeFile(join(folder, 'memory.stat'), `inactive_file 1\ntotal_inactive_file ${10 * Mi}\n`)
    const cgroups = createPodCgroups({ root: 'node', driver: 'cgroupfs', enabled: true, podPidsLimit: 0, mount })
    assert.deepEqual(await cgroups.allPodsMemory(), { limitBytes: 100 * Mi, workingSetBytes: 20 * Mi })
  })
})
