/** What a cluster must survive: every process killed in turn, a node cut off, a restart of everything. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import type { Node, Pod } from '../../api/types.ts'
import { nodes as nodesRef, pods as podsRef } from '../../api/resources.ts'
import { removeBridge, removeNode, setLink } from '../../deploy/network.ts'
import { knownProcesses, running } from '../../deploy/process-table.ts'
import { startCluster, type TestCluster } from '../harness/cluster.ts'
import { busyboxImage, ensureTestImages, webImage } from '../harness/images.ts'
import { waitFor } from '../harness/wait.ts'

let cluster: TestCluster

const podsOf = async (label: string): Promise<Pod[]> =>
  (await cluster.client.list(podsRef, { namespace: 'default', labelSelector: label })).items

const isLive = (pod: Pod): boolean => pod.metadata?.deletionTimestamp === undefined
const isReady = (object: Pod | Node): boolean =>
  object.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false

const whenReady = (label: string, count: number, timeoutMs = 60_000): Promise<Pod[]> =>
  waitFor(
    async () => {
      const pods = (await podsOf(label)).filter(isLive)
      return pods.length === count && pods.every(isReady) ? pods : undefined
    },
    { what: `${count} ready Pods of ${label}`, timeoutMs },
  )

/** Container ids of Pods, which tell whether one was started again. */
const containersOf = (pods: readonly Pod[]): string[] =>
  pods
    .flatMap((pod) =>
      (pod.status?.containerStatuses ?? []).map((status) => `${pod.metadata?.name} ${status.containerID}`),
    )
    .sort()

const whenNodesReady = (count: number): Promise<Node[]> =>
  waitFor(
    async () => {
      const { items } = await cluster.client.list(nodesRef, {})
      return items.filter(isReady).length === count ? items : undefined
    },
    { what: `${count} Ready nodes`, timeoutMs: 90_000 },
  )

before(
  async () => {
    ensureTestImages()
    cluster = await startCluster({
      nodes: 3,
      extraArgs: { 'kube-controller-manager': { 'node-monitor-grace-period': '8s', 'node-monitor-period': '1s' } },
      kubelet: { nodeStatusUpdateFrequency: '2s', nodeLeaseDurationSeconds: 8 },
    })
    // One Pod on every node that nothing in these tests should ever disturb.
    for (const { name } of cluster.nodes()) {
      const overrides = JSON.stringify({ spec: { nodeName: name } })
      await cluster.kubectl(
        'run',
        `steady-${name}`,
        '--labels=app=steady',
        `--image=${busyboxImage}`,
        `--overrides=${overrides}`,
        '--',
        'sleep',
        '100000',
      )
    }
    await whenReady('app=steady', 3)
    await cluster.kubectl('create', 'deployment', 'web', `--image=${webImage(1)}`, '--replicas=2')
    await whenReady('app=web', 2)
  },
  { timeout: 240_000 },
)

after(
  async () => {
    await cluster?.[Symbol.asyncDispose]()
  },
  { timeout: 120_000 },
)

describe('kill -9 of one process while a Deployment is scaled', () => {
  let replicas = 2
  const kinds = [
    'etcd',
    'kube-apiserver',
    'kube-controller-manager',
    'kube-scheduler',
    'kubelet',
    'kube-proxy',
    'supervisor',
  ]
  for (const kind of kinds) {
    it(`${kind}: the cluster converges, and no other container is started again`, { timeout: 120_000 }, async () => {
      const steady = containersOf(await podsOf('app=steady'))
      const name =
        knownProcesses(cluster.layout.run).find((process) => process === kind || process.endsWith(`-${kind}`)) ?? kind
      const victim = running(cluster.layout.run, name)
      assert.ok(victim, `${name} runs`)
      replicas = replicas === 2 ? 5 : 2
      await cluster.kubectl('scale', 'deployment/web', `--replicas=${replicas}`)
      // Acknowledged: it must be there however the processes die.
      await cluster.kubectl('create', 'configmap', `kept-${kind}`, '--from-literal=a=b')
      process.kill(victim.pid, 'SIGKILL')
      if (kind === 'supervisor') await cluster.cli('start')
      await waitFor(
        () => {
          const now = running(cluster.layout.run, name)
          return now !== undefined && now.pid !== victim.pid
        },
        { what: `${name} to run again` },
      )
      await whenReady('app=web', replicas, 90_000)
      await waitFor(() => cluster.kubectl('get', 'configmap', `kept-${kind}`), { what: 'the acknowledged ConfigMap' })
      assert.deepEqual(containersOf(await podsOf('app=steady')), steady)
    })
  }
})

