import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { EtcdClient } from '../component-base/etcd/client.ts'

const main = join(import.meta.dirname, 'main.ts')

/** Starts a server on a free port; resolves when it serves. */
const start = async (dataDir: string): Promise<{ child: ChildProcess; client: EtcdClient }> => {
  const urls = ['--listen-client-urls=http://127.0.0.1:0', '--advertise-client-urls=http://127.0.0.1:0']
  const child = spawn(process.execPath, [main, '--data-dir', dataDir, ...urls], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let text = ''
  for await (const chunk of child.stderr ?? []) {
    text += String(chunk)
    const port = /"ports":\[(\d+)\]/.exec(text)?.[1]
    if (port !== undefined) {
      child.stderr?.resume()
      return { child, client: new EtcdClient({ endpoints: [`http://127.0.0.1:${port}`] }) }
    }
  }
  throw new Error(`the server did not start: ${text}`)
}

describe('the data directory', () => {
  it('is one process’s at a time, and free again after the process was killed', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'etcd-lite-lock-'))
    const { child, client } = await start(dataDir)
    try {
      await assert.rejects(start(dataDir), /in use by another process/)
      child.kill('SIGKILL')
      await once(child, 'exit')
      const next = await start(dataDir)
      next.client.close()
      next.child.kill('SIGTERM')
      const [code] = await once(next.child, 'exit')
      assert.equal(code, 0)
    } finally {
      client.close()
      child.kill('SIGKILL')
      await rm(dataDir, { recursive: true, force: true })
    }
  })
})
