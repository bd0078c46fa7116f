import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { EtcdClient } from '../component-base/etcd/client.ts'

const main = join(import.meta.dirname, 'main.ts')

/** Starts a server on a free port; resolves when it serves. */
const start = async (dataDir: string): Promise<{ child: ChildProcess; client: EtcdClient }> => {
  const child = spawn(
    process.execPath,
    [
      main,
      '--data-dir',
      dataDir,
      '--listen-client-urls',
      'http://127.0.0.1:0',
      '--advertise-client-urls',
      'http://127.0.0.1:0',
    ],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
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

const pair = (round: number, writer: number, n: number): [Buffer, Buffer] => [
  Buffer.from(`/a/${round}/${writer}/${n}`),
  Buffer.from(`/b/${round}/${writer}/${n}`),
]

/** Writes pairs of keys, each pair in one transaction, until the server is gone; notes what was acknowledged. */
const writePairs = async (
  client: EtcdClient,
  round: number,
  writer: number,
  acks: Map<string, number>,
): Promise<void> => {
  for (let n = 0; ; n++) {
    const [a, b] = pair(round, writer, n)
    const value = Buffer.from('x'.repeat(200))
    try {
      const { header } = await client.txn({
        success: [{ requestPut: { key: a, value } }, { requestPut: { key: b, value } }],
      })
      acks.set(a.toString(), header?.revision ?? 0)
      if (n % 7 === 3) await client.deleteRange({ key: Buffer.from('/a/none') })
    } catch {
      return
    }
  }
}

describe('a server that is killed', () => {
  it('has every acknowledged write after it, no half transaction, and never an older revision', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'etcd-lite-crash-'))
    const acks = new Map<string, number>()
    let newest = 0
    try {
      for (let round = 0; round < 5; round++) {
        const { child, client } = await start(dataDir)
        const { header, kvs } = await client.range({
          key: Buffer.from('/'),
          rangeEnd: Buffer.from('0'),
          keysOnly: true,
        })
        assert.ok((header?.revision ?? 0) >= newest, 'the revision went back')
        const found = new Map(kvs.map(({ key, modRevision }) => [key.toString(), modRevision]))
        for (const [key, revision] of acks) assert.equal(found.get(key), revision, `acknowledged ${key} is lost`)
        for (const [key, revision] of found) {
          const other = key.startsWith('/a/') ? key.replace('/a/', '/b/') : key.replace('/b/', '/a/')
          assert.equal(found.get(other), revision, `${key} is half of a transaction`)
        }
        const writers = Array.from({ length: 16 }, (_, writer) => writePairs(client, round, writer, acks))
        await delay(150 + round * 70)
        child.kill('SIGKILL')
        await once(child, 'exit')
        await Promise.all(writers)
        client.close()
        newest = Math.max(newest, ...acks.values())
      }
      assert.ok(acks.size > 500, `only ${acks.size} writes were acknowledged`)
    } finally {
      await rm(dataDir, { recursive: true, force: true })
    }
  })

  it('keeps a second process out of its data directory, and stops at a signal', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'etcd-lite-lock-'))
    const { child, client } = await start(dataDir)
    try {
      await assert.rejects(start(dataDir), /in use by another process/)
      child.kill('SIGTERM')
      const [code] = await once(child, 'exit')
      assert.equal(code, 0)
    } finally {
      client.close()
      child.kill('SIGKILL')
      await rm(dataDir, { recursive: true, force: true })
    }
  })
})
