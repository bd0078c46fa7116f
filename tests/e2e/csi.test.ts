/** Volumes of a CSI driver in real containers: attached, staged, published, and taken down again. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import {
  csiDrivers,
  csiNodes,
  nodes as nodesRef,
  persistentVolumeClaims,
  persistentVolumes,
  pods as podsRef,
  secrets,
  volumeAttachments,
} from '../../api/resources.ts'
import type { CSIDriver, PersistentVolume, Pod, PodSpec, Volume } from '../../api/types.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import { startCsiDriver, type TestCsiDriver } from '../harness/csi-driver.ts'
import { busyboxImage, ensureTestImages } from '../harness/images.ts'
import { killKubelet } from '../harness/kill.ts'
import { podEventIn, podWhenIn } from '../harness/pods.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const namespace = 'default'
const driverName = 'folders.csi.example.com'
ensureTestImages()

/** A block device of eight mebibytes that is full of one letter. */
const image = join(tmpdir(), `kubets-blocks-${process.pid}`)
writeFileSync(image, 'b'.repeat(8 * 1024 * 1024))
const loop = execFileSync('losetup', ['-f', '--show', image], { encoding: 'utf8' }).trim()

/** The external attacher of this driver: whatever is to be attached is. */
const attacher = new AbortController()
const attach = async (client: RestClient): Promise<void> => {
  while (!attacher.signal.aborted) {
    const { items } = await client.list(volumeAttachments, {}).catch(() => ({ items: [] }))
    for (const { metadata, status } of items) {
      if (status?.attached === true) continue
      await client
        .patch(
          volumeAttachments,
          metadata?.name ?? '',
          undefined,
          { status: { attached: true, attachmentMetadata: { device: '/dev/folder' } } },
          { type: 'merge', subresource: 'status' },
        )
        .catch(() => undefined)
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

let driver: TestCsiDriver
let nodeName = ''
let kubeletRoot = ''
const running = useCluster({ nodes: 1 }, async ({ nodes, layout, client }) => {
  nodeName = nodes()[0]?.name ?? ''
  kubeletRoot = layout.node(nodeName).kubeletRoot
  const spec = { attachRequired: true, podInfoOnMount: true, fsGroupPolicy: 'File', requiresRepublish: false }
  const more = { volumeLifecycleModes: ['Persistent', 'Ephemeral'], tokenRequests: [{ audience: 'vault' }] }
  await client.create(csiDrivers, { metadata: { name: driverName }, spec: { ...spec, ...more } } as CSIDriver)
  await client.create(secrets, { metadata: { name: 'keys', namespace }, stringData: { password: 'open' } })
  driver = await startCsiDriver({
    name: driverName,
    kubeletRoot,
    capabilities: ['stageUnstageVolume', 'expandVolume'],
    device: loop,
    maxVolumes: 7,
    topology: { 'topology.folders.csi.example.com/rack': 'r1' },
  })
  void attach(client)
})
const podWhen = podWhenIn(running)
const podEvent = podEventIn(running)

after(async () => {
  attacher.abort()
  try {
    await driver?.[Symbol.asyncDispose]()
  } finally {
    execFileSync('losetup', ['-d', loop])
    rmSync(image)
  }
})

const createClaim = async (
  name: string,
  accessMode = 'ReadWriteOnce',
  more: { volumeMode?: string; local?: object; nodeAffinity?: object } = {},
): Promise<void> => {
  const { client } = running()
  const storage = '1Gi'
  const csi = {
    driver: driverName,
    volumeHandle: `vol-${name}`,
    volumeAttributes: { color: 'red' },
    nodePublishSecretRef: { name: 'keys', namespace },
  }
  const { local, nodeAffinity, volumeMode = 'Filesystem' } = more
  const source = local === undefined ? { csi } : { local, nodeAffinity }
  const spec = { capacity: { storage }, accessModes: [accessMode], ...source, volumeMode, storageClassName: '' }
  const claimRef = { namespace, name, kind: 'PersistentVolumeClaim', apiVersion: 'v1' }
  await client.create(persistentVolumes, { metadata: { name }, spec: { ...spec, claimRef } } as PersistentVolume)
  const resources = { requests: { storage } }
  const claim = { accessModes: [accessMode], storageClassName: '', volumeName: name, volumeMode, resources }
  await client.create(persistentVolumeClaims, { metadata: { name, namespace }, spec: claim })
}

const createPod = async (name: string, script: string, source: Omit<Volume, 'name'>, more: Partial<PodSpec> = {}) => {
  const container = {
    name: 'c',
    image: busyboxImage,
    command: ['sh', '-c', script],
    volumeMounts: [{ name: 'data', mountPath: '/data' }],
  }
  const volumes = [{ name: 'data', ...source }]
  const spec: PodSpec = { terminationGracePeriodSeconds: 0, containers: [container], volumes, ...more }
  await running().client.create(podsRef, { metadata: { name, namespace }, spec } as Pod)
}
const claimed = (claimName: string): Omit<Volume, 'name'> => ({ persistentVolumeClaim: { claimName } })
const isRunning = ({ status }: Pod): boolean => status?.containerStatuses?.[0]?.state?.running !== undefined
const whenGone = (name: string): Promise<true> =>
  waitFor(
    async () => {
      const { items } = await running().client.list(podsRef, { namespace, fieldSelector: `metadata.name=${name}` })
      return items.length === 0 ? true : undefined
    },
    { what: `the end of ${name}` },
  )
const called = (volume: string): string[] =>
  driver.calls.filter((call) => call.endsWith(` ${volume}`)).map((call) => call.split(' ')[0] ?? '')

describe('a CSI driver', () => {
  it('is written into CSINode and Node when it registers', async () => {
    assert.equal(await driver.registered, '')
    const { spec } = await running().client.get(csiNodes, nodeName)
    assert.deepEqual(spec.drivers, [
      {
        name: driverName,
        nodeID: 'node-of-the-driver',
        topologyKeys: ['topology.folders.csi.example.com/rack'],
        allocatable: { count: 7 },
      },
    ])
    const { metadata } = await running().client.get(nodesRef, nodeName)
    assert.equal(metadata?.labels?.['topology.folders.csi.example.com/rack'], 'r1')
    assert.deepEqual(JSON.parse(metadata?.annotations?.['csi.volume.kubernetes.io/nodeid'] ?? ''), {
      [driverName]: 'node-of-the-driver',
    })
  })

  it('gives a claim to a Pod: attached, staged once, published to each, and taken down with the last', async () => {
    const { client, kubectl } = running()
    await createClaim('disk', 'ReadWriteMany')
    await createPod('writer', 'id -G > /data/groups; echo hello > /data/greeting; sleep 100000', claimed('disk'), {
      securityContext: { fsGroup: 4242 },
    })
    await podWhen('writer', 'its start', isRunning)
    await createPod('reader', 'sleep 100000', claimed('disk'))
    await podWhen('reader', 'its start', isRunning)
    assert.equal((await kubectl('exec', 'reader', '--', 'cat', '/data/greeting')).trim(), 'hello')
    assert.match(await kubectl('exec', 'reader', '--', 'stat', '-c', '%g', '/data'), /^4242$/m)
    assert.deepEqual(called('vol-disk').toSorted(), ['publish', 'publish', 'stage', 'stage'])

    const context = driver.contexts.get('vol-disk') ?? {}
    assert.equal(context['device'], '/dev/folder')
    assert.equal(context['color'], 'red')
    assert.equal(context['password'], 'open')
    assert.equal(context['csi.storage.k8s.io/pod.name'], 'reader')
    assert.equal(context['csi.storage.k8s.io/ephemeral'], 'false')
    assert.ok(JSON.parse(context['csi.storage.k8s.io/serviceAccount.tokens'] ?? '{}').vault.token)
    await waitFor(
      async () => (await client.get(nodesRef, nodeName)).status?.volumesInUse?.some((id) => id.endsWith('^vol-disk')),
      { what: 'the volume in the status of its Node' },
    )

    await client.delete(podsRef, 'writer', namespace, {})
    await whenGone('writer')
    assert.ok(!called('vol-disk').includes('unstage'))
    assert.equal((await kubectl('exec', 'reader', '--', 'cat', '/data/greeting')).trim(), 'hello')
    await client.delete(podsRef, 'reader', namespace, {})
    await whenGone('reader')
    await waitFor(() => called('vol-disk').includes('unstage'), { what: 'the end of the staging' })
    assert.equal(readFileSync(join(driver.folder('vol-disk'), 'greeting'), 'utf8'), 'hello\n')
  })

  it('makes a volume that lives and dies with its Pod', async () => {
    await createPod('inline', 'sleep 100000', { csi: { driver: driverName, volumeAttributes: { size: 'small' } } })
    const { metadata } = await podWhen('inline', 'its start', isRunning)
    const [volume, context] = [...driver.contexts].findLast(([, { size }]) => size === 'small') ?? []
    assert.match(volume ?? '', /^csi-[0-9a-f]{64}$/)
    assert.equal(context?.['csi.storage.k8s.io/ephemeral'], 'true')
    assert.equal(context?.['csi.storage.k8s.io/pod.uid'], metadata?.uid)
    await running().client.delete(podsRef, 'inline', namespace, {})
    await whenGone('inline')
    // Forced, as the Pod has no grace period: its object goes before its volumes.
    await waitFor(() => called(volume ?? '').includes('unpublish'), { what: 'the end of the volume' })
    assert.deepEqual(called(volume ?? ''), ['publish', 'unpublish'])
  })

  it('that fails keeps the Pod waiting, with its words in an event', async () => {
    driver.failure = 'the folder is on fire'
    await createPod('unlucky', 'sleep 100000', { csi: { driver: driverName } })
    await podEvent('unlucky', 'FailedMount', 'the folder is on fire')
    driver.failure = ''
    await podWhen('unlucky', 'its start', isRunning)
  })

  it('that nobody knows is named', async () => {
    await createPod('stranger', 'true', { csi: { driver: 'nobody.example.com' } })
    await podEvent('stranger', 'FailedMount', 'driver name nobody.example.com not found in the list')
  })

  it('grows a file system that its controller has made room for', async () => {
    const { client } = running()
    await createClaim('grows')
    await createPod('growing', 'sleep 100000', claimed('grows'))
    await podWhen('growing', 'its start', isRunning)
    await client.patch(
      persistentVolumes,
      'grows',
      undefined,
      { spec: { capacity: { storage: '2Gi' } } },
      { type: 'merge' },
    )
    const conditions = [{ type: 'FileSystemResizePending', status: 'True' }]
    const claim = { type: 'merge', subresource: 'status' } as const
    await client.patch(persistentVolumeClaims, 'grows', namespace, { status: { conditions } }, claim)
    // The kubelet looks again when the Pod gives it a reason, or within a minute.
    await client.patch(podsRef, 'growing', namespace, { metadata: { labels: { look: 'again' } } }, { type: 'merge' })
    const grown = await waitFor(
      async () => {
        const found = await client.get(persistentVolumeClaims, 'grows', namespace)
        return found.status?.capacity?.['storage'] === '2Gi' ? found : undefined
      },
      { what: 'the larger capacity' },
    )
    assert.deepEqual(grown.status?.conditions ?? [], [])
    assert.ok(called('vol-grows').includes('expand'))
  })

  it('is asked for nothing twice by a kubelet that was killed, and forgotten by none', async () => {
    const { client, kubectl } = running()
    await createClaim('kept')
    await createPod('steady', 'echo 1 >> /data/starts; sleep 100000', claimed('kept'))
    await podWhen('steady', 'its start', isRunning)
    const before = called('vol-kept')
    const nodeStatus = async () => (await client.get(nodesRef, nodeName)).status
    const heartbeat = async () =>
      (await nodeStatus())?.conditions?.find(({ type }) => type === 'Ready')?.lastHeartbeatTime
    const beaten = await heartbeat()
    await killKubelet(running(), nodeName)
    writeFileSync(join(driver.folder('vol-kept'), 'witness'), 'here')
    const read = () => kubectl('exec', 'steady', '--', 'cat', '/data/witness', '/data/starts').catch(() => undefined)
    assert.equal(await waitFor(read, { what: 'an answer from the new kubelet' }), 'here1\n')
    assert.deepEqual(called('vol-kept'), before)
    await waitFor(async () => (await heartbeat()) !== beaten, {
      what: 'a status by the new kubelet',
      timeoutMs: 60_000,
    })
    await waitFor(async () => (await nodeStatus())?.volumesInUse?.some((id) => id.endsWith('^vol-kept')), {
      what: 'the volume in it',
    })
    const { metadata } = await client.get(podsRef, 'steady', namespace)
    await client.delete(podsRef, 'steady', namespace, {})
    await whenGone('steady')
    await waitFor(() => called('vol-kept').includes('unstage'), { what: 'the end of the staging' })
    const volumes = join(kubeletRoot, 'pods', metadata?.uid ?? '', 'volumes')
    await waitFor(() => !existsSync(volumes), { what: 'the end of the folder' })
  })

  it('gives a raw block device, as does a local volume', async () => {
    const { client } = running()
    await createClaim('blocks', 'ReadWriteOnce', { volumeMode: 'Block' })
    const here = { key: 'kubernetes.io/hostname', operator: 'In', values: [nodeName] }
    const nodeAffinity = { required: { nodeSelectorTerms: [{ matchExpressions: [here] }] } }
    await createClaim('disk-itself', 'ReadWriteOnce', { volumeMode: 'Block', local: { path: loop }, nodeAffinity })
    for (const claim of ['blocks', 'disk-itself']) {
      const script = 'test -b /dev/disk && head -c 3 /dev/disk && stat -c %F /dev/disk'
      const container = {
        name: 'c',
        image: busyboxImage,
        command: ['sh', '-c', script],
        volumeDevices: [{ name: 'data', devicePath: '/dev/disk' }],
      }
      const spec = { restartPolicy: 'Never', containers: [container], volumes: [{ name: 'data', ...claimed(claim) }] }
      await client.create(podsRef, { metadata: { name: claim, namespace }, spec } as Pod)
      await podWhen(claim, 'its end', ({ status }) => status?.phase === 'Succeeded' || status?.phase === 'Failed')
      assert.equal(await running().kubectl('logs', claim), 'bbbblock special file\n')
    }
    await client.delete(podsRef, 'blocks', namespace, {})
    await waitFor(() => called('vol-blocks').includes('unstage'), { what: 'the end of the staging' })
  })

  it('that goes away is taken out of the CSINode', async () => {
    const second = await startCsiDriver({ name: 'short.csi.example.com', kubeletRoot })
    assert.equal(await second.registered, '')
    await second[Symbol.asyncDispose]()
    await waitFor(
      async () => {
        const { spec } = await running().client.get(csiNodes, nodeName)
        return spec.drivers.length === 1
      },
      { what: 'a CSINode without it' },
    )
  })
})
