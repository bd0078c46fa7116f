/** Devices of device plugins in real containers on one node, and what agents are told of them. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { nodes as nodesRef, pods as podsRef } from '../../api/resources.ts'
import type { Container, Pod } from '../../api/types.ts'
import { GrpcChannel } from '../../component-base/grpc/client.ts'
import { podResources } from '../../kubelet/podresources/messages.ts'
import { startDevicePlugin, type TestDevicePlugin } from '../harness/device-plugin.ts'
import { busyboxImage, ensureTestImages } from '../harness/images.ts'
import { killKubelet } from '../harness/kill.ts'
import { podWhenIn } from '../harness/pods.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const namespace = 'default'
const resource = 'example.com/thing'
ensureTestImages()

let plugin: TestDevicePlugin
let nodeName = ''
let kubeletRoot = ''
const running = useCluster({ nodes: 1 }, async ({ nodes, layout }) => {
  nodeName = nodes()[0]?.name ?? ''
  kubeletRoot = layout.node(nodeName).kubeletRoot
  plugin = await startDevicePlugin({ resource, kubeletRoot, ids: ['t1', 't2', 't3', 't4'], prefersLast: true })
  await plugin.register()
})
after(async () => plugin?.[Symbol.asyncDispose]())
const podWhen = podWhenIn(running)

const amounts = async (name = resource): Promise<string> => {
  const { status } = await running().client.get(nodesRef, nodeName)
  return `${status?.capacity?.[name]}/${status?.allocatable?.[name]}`
}
const amountsBecome = (wanted: string, name = resource): Promise<true> =>
  waitFor(async () => (await amounts(name)) === wanted, { what: `${wanted} of ${name}` })

const create = async (
  name: string,
  count: number,
  fields: Partial<Container> = {},
  init: readonly Container[] = [],
): Promise<void> => {
  const limits = { [resource]: String(count) }
  const container = { name: 'c', image: busyboxImage, command: ['sleep', '100000'], resources: { limits }, ...fields }
  const spec = {
    nodeName,
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    initContainers: [...init],
    containers: [container],
  }
  await running().client.create(podsRef, { metadata: { name, namespace }, spec } as Pod)
}
const started = (name: string): Promise<Pod> =>
  podWhen(name, 'its start', ({ status }) => {
    assert.notEqual(status?.phase, 'Failed', status?.message)
    return status?.phase === 'Running'
  })

/** What an agent on the node is told: devices by Pod. */
const ask = async <T>(question: (channel: GrpcChannel) => Promise<T>): Promise<T> => {
  const channel = new GrpcChannel({ endpoints: [`unix://${join(kubeletRoot, 'pod-resources/kubelet.sock')}`] })
  try {
    return await question(channel)
  } finally {
    channel.close()
  }
}

/** The object goes at once, what the Pod has with its containers. */
const deleted = async (name: string): Promise<void> => {
  await running().client.delete(podsRef, name, namespace)
  await waitFor(
    async () => {
      const { podResources: all } = await ask((channel) => channel.unary(podResources.list, {}))
      return all.every((pod) => pod.name !== name)
    },
    { what: `the end of ${name}` },
  )
}