describe('a node whose link is cut', () => {
  it('turns NotReady, its Pods are replaced elsewhere, and the stale ones go when it is back', {
    timeout: 240_000,
  }, async () => {
    const [node] = cluster.nodes()
    assert.ok(node)
    await whenNodesReady(3)
    // A toleration of its own makes the eviction quick: the default is five minutes.
    const tolerations = ['node.kubernetes.io/unreachable', 'node.kubernetes.io/not-ready'].map((key) => ({
      key,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 2,
    }))
    const labels = { app: 'mover' }
    const container = { name: 'main', image: busyboxImage, command: ['sleep', '100000'] }
    const spec = {
      replicas: 6,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { tolerations, terminationGracePeriodSeconds: 1, containers: [container] },
      },
    }
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'mover' }, spec }
    await cluster.kubectl.withInput(JSON.stringify(deployment), 'apply', '-f', '-')
    const before = await whenReady('app=mover', 6)
    const stale = before.filter((pod) => pod.spec?.nodeName === node.name)
    assert.ok(stale.length > 0)
    await setLink(cluster.config(), node, 'down')
    try {
      await whenNodesReady(2)
      const conditions = (await cluster.client.get(nodesRef, node.name)).status?.conditions ?? []
      assert.equal(conditions.find(({ type }) => type === 'Ready')?.status, 'Unknown')
      await waitFor(
        async () => {
          // The Pods of the lost node say for a moment longer that they are ready.
          const pods = (await podsOf('app=mover')).filter(isLive).filter((pod) => pod.spec?.nodeName !== node.name)
          return pods.length === 6 && pods.every(isReady)
        },
        { what: 'six ready Pods on the other nodes', timeoutMs: 90_000 },
      )
    } finally {
      await setLink(cluster.config(), node, 'up')
    }
    await whenNodesReady(3)
    await waitFor(async () => (await podsOf('app=mover')).length === 6, {
      what: 'the stale Pods to go',
      timeoutMs: 60_000,
    })
    const containers = (): string =>
      execFileSync(
        'docker',
        ['ps', '-q', ...stale.flatMap((pod) => ['--filter', `label=io.kubernetes.pod.uid=${pod.metadata?.uid}`])],
        { encoding: 'utf8' },
      )
    await waitFor(() => containers() === '', { what: 'the stale containers to go', timeoutMs: 60_000 })
    await cluster.kubectl('delete', 'deployment', 'mover')
  })
})

describe('npm stop and npm start', () => {
  it('bring the same cluster back with its data', { timeout: 240_000 }, async () => {
    const uids = (await podsOf('app=steady')).map((pod) => pod.metadata?.uid ?? '').sort()
    await cluster.cli('stop')
    assert.equal(knownProcesses(cluster.layout.run).filter((name) => running(cluster.layout.run, name)).length, 0)
    await cluster.cli('start')
    await whenNodesReady(3)
    const pods = await whenReady('app=steady', 3, 90_000)
    assert.deepEqual(pods.map((pod) => pod.metadata?.uid ?? '').sort(), uids)
    await cluster.kubectl('get', 'configmap', 'kept-etcd')
  })
})

describe('a restart of the machine', () => {
  it('loses nothing: the same Pods run again after npm start', { timeout: 240_000 }, async () => {
    const uids = (await podsOf('app=steady')).map((pod) => pod.metadata?.uid ?? '').sort()
    // What a power cut leaves: no process, no running container, no network; only what is on disk.
    const names = knownProcesses(cluster.layout.run).toSorted((a) => (a === 'supervisor' ? -1 : 1))
    for (const name of names) {
      const record = running(cluster.layout.run, name)
      if (record !== undefined) process.kill(record.pid, 'SIGKILL')
    }
    const ours = cluster.nodes().map(({ name }) => ['-q', '--filter', `label=io.kubets.node=${name}`])
    for (const filter of ours) {
      const ids = execFileSync('docker', ['ps', ...filter], { encoding: 'utf8' })
        .split('\n')
        .filter(Boolean)
      if (ids.length > 0) execFileSync('docker', ['kill', ...ids], { stdio: 'ignore' })
    }
    for (const node of cluster.nodes()) await removeNode(cluster.config(), node)
    await removeBridge(cluster.config())
    await cluster.cli('start')
    await whenNodesReady(3)
    const pods = await whenReady('app=steady', 3, 90_000)
    assert.deepEqual(pods.map((pod) => pod.metadata?.uid ?? '').sort(), uids)
  })
})

describe('a change of the cluster file', () => {
  it('adds and removes a node while the cluster runs', { timeout: 180_000 }, async () => {
    const file = cluster.layout.clusterFile
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace('count: 3', 'count: 4'))
    await whenNodesReady(4)
    writeFileSync(file, text)
    await waitFor(async () => (await cluster.client.list(nodesRef, {})).items.length === 3, {
      what: 'the fourth Node to go',
      timeoutMs: 60_000,
    })
  })
})
