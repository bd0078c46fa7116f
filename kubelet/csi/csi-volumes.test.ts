import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import type { GrpcChannel } from '../../component-base/grpc/client.ts'
import { kubeletPaths } from '../paths.ts'
import { aPod } from '../testing.ts'
import { noTokens } from '../volumes/tokens.ts'
import { createCsiVolumes } from './csi-volumes.ts'
import { persistentSpec } from './volume-spec.ts'

it('a volume that was never attached is in use no more when its Pod is gone', async () => {
  const root = await mkdtemp(join(tmpdir(), 'kubets-csi-'))
  try {
    const calls: string[] = []
    const channel = {
      unary: ({ path }: { path: string }) => {
        calls.push(path.split('/').at(-1) ?? '')
        return Promise.resolve({})
      },
    } as unknown as GrpcChannel
    let clock = 0
    const volumes = createCsiVolumes({
      paths: kubeletPaths(root),
      drivers: { get: (name) => ({ name, channel, has: () => true }) },
      objects: {
        driver: () => Promise.resolve(undefined),
        attachment: () => Promise.resolve(undefined),
        secret: () => Promise.reject(new Error('it has none')),
      },
      tokens: noTokens,
      nodeName: 'node',
      onUse: () => undefined,
      now: () => (clock += 10_000),
    })
    const spec = persistentSpec(
      { metadata: { name: 'pv' }, spec: { csi: { driver: 'd.example.com', volumeHandle: 'handle' } } },
      false,
    )
    assert.ok(spec)
    const pod = aPod()
    await assert.rejects(volumes.mount(pod, spec), /not attached yet/)
    assert.deepEqual(volumes.inUse(), ['kubernetes.io/csi/d.example.com^handle'])
    assert.deepEqual(calls, [])
    await volumes.unmountPod(pod.metadata.uid)
    assert.deepEqual(volumes.inUse(), [])
  } finally {
    await rm(root, { recursive: true, force: true })
  }
})
