/** Debian's python3-kubernetes, a client of 2022: the script tells what it sees, this file what that must be. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { runCommand } from '../../harness/command.ts'
import type { Running } from '../../harness/use-cluster.ts'

const script = join(import.meta.dirname, 'python_client.py')
const manifest = join(import.meta.dirname, 'manifest.yaml')

export const describePython = (running: Running): void => {
  describe('the Python client', () => {
    for (const part of ['typed', 'errors', 'patches', 'watches', 'dynamic', 'yaml', 'election']) {
      it(`passes its part "${part}"`, async () => {
        const args = [script, running().layout.adminConf, part, manifest]
        const { code, stdout, stderr } = await runCommand('/usr/bin/python3', args, { timeoutMs: 60_000 })
        assert.equal(code, 0, `${stdout}${stderr}`)
        assert.match(stdout, /^passed \d+ checks$/m)
      })
    }
  })
}
