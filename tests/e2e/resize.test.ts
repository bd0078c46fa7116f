/** Pods that get other resources while they run, on one node with real containers. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { events as eventsRef, nodes as nodesRef, pods as podsRef } from '../../api/resources.ts'
import type { Container, Pod, ResourceRequirements } from '../../api/types.ts'
import { milliValue } from '../../api/meta/quantity.ts'
import { busyboxImage, ensureTestImages } from '../harness/images.ts'
import { killKubelet } from '../harness/kill.ts'
import { podWhenIn } from '../harness/pods.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const namespace = 'default'
ensureTestImages()
const running = useCluster({ nodes: 1 })
const podWhen = podWhenIn(running)

const both = (cpu: string, memory: string): ResourceRequirements => ({
  requests: { cpu, memory },
  limits: { cpu, memory },
})

const create = async (name: string, resources: ResourceRequirements, fields: Partial<Container> = {}): Promise<Pod> => {
  const container = { name: 'c', image: busyboxImage, command: ['sleep', '100000'], resources, ...fields }
  const spec = { terminationGracePeriodSeconds: 0, automountServiceAccountToken: false, containers: [container] }
  await running().client.create(podsRef, { metadata: { name, namespace }, spec } as Pod)
  return podWhen(name, 'its start', ({ status }) => status?.containerStatuses?.[0]?.state?.running !== undefined)
}

const resize = async (name: string, resources: ResourceRequirements): Promise<Pod> =>
  running().client.patch(
    podsRef,
    name,
    namespace,
    { spec: { containers: [{ name: 'c', resources }] } },
    { type: 'strategic', subresource: 'resize' },
  )

const condition = ({ status }: Pod, type: string) => status?.conditions?.find((one) => one.type === type)

/** As a client waits for it: the status says what the spec says, and no condition speaks of a resize. */
const resized = (name: string, { limits, requests }: ResourceRequirements): Promise<Pod> =>
  podWhen(name, 'the end of its resize', (pod) => {
    const [status] = pod.status?.containerStatuses ?? []
    return (
      status?.resources?.limits?.['cpu'] === limits?.['cpu'] &&
      status?.resources?.limits?.['memory'] === limits?.['memory'] &&
      status?.allocatedResources?.['cpu'] === requests?.['cpu'] &&
      status?.state?.running !== undefined &&
      condition(pod, 'PodResizePending') === undefined &&
      condition(pod, 'PodResizeInProgress') === undefined &&
      pod.status?.observedGeneration === pod.metadata?.generation
    )
  })

const isUnified = !readFileSync('/proc/self/mountinfo', 'utf8').includes(' - cgroup ')

/** Limits as a process of the container sees them: memory in bytes, cpu in microseconds of each 100 ms. */
const limitsInside = async (name: string): Promise<string> => {
  const files = isUnified
    ? 'head -n1 /sys/fs/cgroup/memory.max; cut -d" " -f1 /sys/fs/cgroup/cpu.max'
    : 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu/cpu.cfs_quota_us'
  return (await running().kubectl('exec', name, '--', 'sh', '-c', files)).trim().replace('\n', ' ')
}

const mebi = 1024 * 1024
const reasons = async (name: string): Promise<string[]> => {
  const { items } = await running().client.list(eventsRef, { namespace, fieldSelector: `involvedObject.name=${name}` })
  return items.map(({ reason }) => reason ?? '')
}

