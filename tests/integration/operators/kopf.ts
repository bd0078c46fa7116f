/** kopf's ways, in Python: the script tells what it sees, this file that it saw it. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { runCommand } from '../../harness/command.ts'
import type { Running } from './environment.ts'

export const describeKopf = (running: () => Running): void => {
  describe('an operator in Python', () => {
    it('lives by peering, watches, merge patches, finalizers and events, as kopf does', async () => {
      const args = [join(import.meta.dirname, 'kopf.py'), running().environment.kubeconfig]
      const { code, stdout, stderr } = await runCommand('/usr/bin/python3', args, { timeoutMs: 90_000 })
      assert.equal(code, 0, `${stdout}${stderr}`)
      assert.match(stdout, /^passed 1[0-9] checks$/m)
    })
  })
}
