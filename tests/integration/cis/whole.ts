import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { projectRoot } from '../../../deploy/layout.ts'
import { runCommand } from '../../harness/command.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { allIds } from './run-check.ts'

/** How many checks each part of the benchmark has. */
const sizes: readonly (readonly [section: string, checks: number])[] = [
  ['1.1', 21],
  ['1.2', 30],
  ['1.3', 7],
  ['1.4', 2],
  ['2', 7],
  ['3.1', 3],
  ['3.2', 2],
  ['4.1', 10],
  ['4.2', 14],
  ['4.3', 1],
  ['5.1', 13],
  ['5.2', 12],
  ['5.3', 2],
  ['5.4', 2],
  ['5.5', 1],
  ['5.6', 4],
]

const cis = (...args: readonly string[]) =>
  runCommand(process.execPath, [join(projectRoot, 'deploy/cis/cis.ts'), ...args], { timeoutMs: 60_000 })

export const describeWhole = (running: Running): void => {
  describe('the CIS benchmark', () => {
    it('has every check of the benchmark once', () => {
      const expected = sizes.flatMap(([section, count]) =>
        Array.from({ length: count }, (_, index) => `${section}.${index + 1}`),
      )
      assert.deepEqual(allIds(), expected)
    })

    it('finds nothing to fail in a new cluster, and says how each check ended', async () => {
      const { code, stdout, stderr } = await cis(`--root=${running().layout.root}`)
      const failed = stdout.split('\n').filter((line) => line.startsWith('[FAIL]'))
      assert.deepEqual(failed, [], stdout + stderr)
      assert.equal(code, 0)
      const said = [...stdout.matchAll(/^\[(?:PASS|WARN|MANUAL|N\/A)\] +([\d.]+) /gm)].map(([, id]) => id)
      assert.deepEqual(said, allIds())
      for (const line of stdout.split('\n').filter((text) => /^\[(WARN|MANUAL|N\/A)\]/.test(text))) {
        assert.match(line, /: .{10,}/, 'a reason')
      }
      assert.match(stdout, /\n\d+ passed, 0 failed, \d+ warnings, \d+ manual, \d+ not applicable\n$/)
    })

    it('runs the sections that are asked for, and says where there is no cluster', async () => {
      const { stdout } = await cis(`--root=${running().layout.root}`, '--section=1.4,2')
      assert.deepEqual(
        [...stdout.matchAll(/^\[\S+\] +([\d.]+) /gm)].map(([, id]) => id),
        allIds().filter((id) => id.startsWith('1.4.') || id.startsWith('2.')),
      )
      assert.match((await cis(`--root=${running().layout.root}`, '--section=9')).stderr, /there is no section 9/)
      const nowhere = await cis('--root=/nonexistent')
      assert.equal(nowhere.code, 1)
      assert.match(nowhere.stderr, /no cluster in \/nonexistent: npm start/)
    })
  })
}
