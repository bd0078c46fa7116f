/** Devices of resource claims in real containers: prepared by a driver before the Pod, taken back after it. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { pods as podsRef, resourceClaims } from '../../api/resources.ts'
import type { Container, Pod, ResourceClaim } from '../../api/types.ts'
import { startDraDriver, type TestDraDriver } from '../harness/dra-driver.ts'
import { busyboxImage, ensureTestImages } from '../harness/images.ts'
import { killKubelet } from '../harness/kill.ts'
import { podEventIn, podWhenIn } from '../harness/pods.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const namespace = 'default'
const driverName = 'things.example.com'
ensureTestImages()

let driver: TestDraDriver
let nodeName = ''
const running = useCluster({ nodes: 1 }, async ({ nodes, layout }) => {
  nodeName = nodes()[0]?.name ?? ''
  driver = await startDraDriver(driverName, layout.node(nodeName).kubeletRoot, (claim) => [
    { request: 'left', device: `${claim}l` },
    { request: 'right', device: `${claim}r` },
  ])
})
after(async () => driver?.[Symbol.asyncDispose]())
const podWhen = podWhenIn(running)

const createClaim = async (name: string): Promise<void> => {
  const requests = ['left', 'right'].map((request) => ({
    name: request,
    exactly: { deviceClassName: 'things', allocationMode: 'ExactCount', count: 1 },
  }))
  const claim = { metadata: { name, namespace }, spec: { devices: { requests } } } as ResourceClaim
  await running().client.create(resourceClaims, claim)
}

/** As a scheduler does it. The controller then reserves it for the Pods that are on a node already. */
const allocate = async (name: string): Promise<void> => {
  const results = ['left', 'right'].map((request) => ({
    request,
    driver: driverName,
    pool: nodeName,
    device: `${name}${request[0]}`,
  }))
  const patch = { status: { allocation: { devices: { results } } } }
  await running().client.patch(resourceClaims, name, namespace, patch, { type: 'merge', subresource: 'status' })
}

const allocatedClaim = async (name: string): Promise<void> => {
  await createClaim(name)
  await allocate(name)
}

/** On the node already: no scheduler has a say. */
const createPod = async (name: string, claim: string, claims: readonly object[], script = 'sleep 100000') => {
  const container = {
    name: 'c',
    image: busyboxImage,
    command: ['sh', '-c', script],
    resources: { claims },
  } as Container
  const spec = {
    nodeName,
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 0,
    containers: [container],
    resourceClaims: [{ name: 'mine', resourceClaimName: claim }],
  }
  return running().client.create(podsRef, { metadata: { name, namespace }, spec } as Pod)
}
const isRunning = ({ status }: Pod): boolean => status?.containerStatuses?.[0]?.state?.running !== undefined
const inside = async (name: string, script: string): Promise<string> =>
  (await running().kubectl('exec', name, '--', 'sh', '-c', script)).trim()
const podEvent = podEventIn(running)
const whenEvent = (name: string, text: string): Promise<true> => podEvent(name, 'FailedPrepareDynamicResources', text)

describe('a resource claim', () => {
  it('waits until it is allocated and reserved for the Pod, then gives its devices to the container', async () => {
    assert.equal(await driver.registered, '')
    await createClaim('whole')
    await createPod('user', 'whole', [{ name: 'mine' }])
    await whenEvent('user', 'is not allowed to use ResourceClaim whole')
    assert.deepEqual(driver.calls, [])
    await allocate('whole')
    await podWhen('user', 'its start', isRunning)
    assert.equal(await inside('user', 'test -c /dev/wholel && test -c /dev/wholer && echo $THING_WHOLEL'), 'here')
  })

  it('gives of its devices those of the request that the container names', async () => {
    await allocatedClaim('part')
    await createPod('picky', 'part', [{ name: 'mine', request: 'right' }])
    await podWhen('picky', 'its start', isRunning)
    assert.equal(await inside('picky', 'test -c /dev/partr; echo $?; test -e /dev/partl; echo $?'), '0\n1')
  })

  it('is prepared once for Pods that share it, also over a kill of the kubelet, and taken back with the last', async () => {
    const { client } = running()
    await allocatedClaim('shared')
    await createPod('one', 'shared', [{ name: 'mine' }])
    await createPod('two', 'shared', [])
    await podWhen('one', 'its start', isRunning)
    await podWhen('two', 'its start', isRunning)
    await Promise.all([
      killKubelet(running(), nodeName),
      client.delete(podsRef, 'one', namespace, { gracePeriodSeconds: 0 }),
    ])
    await waitFor(async () => (await inside('two', 'echo up')) === 'up', { what: 'the new kubelet' })
    const of = (): string[] => driver.calls.filter((call) => call.endsWith(' shared'))
    assert.deepEqual(of(), ['prepare shared'])
    await client.delete(podsRef, 'two', namespace, { gracePeriodSeconds: 0 })
    await waitFor(() => of().length === 2, { what: 'the end of the claim' })
    assert.deepEqual(of(), ['prepare shared', 'unprepare shared'])
  })

  it('that its driver refuses keeps the Pod waiting, with the driver’s words', async () => {
    driver.failure = 'all things are broken'
    await allocatedClaim('broken')
    await createPod('unlucky', 'broken', [{ name: 'mine' }])
    await whenEvent('unlucky', 'NodePrepareResources failed for ResourceClaim broken: all things are broken')
    driver.failure = ''
    await podWhen('unlucky', 'its start', isRunning)
  })
})
