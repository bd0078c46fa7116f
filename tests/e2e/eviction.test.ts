/** Pods that a node ends for its own good, on one node with real containers. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { dump } from 'js-yaml'
import { events as eventsRef, nodes as nodesRef, pods as podsRef } from '../../api/resources.ts'
import type { Container, Node, Pod, PodSpec } from '../../api/types.ts'
import { milliValue } from '../../api/meta/quantity.ts'
import { busyboxImage, ensureTestImages } from '../harness/images.ts'
import { configureKubelets } from '../harness/kubelet-config.ts'
import { podWhenIn } from '../harness/pods.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const namespace = 'default'
ensureTestImages()
const running = useCluster({ nodes: 1, kubelet: { volumeStatsAggPeriod: '1s' } })
const podWhen = podWhenIn(running)

const create = async (
  name: string,
  script: string,
  container: Partial<Container>,
  spec: Partial<PodSpec> = {},
): Promise<void> => {
  const [node] = running().nodes()
  const whole = {
    // Taints are the scheduler's business; the kubelet has its own say.
    nodeName: node?.name,
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    containers: [{ name: 'c', image: busyboxImage, command: ['sh', '-c', script], ...container }],
    ...spec,
  }
  await running().client.create(podsRef, { metadata: { name, namespace }, spec: whole } as Pod)
}

const evicted = (name: string): Promise<Pod> =>
  waitFor(
    async () => {
      const pod = await running().client.get(podsRef, name, namespace)
      return pod.status?.reason === 'Evicted' && pod.status.phase === 'Failed' ? pod : undefined
    },
    { what: `the eviction of ${name}`, timeoutMs: 90_000 },
  )

const reasons = async (name: string): Promise<string[]> => {
  const { items } = await running().client.list(eventsRef, { namespace, fieldSelector: `involvedObject.name=${name}` })
  return items.map(({ reason }) => reason ?? '')
}

const condition = ({ status }: Pod | Node, type: string) => status?.conditions?.find((one) => one.type === type)
const fill = (path: string): string => `dd if=/dev/zero of=${path} bs=1M count=12 2>/dev/null; sleep 100000`

describe('local storage', { concurrency: true }, () => {
  it('ends a Pod that fills a volume beyond its limit, and leaves one alone that does not', async () => {
    const volume = (sizeLimit: string): Partial<PodSpec> => ({ volumes: [{ name: 'data', emptyDir: { sizeLimit } }] })
    const mounted = { volumeMounts: [{ name: 'data', mountPath: '/data' }] }
    await create('fills', fill('/data/x'), mounted, volume('8Mi'))
    await create('fits', fill('/data/x'), mounted, volume('64Mi'))
    const { status } = await evicted('fills')
    assert.equal(status?.message, 'Usage of EmptyDir volume "data" exceeds the limit "8Mi". ')
    assert.equal(status?.containerStatuses?.[0]?.state?.terminated?.exitCode, 137)
    assert.equal(condition({ status } as Pod, 'DisruptionTarget'), undefined)
    await waitFor(async () => (await reasons('fills')).includes('Evicted'), { what: 'the event' })
    const fits = await running().client.get(podsRef, 'fits', namespace)
    assert.equal(fits.status?.phase, 'Running')
  })

  it('ends a Pod that writes more into its container than it may', async () => {
    await create('writes', fill('/tmp/x'), { resources: { limits: { 'ephemeral-storage': '8Mi' } } })
    const { status } = await evicted('writes')
    assert.equal(status?.message, 'Pod ephemeral local storage usage exceeds the total limit of containers 8Mi. ')
  })

  it('ends a Pod that logs more than it may', async () => {
    const limits = { resources: { limits: { 'ephemeral-storage': '2Mi' } } }
    await create('logs', 'yes 0123456789012345678901234567890123456789 | head -n 60000; sleep 100000', limits)
    assert.match((await evicted('logs')).status?.message ?? '', /^Pod ephemeral local storage usage exceeds/)
  })
})

/** Puts a manifest where the kubelet of the only node looks for static Pods. */
const runStatic = (name: string, container: Partial<Container>): void => {
  const [node] = running().nodes()
  const folder = running().layout.node(node?.name ?? '').manifests
  mkdirSync(folder, { recursive: true })
  const spec = { containers: [{ name: 'c', image: busyboxImage, command: ['sleep', '100000'], ...container }] }
  writeFileSync(join(folder, `${name}.yaml`), dump({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec }))
}

