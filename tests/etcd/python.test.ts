import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { runCommand } from '../harness/command.ts'
import { startEtcd } from '../harness/etcd.ts'
import type { EtcdKind } from '../harness/etcd-process.ts'

const script = join(import.meta.dirname, 'python_client.py')

describe('a client of another language, on another gRPC library (python3-etcd3)', () => {
  it('sees the same on etcd-lite as on etcd', async () => {
    const outputs: string[] = []
    for (const kind of ['etcd', 'etcd-lite'] satisfies EtcdKind[]) {
      await using server = await startEtcd({ kind })
      const { code, stdout, stderr } = await runCommand('/usr/bin/python3', [script, new URL(server.endpoint).port])
      assert.equal(code, 0, `${kind}: ${stdout}${stderr}`)
      outputs.push(stdout)
    }
    assert.equal(outputs[1], outputs[0])
  })
})