describe('a resize', { concurrency: true }, () => {
  it('reaches the running container: up, then down', async () => {
    const first = await create('grows', both('100m', '64Mi'))
    const id = first.status?.containerStatuses?.[0]?.containerID
    assert.equal(await limitsInside('grows'), `${64 * mebi} 10000`)
    await resize('grows', both('200m', '96Mi'))
    const grown = await resized('grows', both('200m', '96Mi'))
    assert.equal(await limitsInside('grows'), `${96 * mebi} 20000`)
    assert.deepEqual(
      [grown.status?.containerStatuses?.[0]?.containerID, grown.status?.containerStatuses?.[0]?.restartCount],
      [id, 0],
    )
    await resize('grows', both('50m', '32Mi'))
    await resized('grows', both('50m', '32Mi'))
    assert.equal(await limitsInside('grows'), `${32 * mebi} 5000`)
    await waitFor(async () => (await reasons('grows')).includes('ResizeCompleted'), { what: 'an event' })
  })

  it('starts the container anew where its policy says so', async () => {
    const resizePolicy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }]
    const first = await create('restarts', both('100m', '64Mi'), { resizePolicy })
    await resize('restarts', both('150m', '64Mi'))
    const same = await resized('restarts', both('150m', '64Mi'))
    assert.equal(same.status?.containerStatuses?.[0]?.restartCount, 0)
    await resize('restarts', both('150m', '96Mi'))
    const anew = await resized('restarts', both('150m', '96Mi'))
    assert.equal(anew.status?.containerStatuses?.[0]?.restartCount, 1)
    assert.notEqual(anew.status?.containerStatuses?.[0]?.containerID, first.status?.containerStatuses?.[0]?.containerID)
  })

  it('may not give another quality of service, which is said of a container without resources, too', async () => {
    const pod = await create('plain', {})
    assert.deepEqual(pod.status?.containerStatuses?.[0]?.resources, {})
    await assert.rejects(
      resize('plain', { requests: { cpu: '50m' } }),
      /Pod QOS Class may not change as a result of resizing/,
    )
  })

  it('to more than the node has is refused', async () => {
    await create('wishes', both('100m', '64Mi'))
    await assert.rejects(resize('wishes', both('1000', '64Mi')), /Node didn't have enough allocatable resources: cpu/)
  })

  it('to less memory than is used is an error, and says so', async () => {
    const command = ['sh', '-c', 'dd if=/dev/zero of=/held/x bs=1M count=48; sleep 100000']
    const volumes = [{ name: 'held', emptyDir: { medium: 'Memory' } }]
    const container = { name: 'c', image: busyboxImage, command, resources: both('100m', '96Mi') }
    const mounted = { ...container, volumeMounts: [{ name: 'held', mountPath: '/held' }] }
    const spec = { terminationGracePeriodSeconds: 0, containers: [mounted], volumes }
    await running().client.create(podsRef, { metadata: { name: 'full', namespace }, spec } as Pod)
    await podWhen('full', 'its start', ({ status }) => status?.containerStatuses?.[0]?.state?.running !== undefined)
    const held = () => running().kubectl('exec', 'full', '--', 'sh', '-c', 'stat -c %s /held/x || echo 0')
    await waitFor(async () => Number((await held()).trim()) === 48 * mebi, { what: 'a full volume' })
    await resize('full', both('100m', '16Mi'))
    const stuck = await podWhen('full', 'an error', (pod) => condition(pod, 'PodResizeInProgress')?.reason === 'Error')
    assert.equal(stuck.status?.containerStatuses?.[0]?.resources?.limits?.['memory'], '96Mi')
    assert.equal(stuck.status?.containerStatuses?.[0]?.restartCount, 0)
    assert.ok((await reasons('full')).includes('ResizeError'))
    await resize('full', both('100m', '128Mi'))
    await resized('full', both('100m', '128Mi'))
  })
})

describe('a resize that must wait', () => {
  it('is deferred while others hold what it needs, over a kill of the kubelet too, and granted when they leave', async () => {
    const { client } = running()
    const [node] = (await client.list(nodesRef, {})).items
    const total = milliValue(node?.status?.allocatable?.['cpu'] ?? '0')
    const { items } = await client.list(podsRef, { fieldSelector: `spec.nodeName=${node?.metadata?.name}` })
    await Promise.all(
      items.map(({ metadata }) => client.delete(podsRef, metadata?.name ?? '', metadata?.namespace, {})),
    )
    const part = (share: number): ResourceRequirements => {
      const cpu = `${Math.floor(total * share)}m`
      return { requests: { cpu, memory: '32Mi' }, limits: { cpu, memory: '32Mi' } }
    }
    await create('hog', part(0.5))
    await create('waits', part(0.3))
    await resize('waits', part(0.7))
    const isDeferred = (pod: Pod): boolean => condition(pod, 'PodResizePending')?.reason === 'Deferred'
    const deferred = await podWhen('waits', 'a postponement', isDeferred)
    assert.match(condition(deferred, 'PodResizePending')?.message ?? '', /^Node didn't have enough resource: cpu,/)

    await Promise.all([
      killKubelet(running(), node?.metadata?.name ?? ''),
      client.delete(podsRef, 'hog', namespace, { gracePeriodSeconds: 0 }),
    ])
    const granted = await resized('waits', part(0.7))
    assert.equal(granted.status?.containerStatuses?.[0]?.restartCount, 0)
  })
})
