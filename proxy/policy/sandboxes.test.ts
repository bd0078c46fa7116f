import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { createLogger } from '../../component-base/logging/logger.ts'
import { followSandboxes } from './sandboxes.ts'

const result = (uid: string, address: string): string =>
  JSON.stringify({
    kind: 'cniCacheV1',
    ifName: 'eth0',
    cniArgs: [['K8S_POD_UID', uid]],
    result: { ips: [{ address }] },
  })

it('a cache that is empty at the start is followed as any other', { timeout: 30_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'kubets-sandboxes-'))
  const stop = new AbortController()
  let wake = Promise.withResolvers<void>()
  let latest: ReadonlyMap<string, readonly string[]> | undefined
  const changed = (sandboxes: ReadonlyMap<string, readonly string[]>): void => {
    latest = sandboxes
    wake.resolve()
  }
  const until = async (uid: string, isThere: boolean): Promise<void> => {
    while (latest?.has(uid) !== isThere) {
      wake = Promise.withResolvers<void>()
      await wake.promise
    }
  }
  try {
    await followSandboxes(directory, changed, { signal: stop.signal, log: createLogger('test', 0) })
    assert.deepEqual(latest, new Map())
    writeFileSync(join(directory, 'net-a-eth0'), result('a', '10.0.0.2/24'))
    await until('a', true)
    assert.deepEqual(latest?.get('a'), ['10.0.0.2'])
    rmSync(join(directory, 'net-a-eth0'))
    await until('a', false)
  } finally {
    stop.abort()
    rmSync(directory, { recursive: true, force: true })
  }
})