describe('devices of a plugin', () => {
  it('are in the status of the node with their health', async () => {
    await amountsBecome('4/4')
    plugin.setHealth('t1', false)
    await amountsBecome('4/3')
  })

  it('are in the container: nodes, variables, mounts; the plugin is asked, preferred and told before the start', async () => {
    await create('two', 2)
    await started('two')
    const inside = await running().kubectl(
      'exec',
      'two',
      '--',
      'sh',
      '-c',
      'echo $DEVICES; ls -l /dev/t3 /dev/t4 | cut -c1; cat /etc/device-host',
    )
    assert.match(inside, /^t3,t4\nc\nc\n\S+/)
    assert.deepEqual(plugin.calls.slice(-3), ['prefer 2', 'allocate t3,t4', 'prestart t3,t4'])
  })

  it('are told to agents: who has which, and which there are', async () => {
    const { podResources: all } = await ask((channel) => channel.unary(podResources.list, {}))
    const two = all.find(({ name }) => name === 'two')
    assert.deepEqual(two?.containers, [
      {
        name: 'c',
        devices: [{ resourceName: resource, deviceIds: ['t3', 't4'], topology: undefined }],
        dynamicResources: [],
      },
    ])
    const { devices, cpuIds } = await ask((channel) => channel.unary(podResources.getAllocatable, {}))
    assert.deepEqual(
      devices.map(({ deviceIds }) => deviceIds.toSorted()),
      [['t2', 't3', 't4']],
    )
    assert.ok(cpuIds.length > 0)
    const one = await ask((channel) => channel.unary(podResources.get, { podName: 'two', podNamespace: namespace }))
    assert.equal(one.podResources?.name, 'two')
    await assert.rejects(
      ask((channel) => channel.unary(podResources.get, { podName: 'none', podNamespace: namespace })),
      /pod none in namespace default not found/,
    )
  })

  it('are nobody else’s: a Pod that asks for more than are free is turned away', async () => {
    await create('much', 2)
    const { status } = await podWhen('much', 'its rejection', (pod) => pod.status?.phase === 'Failed')
    assert.equal(status?.reason, `OutOf${resource}`)
  })

  it('stay with their container when the kubelet starts anew, and are free when it has ended', async () => {
    const before = (await running().client.get(podsRef, 'two', namespace)).status?.containerStatuses?.[0]?.containerID
    await killKubelet(running(), nodeName)
    // As plugins do it, which watch for the socket.
    await waitFor(async () => plugin.register().then(() => true), { what: 'a registration' })
    await amountsBecome('4/3')
    const { status } = await started('two')
    assert.equal(status?.containerStatuses?.[0]?.containerID, before)
    const two = await waitFor(
      async () => {
        const { podResources: all } = await ask((channel) => channel.unary(podResources.list, {}))
        return all.find(({ name }) => name === 'two')
      },
      { what: 'an answer that knows the Pod' },
    )
    assert.deepEqual(two.containers[0]?.devices[0]?.deviceIds, ['t3', 't4'])
    await deleted('two')
    await create('three', 3)
    await started('three')
    await deleted('three')
  })

  it('of an init container go on to the next container', async () => {
    const init = {
      name: 'i',
      image: busyboxImage,
      command: ['sh', '-c', 'echo $DEVICES'],
      resources: { limits: { [resource]: '2' } },
    }
    await create('after', 2, {}, [init as Container])
    await started('after')
    const logs = await running().kubectl('logs', 'after', '-c', 'i')
    assert.match(logs, /^t\d,t\d\n$/)
    assert.equal((await running().kubectl('exec', 'after', '--', 'sh', '-c', 'echo $DEVICES')).trim(), logs.trim())
    await deleted('after')
  })

  it('are unhealthy when the plugin goes', async () => {
    await plugin.stop()
    await amountsBecome('4/0')
  })
})

it('a plugin may register by the watcher, and is refused with a reason', async () => {
  await using other = await startDevicePlugin({ resource: 'example.com/other', kubeletRoot, ids: ['o1'] })
  assert.equal(await other.registerByWatcher(), '')
  await amountsBecome('1/1', 'example.com/other')
  await using bad = await startDevicePlugin({ resource: 'cpu', kubeletRoot, ids: [] })
  await assert.rejects(bad.register(), /the ResourceName "cpu" is invalid/)
  await using old = await startDevicePlugin({ resource: 'example.com/old', kubeletRoot, ids: [], version: 'v1alpha' })
  await assert.rejects(
    old.register(),
    /requested API version "v1alpha" is not supported by kubelet. Supported version is "v1beta1"/,
  )
})
