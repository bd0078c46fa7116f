import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createLogger } from '../../component-base/logging/logger.ts'
import { prepareHost, type StartSettings } from './start-checks.ts'

const log = createLogger('kubelet')
const settings: StartSettings = {
  failSwapOn: true,
  protectKernelDefaults: false,
  oomScoreAdj: -999,
  // What this process has anyway at the least.
  maxOpenFiles: 1024,
}
const heading = 'Filename\tType\tSize\tUsed\tPriority\n'

describe('a start of the kubelet', () => {
  let root: string
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'kubelet-proc-'))
    await write('self/oom_score_adj', '0')
  })
  after(() => rm(root, { recursive: true, force: true }))

  const write = async (path: string, content: string): Promise<void> => {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), content)
  }

  it('is refused on a machine that swaps, unless that is allowed', async () => {
    await write('swaps', `${heading}/dev/vda2 partition 1024 0 -2\n`)
    await assert.rejects(prepareHost(settings, log, root), /running with swap on is not supported/)
    await prepareHost({ ...settings, failSwapOn: false }, log, root)
    await write('swaps', heading)
    await prepareHost(settings, log, root)
  })

  it('sets its own place in the order in which memory is taken back', async () => {
    await prepareHost({ ...settings, oomScoreAdj: -500 }, log, root)
    assert.equal(await readFile(join(root, 'self/oom_score_adj'), 'utf8'), '-500')
  })

  it('names every kernel setting that is not as it has to be', async () => {
    await write('sys/vm/overcommit_memory', '1\n')
    await write('sys/kernel/panic', '0\n')
    await assert.rejects(
      prepareHost({ ...settings, protectKernelDefaults: true }, log, root),
      (error: Error) =>
        error.message.includes('invalid kernel flag: kernel/panic, expected value: 10, actual value: 0') &&
        !error.message.includes('overcommit_memory'),
    )
  })
})