describe('a critical Pod', () => {
  it('takes the place of another on a node that is full', async () => {
    const [node] = running().nodes()
    const { status } = await running().client.get(nodesRef, node?.name ?? '')
    const most = Math.floor(milliValue(status?.allocatable?.['cpu'] ?? '0') * 0.9)
    await create('full', 'sleep 100000', { resources: { requests: { cpu: `${most}m` } } })
    await create('beside', 'sleep 100000', {})
    for (const name of ['full', 'beside']) await podWhen(name, 'its start', (pod) => pod.status?.phase === 'Running')
    runStatic('needed', { resources: { requests: { cpu: `${most}m` } } })
    const needed = await podWhen(`needed-${node?.name}`, 'its start', (pod) => pod.status?.phase === 'Running')
    assert.equal(needed.status?.reason, undefined)
    const victim = await podWhen('full', 'its end', (pod) => pod.status?.phase === 'Failed')
    assert.deepEqual(
      [victim.status?.reason, victim.status?.message],
      ['Preempting', 'Preempted in order to admit critical pod'],
    )
    const target = condition(victim, 'DisruptionTarget')
    assert.equal(target?.message, 'Pod was preempted by Kubelet to accommodate a critical pod.')
    await podWhen('beside', 'its life', (pod) => pod.status?.phase === 'Running')
    // One that is not critical gets no room by force.
    await create('late', 'sleep 100000', { resources: { requests: { cpu: `${most}m` } } })
    const late = await podWhen('late', 'its rejection', (pod) => pod.status?.phase === 'Failed')
    assert.equal(late.status?.reason, 'OutOfcpu')
    assert.match(late.status?.message ?? '', /^Pod was rejected: Node didn't have enough resource: cpu, requested: /)
  })
})

describe('pressure of memory', () => {
  const memory = { resources: { requests: { memory: '1Mi' } } }

  it('makes the node tell of it, ends Pods, and lets only those in that it must', async () => {
    const cluster = running()
    const [node] = cluster.nodes()
    assert.ok(node)
    await create('hog', 'x=$(head -c 20000000 /dev/zero | tr "\\0" x); sleep 100000; echo ${#x}', memory)
    await podWhen('hog', 'its start', ({ status }) => status?.phase === 'Running')
    runStatic('critical', {})
    // No machine has so much: whatever else runs here, the threshold is met.
    await configureKubelets(cluster, { evictionHard: { 'memory.available': '99%' } })

    const { status } = await evicted('hog')
    assert.match(
      status?.message ?? '',
      /^The node was low on resource: memory\. Threshold quantity: \d+\w*, available: \d+\w*\. Container c was using \d+\w*, request is 1Mi, has larger consumption of memory\. $/,
    )
    const target = condition({ status } as Pod, 'DisruptionTarget')
    assert.deepEqual(
      [target?.status, target?.reason, target?.message],
      ['True', 'TerminationByKubelet', status?.message],
    )

    const pressed = await waitFor(
      async () => {
        const found = await cluster.client.get(nodesRef, node.name)
        const tainted = found.spec?.taints?.some(({ key }) => key === 'node.kubernetes.io/memory-pressure')
        return condition(found, 'MemoryPressure')?.status === 'True' && tainted === true ? found : undefined
      },
      { what: 'the condition and its taint' },
    )
    assert.equal(condition(pressed, 'MemoryPressure')?.reason, 'KubeletHasInsufficientMemory')
    assert.equal(condition(pressed, 'DiskPressure')?.status, 'False')
    assert.equal(condition(pressed, 'Ready')?.status, 'True')

    await create('besteffort', 'sleep 100000', {})
    const rejected = await evicted('besteffort')
    assert.equal(rejected.status?.message, 'Pod was rejected: The node had condition: [MemoryPressure]. ')
    const survivor = await podWhen(`critical-${node.name}`, 'a status', (pod) => pod.status?.phase === 'Running')
    assert.equal(survivor.status?.reason, undefined)
  })
})
