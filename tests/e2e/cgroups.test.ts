/** What real containers and their Pods may use, as the kernel sees it, on one node. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { pods as podsRef } from '../../api/resources.ts'
import type { Container, Pod, PodSpec } from '../../api/types.ts'
import { busyboxImage, ensureTestImages } from '../harness/images.ts'
import { podWhenIn } from '../harness/pods.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

ensureTestImages()
const running = useCluster({ nodes: 1 })
const podWhen = podWhenIn(running)

const isUnified = existsSync('/sys/fs/cgroup/cgroup.controllers')
const mebi = 1024 * 1024

const create = async (
  name: string,
  resources: Container['resources'],
  spec: Partial<PodSpec> = {},
  script = 'sleep 100000',
): Promise<Pod> => {
  const container = { name: 'c', image: busyboxImage, command: ['sh', '-c', script], resources: resources ?? {} }
  const whole = {
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    containers: [container],
    ...spec,
  }
  await running().client.create(podsRef, { metadata: { name, namespace: 'default' }, spec: whole } as Pod)
  return podWhen(name, 'its start', ({ status }) => status?.phase === 'Running' || status?.phase === 'Failed')
}

/** A file of a cgroup below the node's own, in the hierarchy of its controller; undefined when it is not there. */
const read = (path: string, controller: 'cpu' | 'memory', v1: string, v2: string): string | undefined => {
  const cluster = running()
  const [node] = cluster.nodes()
  const root = join(
    '/sys/fs/cgroup',
    isUnified ? '' : controller,
    'kubets',
    cluster.config().name,
    node?.name ?? '',
    'kubepods',
    path,
  )
  const file = join(root, isUnified ? v2 : v1)
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
}

const memoryOf = (path: string): number => Number(read(path, 'memory', 'memory.limit_in_bytes', 'memory.max'))
const quotaOf = (path: string): string => (read(path, 'cpu', 'cpu.cfs_quota_us', 'cpu.max') ?? '').split(' ')[0] ?? ''
const weightOf = (path: string): number => Number(read(path, 'cpu', 'cpu.shares', 'cpu.weight'))
/** As a weight of the kernel's version. */
const weight = (shares: number): number => (isUnified ? Math.floor(((shares - 2) * 9999) / 262_142) + 1 : shares)

describe('the cgroup of a Pod', () => {
  const amounts = { cpu: '100m', memory: '64Mi' }

  it('has what all its containers may use, and is gone with it', async () => {
    const pod = await create('guaranteed', { requests: amounts, limits: amounts })
    const path = `pod${pod.metadata?.uid}`
    assert.equal(memoryOf(path), 64 * mebi)
    assert.equal(quotaOf(path), '10000')
    assert.equal(weightOf(path), weight(102))
    await running().client.delete(podsRef, 'guaranteed', 'default')
    await waitFor(() => read(path, 'memory', 'memory.limit_in_bytes', 'memory.max') === undefined, {
      what: 'the end of the cgroup',
    })
  })

  it('limits containers without limits of their own to those of the Pod', async () => {
    const pod = await create('whole', undefined, { resources: { requests: amounts, limits: amounts } })
    assert.equal(memoryOf(`pod${pod.metadata?.uid}`), 64 * mebi)
    const file = isUnified ? '/sys/fs/cgroup/memory.max' : '/sys/fs/cgroup/memory/memory.limit_in_bytes'
    const inside = await running().kubectl('exec', 'whole', '--', 'cat', file)
    assert.equal(Number(inside), 64 * mebi)
  })

  it('follows a resize, up and down', async () => {
    const pod = await create('resized', { requests: amounts, limits: amounts })
    const path = `pod${pod.metadata?.uid}`
    for (const [cpu, memory, quota, bytes] of [
      ['200m', '96Mi', '20000', 96 * mebi],
      ['50m', '80Mi', '5000', 80 * mebi],
    ] as const) {
      const resources = { requests: { cpu, memory }, limits: { cpu, memory } }
      await running().client.patch(
        podsRef,
        'resized',
        'default',
        { spec: { containers: [{ name: 'c', resources }] } },
        { type: 'strategic', subresource: 'resize' },
      )
      await waitFor(() => quotaOf(path) === quota && memoryOf(path) === bytes, {
        what: `a cgroup of ${cpu} and ${memory}`,
      })
    }
  })

  it('is below its class of service, which weighs what its Pods ask for', async () => {
    const burstable = await create('burstable', { requests: { cpu: '250m' } })
    const none = await create('besteffort', undefined)
    assert.equal(weightOf(`burstable/pod${burstable.metadata?.uid}`), weight(256))
    assert.equal(quotaOf(`burstable/pod${burstable.metadata?.uid}`), isUnified ? 'max' : '-1')
    assert.equal(weightOf(`besteffort/pod${none.metadata?.uid}`), weight(2))
    await waitFor(() => weightOf('burstable') === weight(256) && weightOf('besteffort') === weight(2), {
      what: 'the weights of the classes',
    })
  })

  it('ends a container that uses more memory than the Pod may', async () => {
    const hog = 'x=$(head -c 100000000 /dev/zero | tr "\\0" x); echo ${#x}'
    await create('hog', undefined, { restartPolicy: 'Never', resources: { limits: { memory: '32Mi' } } }, hog)
    const ended = await podWhen('hog', 'its end', ({ status }) => status?.phase === 'Failed')
    assert.equal(ended.status?.containerStatuses?.[0]?.state?.terminated?.reason, 'OOMKilled')
  })
})

it('all Pods of the node have no more memory than it has', () => {
  assert.ok(memoryOf('') > 0 && memoryOf('') < 2 ** 62)
})
